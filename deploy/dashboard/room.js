"use strict";
// The page of one room: this moment, the last hour, and the record of its day, hour by hour.

class RoomPage {
  #now;
  #hour;
  #day;
  #health = "";

  constructor(room) {
    this.room = room;
    this.element = document.getElementById("room").content.firstElementChild.cloneNode(true);
    this.element.dataset.room = room.key;
    this.#now = new Now(this.element);
    const [hour, day] = this.element.querySelectorAll("figure");
    this.#hour = new Timeline(hour);
    this.#day = new Timeline(day);
    this.#part(".save").addEventListener("click", () => this.#save());
  }

  update(now) {
    const { device, windows } = this.room;
    this.#now.update(this.room, now);
    const count = windows.length === 1 ? "1 window" : `${windows.length.toLocaleString("en")} windows`;
    say(this.#part(".save"), windows.length ? `Save ${count} as CSV` : "Nothing to save yet");
    this.#part(".save").disabled = !windows.length;
    const facts = health(device, now);
    if (JSON.stringify(facts) === this.#health) return;
    this.#health = JSON.stringify(facts);
    this.#part("dl").replaceChildren(
      ...facts.map(([name, value]) => {
        const [pair, term, meaning] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
        term.textContent = name;
        meaning.textContent = value;
        pair.append(term, meaning);
        return pair;
      }),
    );
  }

  chart(now) {
    this.room.changed = false;
    const { name } = naming(this.room);
    this.#hour.show(this.room.windows, 1, now, name);
    this.#day.show(this.room.windows, 24, now, name);
    const rows = hoursOf(this.room.windows, now);
    this.#part("tbody").replaceChildren(...rows.map(hourRow));
    this.#part(".byhour").hidden = !rows.length;
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }

  #save() {
    const { device, source, windows } = this.room;
    save(`${device.id}-${source}-${new Date().toISOString().slice(0, 10)}.csv`, csv(windows));
  }
}

/** The hours of the last day in which a window ended, the newest first: spaces as a chart has them. */
function hoursOf(windows, now) {
  const hours = new Map();
  for (const window of windows) {
    if (window.at === null || window.at < now - DAY_MS) continue;
    const at = new Date(window.at - 1); // a window that ends with the hour belongs to it
    at.setMinutes(0, 0, 0);
    if (!hours.has(+at)) hours.set(+at, emptySpace(+at));
    pour(window, hours.get(+at));
  }
  return [...hours.values()].reverse();
}

function hourRow(hour) {
  const row = document.createElement("tr");
  const cell = (words, tag = "td") => {
    const made = row.appendChild(document.createElement(tag));
    made.textContent = words;
    return made;
  };
  cell(clock(hour.from), "th").scope = "row";
  cell(hour.people).className = "number";
  const mix = cell("").appendChild(document.createElement("div"));
  mix.className = hour.emotions ? "mix" : "unknown";
  if (hour.emotions)
    for (const name of EMOTIONS) {
      const part = mix.appendChild(document.createElement("i"));
      part.className = name;
      part.style.flexGrow = hour.emotions[name];
    }
  else mix.textContent = { blind: "no picture", nobody: "nobody", withheld: "withheld" }[hour.kind];
  cell(hour.emotions ? shares(hour.emotions) : "–").className = "words";
  return row;
}
