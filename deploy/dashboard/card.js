"use strict";
// One room among many.

class Card {
  #now;
  #timeline;

  constructor(room) {
    this.room = room;
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.element.dataset.room = room.key;
    const title = this.element.querySelector("h2");
    title.id = `room ${room.key}`.replaceAll(/[ /]/g, "-");
    title.querySelector("a").href = `#${room.key}`;
    this.element.setAttribute("aria-labelledby", title.id);
    this.#now = new Now(this.element);
    this.#timeline = new Timeline(this.element.querySelector("figure"));
  }

  /** What the cards are ordered by. */
  get order() {
    const { site = "", room = "" } = this.room.device.info ?? {};
    return `${site}\n${room}\n${this.room.key}`;
  }

  update(now) {
    this.#now.update(this.room, now);
  }

  chart(hours, now) {
    this.room.changed = false;
    this.#timeline.show(this.room.windows, hours, now, naming(this.room).name);
  }

  /** A small chart is to look at; the room's own page has one to walk through. */
  set compact(compact) {
    const chart = this.element.querySelector(".chart");
    if (chart.tabIndex !== (compact ? -1 : 0)) chart.tabIndex = compact ? -1 : 0;
  }
}
