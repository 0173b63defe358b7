"use strict";
// A chart with its axis and its caption. Pointer and keyboard move a cursor through it.

class Timeline {
  #figure;
  #cursor = null;
  #bins = [];
  #hours = 1;
  #order = [];
  #size = { width: 0, height: 0 }; // kept by the ResizeObserver: to measure would force a layout for every chart

  /** `figure` comes from a template of index.html. */
  constructor(figure) {
    this.#figure = figure;
    const chart = this.#find(".chart");
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.#drawAxis();
      this.#moveTo(this.#cursor);
    }).observe(chart);
    chart.addEventListener("pointermove", (event) => {
      const { left, width } = chart.getBoundingClientRect();
      this.#moveTo(Math.floor(((event.clientX - left) / width) * this.#bins.length));
    });
    chart.addEventListener("pointerleave", () => this.#moveTo(null));
    chart.addEventListener("blur", () => this.#moveTo(null));
    chart.addEventListener("keydown", (event) => this.#handleKey(event));
  }

  /** Show the windows of a room in the last `hours`, 1 or 24. */
  show(room, hours, now) {
    this.#hours = hours;
    this.#order = room.device.info?.order ?? [];
    this.#bins = binWindows(room.windows, hours, now);
    const { name } = roomLabel(room);
    const chart = this.#find(".chart");
    chart.setAttribute("aria-label", `Emotions and people in ${name}, last ${hours === 1 ? "hour" : "24 hours"}`);
    chart.setAttribute("aria-valuemin", 0);
    chart.setAttribute("aria-valuemax", this.#bins.length - 1);
    this.#drawAxis();
    this.#moveTo(this.#cursor);
  }

  /** Label full hours, or quarters of an hour, in local time. */
  #drawAxis() {
    const { width } = this.#size;
    if (!width || !this.#bins.length) return;
    const start = this.#bins[0].start;
    const lengthMs = this.#bins.length * (this.#bins[1].start - start);
    const minutes = this.#hours === 1 ? 15 : width > 700 ? 120 : 360;
    const time = new Date(start);
    time.setHours(0, 0, 0, 0);
    const labels = [];
    for (; time.getTime() < start + lengthMs; time.setMinutes(time.getMinutes() + minutes)) {
      const leftPercent = (100 * (time.getTime() - start)) / lengthMs;
      if (leftPercent < 0 || leftPercent > 96) continue;
      const label = document.createElement("span");
      label.textContent = formatTime(time);
      label.style.left = `${leftPercent}%`;
      label.className = leftPercent * width < 1600 ? "first" : "";
      labels.push(label);
    }
    this.#find(".axis").replaceChildren(...labels);
  }

  #find(selector) {
    return this.#figure.querySelector(selector);
  }

  /** Move the cursor to the bin with this index; null removes it. */
  #moveTo(index) {
    const count = this.#bins.length;
    if (!count) return;
    this.#cursor = index === null ? null : Math.min(Math.max(index, 0), count - 1);
    const chart = this.#find(".chart");
    const sentence = this.#cursor === null ? summarizeChart(this.#bins) : describeBin(this.#bins[this.#cursor]);
    chart.setAttribute("aria-valuenow", this.#cursor ?? count - 1);
    chart.setAttribute("aria-valuetext", sentence);
    setText(this.#find("figcaption"), sentence);
    drawChart(chart, this.#size, this.#bins, this.#cursor, this.#order);
  }

  #handleKey(event) {
    const last = this.#bins.length - 1;
    const index = this.#cursor ?? last;
    const target = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      PageUp: index - 10,
      PageDown: index + 10,
      Home: 0,
      End: last,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#moveTo(target);
  }
}
