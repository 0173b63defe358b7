"use strict";
// The masks that the viewer draws on the picture, and the configuration they become. Points are shares of the picture.

const CLOSE = 0.02; // a click so near the first point closes the polygon

class MaskDrawing {
  #stage;
  #changed;
  polygons = null; // until the first frame tells what is masked already
  points = [];
  pointer = null;

  constructor(stage, changed) {
    this.#stage = stage;
    this.#changed = changed;
    stage.addEventListener("pointerdown", (event) => this.#add(this.#place(event)));
    stage.addEventListener("pointermove", (event) => {
      if (!this.active || !this.points.length) return;
      this.pointer = this.#place(event);
      this.#changed();
    });
    addEventListener("keydown", (event) => {
      if (!this.active) return;
      if (event.key === "Enter") this.#close();
      if (event.key === "Escape") this.active = false;
    });
  }

  get active() {
    return this.#stage.dataset.drawing === "yes";
  }

  set active(active) {
    this.#stage.dataset.drawing = active ? "yes" : "no";
    this.points = [];
    this.pointer = null;
    this.#changed();
  }

  /** Start with the masks of the configuration. */
  begin(polygons) {
    this.polygons ??= [...polygons];
  }

  removeLast() {
    this.polygons.pop();
    this.#changed();
  }

  #place(event) {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    const share = (value) => Math.round(1000 * Math.min(Math.max(value, 0), 1)) / 1000;
    return [share((event.clientX - left) / width), share((event.clientY - top) / height)];
  }

  #add(point) {
    if (!this.active) return;
    const [first] = this.points;
    if (first && this.points.length > 2 && Math.hypot(first[0] - point[0], first[1] - point[1]) < CLOSE) this.#close();
    else {
      this.points.push(point);
      this.#changed();
    }
  }

  #close() {
    if (this.points.length < 3) return;
    this.polygons.push(this.points);
    this.active = false;
  }
}

/** The lines of the configuration file. */
function toToml(polygons, smallestPx) {
  const polygon = (points) => `  [${points.map(([x, y]) => `[${x}, ${y}]`).join(", ")}],\n`;
  const mask = polygons.length ? `[camera]\nmask = [\n${polygons.map(polygon).join("")}]\n\n` : "";
  return `${mask}[detector]\nmin_face_px = ${smallestPx}\n`;
}
