"use strict";
// A chart with its axis and its caption, which a pointer and the keyboard walk through.

class Timeline {
  #figure;
  #cursor = null;
  #spaces = [];
  #hours = 1;
  #size = { width: 0, height: 0 }; // told by the browser: asking for it would lay the page out once per chart

  /** `figure` is made of the template. */
  constructor(figure) {
    this.#figure = figure;
    const chart = this.#part(".chart");
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      this.#axis();
      this.#point(this.#cursor);
    }).observe(chart);
    chart.addEventListener("pointermove", (event) => {
      const { left, width } = chart.getBoundingClientRect();
      this.#point(Math.floor(((event.clientX - left) / width) * this.#spaces.length));
    });
    chart.addEventListener("pointerleave", () => this.#point(null));
    chart.addEventListener("blur", () => this.#point(null));
    chart.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show the last `hours` (1 or 24) of windows; `name` is whose they are. */
  show(windows, hours, now, name) {
    this.#hours = hours;
    this.#spaces = bin(windows, hours, now);
    const chart = this.#part(".chart");
    chart.setAttribute("aria-label", `Emotions and people in ${name}, last ${hours === 1 ? "hour" : "24 hours"}`);
    chart.setAttribute("aria-valuemin", 0);
    chart.setAttribute("aria-valuemax", this.#spaces.length - 1);
    this.#axis();
    this.#point(this.#cursor);
  }

  /** Marks at full quarters of an hour or full hours, by the clock on the wall. */
  #axis() {
    const { width } = this.#size;
    if (!width || !this.#spaces.length) return;
    const from = this.#spaces[0].from;
    const length = this.#spaces.length * (this.#spaces[1].from - from);
    const minutes = this.#hours === 1 ? 15 : width > 700 ? 120 : 360;
    const at = new Date(from);
    at.setHours(0, 0, 0, 0);
    const marks = [];
    for (; at < from + length; at.setMinutes(at.getMinutes() + minutes)) {
      const place = (100 * (at - from)) / length;
      if (place < 0 || place > 96) continue;
      const mark = document.createElement("span");
      mark.textContent = clock(at);
      mark.style.left = `${place}%`;
      mark.className = place * width < 1600 ? "first" : "";
      marks.push(mark);
    }
    this.#part(".axis").replaceChildren(...marks);
  }

  #part(selector) {
    return this.#figure.querySelector(selector);
  }

  #point(index) {
    const count = this.#spaces.length;
    if (!count) return;
    this.#cursor = index === null ? null : Math.min(Math.max(index, 0), count - 1);
    const chart = this.#part(".chart");
    const sentence = this.#cursor === null ? overview(this.#spaces) : describe(this.#spaces[this.#cursor]);
    chart.setAttribute("aria-valuenow", this.#cursor ?? count - 1);
    chart.setAttribute("aria-valuetext", sentence);
    say(this.#part("figcaption"), sentence);
    draw(chart, this.#size, this.#spaces, this.#cursor);
  }

  #key(event) {
    const last = this.#spaces.length - 1;
    const here = this.#cursor ?? last;
    const to = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      PageUp: here - 10,
      PageDown: here + 10,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#point(to);
  }
}
