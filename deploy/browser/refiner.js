// The detector's second stage looks at each candidate again in the image's own pixels: edge/vision/detector/refiner.py
// in JavaScript.

import { cropSquare, round } from "./image.js";
import { deviation } from "./shift.js";

const CANDIDATES = 120;
const SMALLEST_SQUARE_PX = 8;
const SCORE_RANGE = [0.02, 0.98];
const [MEAN_GREY, SPREAD, LEAST_SPREAD] = [128, 50, 5];
const HIGHEST = 2; // heights of the image

export class Refiner {
  #release;

  constructor(release) {
    this.#release = release;
  }

  /** The candidates, best first, with the scores and boxes that both networks give them; `leastPx` is their height. */
  async refine(image, candidates, leastPx) {
    const { manifest, run } = this.#release;
    const refined = [];
    const fits = ({ top, bottom }) => bottom - top >= leastPx && bottom - top <= HIGHEST * image.height;
    const size = manifest.input.shape[1];
    const squares = candidates.filter(fits).map((box) => ({ box, ...squareAround(box, manifest.side, size) }));
    const inside = ({ left, top, sidePx }) =>
      left < image.width && top < image.height && left + sidePx > 0 && top + sidePx > 0;
    for (const { box, left, top, sidePx } of squares.filter(inside).slice(0, CANDIDATES)) {
      const crop = cropSquare(image, left, top, sidePx, size);
      const [[logit], sides] = await run(normalise(crop));
      const before = Math.min(Math.max(box.confidence, SCORE_RANGE[0]), SCORE_RANGE[1]);
      refined.push({
        left: left + sides[0] * sidePx,
        top: top + sides[1] * sidePx,
        right: left + sides[2] * sidePx,
        bottom: top + sides[3] * sidePx,
        confidence: 1 / (1 + ((1 - before) / before) * Math.exp(-logit)),
      });
    }
    return refined.filter((box) => box.left < box.right && box.top < box.bottom);
  }
}

/** The square around a box, in whole pixels; its side is `share` heights of the box, and is halved without a rest. */
function squareAround({ left, top, right, bottom }, share, size) {
  const exact = Math.max(share * (bottom - top), SMALLEST_SQUARE_PX);
  const step = Math.max(2 ** Math.floor(Math.log2(exact / size)), 1);
  const sidePx = step * round(exact / step);
  return { left: round((left + right - sidePx) / 2), top: round((top + bottom - sidePx) / 2), sidePx };
}

/** The grey levels of a crop with the mean and the spread that the network knows, whatever the light. */
function normalise({ data }) {
  const mean = data.reduce((a, b) => a + b) / data.length;
  const factor = SPREAD / Math.max(deviation(data), LEAST_SPREAD);
  return Float32Array.from(data, (grey) => Math.min(Math.max(round((grey - mean) * factor + MEAN_GREY), 0), 255));
}
