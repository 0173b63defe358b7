"use strict";
// The card of a room among all rooms.

class RoomCard {
  #state;
  #timeline;

  constructor(room) {
    this.room = room;
    this.element = cloneTemplate("card");
    this.element.dataset.room = room.key;
    const title = this.element.querySelector("h2");
    title.id = `room ${room.key}`.replaceAll(/[ /]/g, "-");
    title.querySelector("a").href = `#${room.key}`;
    this.element.setAttribute("aria-labelledby", title.id);
    this.#state = new StateView(this.element);
    this.#timeline = new Timeline(this.element.querySelector("figure"));
  }

  /** Cards are sorted by this text: site, room, ids. */
  get sortKey() {
    const { site = "", room = "" } = this.room.device.info ?? {};
    return `${site}\n${room}\n${this.room.key}`;
  }

  update(now) {
    this.#state.update(this.room, now);
  }

  updateChart(hours, now) {
    this.room.changed = false;
    this.#timeline.show(this.room, hours, now);
  }

  /** Small charts take no keyboard focus; the page of the room has charts that do. */
  set compact(compact) {
    const chart = this.element.querySelector(".chart");
    if (chart.tabIndex !== (compact ? -1 : 0)) chart.tabIndex = compact ? -1 : 0;
  }
}
