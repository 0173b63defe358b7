// How far a part of the picture has moved, to a small part of a pixel: edge/vision/shift.py in JavaScript.

import { cut, mean, resizeArea, resizeLinear, smooth } from "./image.js";

const BORDER = 2;
const NEAR = 9; // side of the neighbourhood that each pixel is taken relative to
const DARK = 16; // grey levels below which contrast is noise
const [ROUNDS, SAMPLES] = [3, 500];
const QUIET = 0.6;
const ROUNDING = 0.01; // variance that rounding leaves in a picture without noise
const BLOCK = 7; // side of the blocks that err each in its own way
const PLAIN = 1e-3; // makes the shift of what has no detail uncertain instead of impossible
const ALIKE = 3; // smoothing makes neighbours alike

export const wholePx = (value) => Math.floor(value + 0.5);

/** A patch of this width without its border, in a row. */
export function inner(patch, width) {
  const height = patch.length / width;
  const row = new Float32Array((width - 2 * BORDER) * (height - 2 * BORDER));
  for (let y = BORDER, to = 0; y < height - BORDER; y++, to += width - 2 * BORDER)
    row.set(patch.subarray(y * width + BORDER, (y + 1) * width - BORDER), to);
  return row;
}

/** A rectangle of the image made small, ready to be compared with the same rectangle later. */
export class Patch {
  #place;
  #small;
  #contrast;
  #terms;
  #blocks;

  constructor(image, [left, top], size, small) {
    this.#place = [left, top];
    this.#small = small;
    this.size = size;
    this.zoom = size[0] / small[0];
    const patch = this.#cut(image, [0, 0]);
    this.values = inner(patch, small[0]);
    this.#contrast = deviation(this.values);
    const [slopeX, slopeY] = slopes(patch, small[0]).map((slope) => inner(slope, small[0]));
    this.detail = slopeX.map((x, i) => x ** 2 + slopeY[i] ** 2);
    this.#terms = [slopeX.map((x) => -x), slopeY.map((y) => -y), this.values, this.values.map(() => 1)];
    const [wide, high] = small.map((side) => side - 2 * BORDER);
    const across = Math.floor((wide - 1) / BLOCK) + 1;
    const block = (_, i) => Math.floor((i % wide) / BLOCK) + across * Math.floor(i / wide / BLOCK);
    this.#blocks = Int32Array.from({ length: wide * high }, block);
  }

  #cut(image, at) {
    const within = (value, side) => Math.min(Math.max(value, 0), side - 1);
    const [left, top] = [within(this.#place[0] + at[0], image.width), within(this.#place[1] + at[1], image.height)];
    const size = [Math.min(this.size[0], image.width - left), Math.min(this.size[1], image.height - top)];
    const way = size[0] >= this.#small[0] && size[1] >= this.#small[1] ? resizeArea : resizeLinear;
    const { data } = way(cut(image, left, top, ...size), ...this.#small);
    const soft = smooth(Float32Array.from(data), this.#small[0]);
    const near = mean(soft, this.#small[0], NEAR);
    return soft.map((value, i) => (100 * (value - near[i])) / (near[i] + DARK));
  }

  /** The standard deviation of the shift of something with so much detail in all. */
  errorPx(variance, detail) {
    return this.zoom * Math.sqrt((ALIKE * (variance + ROUNDING)) / (detail + PLAIN));
  }

  /** What became of it, looked for near this offset, where the mask is not 0. */
  compare(image, at, mask = null) {
    const later = inner(this.#cut(image, at), this.#small[0]);
    const difference = later.map((value, i) => value - this.values[i]);
    const places = [...difference.keys()].filter((i) => !mask || mask[i] > 0);
    const step = Math.max(1, Math.floor(places.length / SAMPLES));
    const sample = places.filter((_, i) => i % step === 0);
    let rest = difference;
    let [weights, inverse, fit, normal] = [null, null, null, null];
    for (let round = 0; round < ROUNDS; round++) {
      const scale = 4.5 * middle(sample.map((i) => Math.abs(rest[i]))) + QUIET;
      weights = rest.map((value, i) => (mask ? mask[i] : 1) / (1 + (value / scale) ** 2) ** 2);
      const weighted = this.#terms.map((term) => term.map((value, i) => value * weights[i]));
      normal = weighted.map((a, i) => this.#terms.map((b, j) => dot(a, b) + (i === j ? PLAIN : 0)));
      inverse = invert(normal);
      const pulls = weighted.map((a) => dot(a, difference));
      fit = inverse.map((row) => dot(row, pulls));
      rest = difference.map((value, i) => value - this.#terms.reduce((sum, term, k) => sum + fit[k] * term[i], 0));
    }
    const size = dot(
      weights,
      weights.map(() => 1),
    );
    return {
      x: at[0] + this.zoom * fit[0],
      y: at[1] + this.zoom * fit[1],
      errorPx: this.zoom * this.#uncertain(rest, weights, inverse, normal),
      difference,
      rest,
      restShare: Math.sqrt(dot(rest, rest) / rest.length) / (this.#contrast + 1),
      variance: rest.reduce((sum, value, i) => sum + weights[i] * value ** 2, 0) / (size + PLAIN),
    };
  }

  #uncertain(rest, weights, inverse, normal) {
    const pulls = this.#terms.map((term) => {
      const blocks = new Float64Array(this.#blocks.at(-1) + 1);
      term.forEach((value, i) => {
        blocks[this.#blocks[i]] += value * weights[i] * rest[i];
      });
      return blocks;
    });
    const middleOf = pulls.map((a, i) => pulls.map((b, j) => dot(a, b) + ROUNDING * normal[i][j]));
    const covariance = product(product(inverse, middleOf), inverse);
    return Math.sqrt(Math.max(covariance[0][0], covariance[1][1]));
  }
}

/** How steep a patch is at each pixel, to the right and down; at its border, nothing. */
function slopes(patch, width) {
  const [x, y] = [new Float32Array(patch.length), new Float32Array(patch.length)];
  for (let i = width + 1; i < patch.length - width - 1; i++) {
    const at = (row, column) => patch[i + row * width + column];
    const side = (column) => at(-1, column) + 2 * at(0, column) + at(1, column);
    const level = (row) => at(row, -1) + 2 * at(row, 0) + at(row, 1);
    x[i] = (side(1) - side(-1)) / 8;
    y[i] = (level(1) - level(-1)) / 8;
  }
  return [x, y];
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export function deviation(values) {
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length);
}

const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const product = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));

/** The inverse of a symmetric positive matrix, by Gauss and Jordan. */
function invert(matrix) {
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  rows.forEach((row, i) => {
    const pivot = row[i];
    for (let j = 0; j < row.length; j++) row[j] /= pivot;
    for (const other of rows) {
      const factor = other[i];
      if (other !== row) for (let j = 0; j < row.length; j++) other[j] -= factor * row[j];
    }
  });
  return rows.map((row) => row.slice(matrix.length));
}
