"use strict";
// The page of one room: its current state, the last hour, and the last day hour by hour.

class RoomPage {
  #state;
  #lastHour;
  #lastDay;
  #health = "";

  constructor(room) {
    this.room = room;
    this.element = cloneTemplate("room");
    this.element.dataset.room = room.key;
    this.#state = new StateView(this.element);
    const [hour, day] = this.element.querySelectorAll("figure");
    this.#lastHour = new Timeline(hour);
    this.#lastDay = new Timeline(day);
    this.#find(".save").addEventListener("click", () => this.#save());
  }

  update(now) {
    const { device, windows } = this.room;
    this.#state.update(this.room, now);
    const count = windows.length === 1 ? "1 window" : `${windows.length.toLocaleString("en")} windows`;
    setText(this.#find(".save"), windows.length ? `Save ${count} as CSV` : "Nothing to save yet");
    this.#find(".save").disabled = !windows.length;
    this.#showHealth(deviceHealth(device, now));
  }

  updateCharts(now) {
    this.room.changed = false;
    this.#lastHour.show(this.room, 1, now);
    this.#lastDay.show(this.room, 24, now);
    const rows = binByHour(this.room.windows, now);
    this.#find("tbody").replaceChildren(...rows.map((hour) => hourRow(hour, this.room.device.info?.order)));
    this.#find(".byhour").hidden = !rows.length;
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  #showHealth(values) {
    if (JSON.stringify(values) === this.#health) return;
    this.#health = JSON.stringify(values);
    this.#find("dl").replaceChildren(
      ...values.map(([name, value]) => {
        const [pair, term, description] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
        term.textContent = name;
        description.textContent = value;
        pair.append(term, description);
        return pair;
      }),
    );
  }

  #save() {
    const { device, source, windows } = this.room;
    download(`${device.id}-${source}-${new Date().toISOString().slice(0, 10)}.csv`, toCsv(windows));
  }
}

/** The hours of the last day in which a window ended, as bins, the newest first. */
function binByHour(windows, now) {
  const hours = new Map();
  for (const window of windows) {
    if (window.at === null || window.at < now - DAY_MS) continue;
    const start = new Date(window.at - 1); // a window that ends on the hour belongs to the hour before
    start.setMinutes(0, 0, 0);
    const key = start.getTime();
    if (!hours.has(key)) hours.set(key, emptyBin(key));
    addToBin(window, hours.get(key));
  }
  return [...hours.values()].reverse();
}

function hourRow(hour, order) {
  const row = document.createElement("tr");
  const time = document.createElement("th");
  time.scope = "row";
  time.textContent = formatTime(hour.start);
  const [people, mix, largest] = ["number", "", "words"].map((name) => {
    const cell = document.createElement("td");
    cell.className = name;
    return cell;
  });
  people.textContent = hour.people;
  mix.append(hourMix(hour, order));
  largest.textContent = hour.emotions ? formatShares(hour.emotions) : "–";
  row.append(time, people, mix, largest);
  return row;
}

function hourMix(hour, order) {
  const mix = document.createElement("div");
  mix.className = hour.emotions ? "mix" : "unknown";
  if (!hour.emotions) {
    mix.textContent = { noFrames: "no images", nobody: "nobody", withheld: "withheld" }[hour.kind];
    return mix;
  }
  for (const name of registry.labels
    .sort(Object.keys(hour.emotions), order)
    .filter((name) => hour.emotions[name] > 0)) {
    const part = registry.labels.paint(mix.appendChild(document.createElement("i")), name);
    part.style.flexGrow = hour.emotions[name];
  }
  return mix;
}
