// Finds the faces of a grey image: edge/vision/detector in JavaScript. Shapes, strides and thresholds come from the
// manifest. A box is {left, top, right, bottom, confidence} in pixels of the image.

import { cut, resizeArea, resizeLinear, round } from "./image.js";
import { Refiner } from "./refiner.js";

const MARGIN_GREY = 128;
const CANDIDATES = 400;
const USUAL_PX = [480, 640]; // height and width of the frame that one look is enough for
const USUAL_FACE_PX = 40;
const PART = 0.8; // share of a box in one of the same look, over twice as high, from which it is a part of that face
const SAME_FACE_SHARE = 0.6; // share of the smaller of two boxes of different looks that show the same face
const CUT = 0.1; // share of its height by which a box may cross an inner border of a tile
const BEYOND = 0.5; // share of the frame by which a box may leave it
const LEAST_SHARE = 0.7; // of the smallest face: what is lower is not refined

export class Detector {
  #release;
  #refiner;
  #minFacePx;

  constructor(release, minFacePx = 40) {
    this.#release = release;
    this.#refiner = release.refiner && new Refiner(release.refiner);
    this.#minFacePx = minFacePx;
    this.cropRule = release.manifest.crop;
    this.unsure = [];
  }

  /** The faces of an image, best first, in whole pixels; `unsure` then are those enough to keep a track only. */
  async detect(image) {
    const { manifest } = this.#release;
    const [, height, width] = manifest.input.shape;
    const [whole, ...tiles] = planLooks(image, [height, width], this.#minFacePx);
    const looks = [await this.#look(image, whole)];
    for (const tile of tiles) looks.push(seenWhole(await this.#look(image, tile), tile, image));
    const boxes = tiles.length ? merge(looks, manifest.max_overlap) : looks[0];
    const found = boxes
      .map((box) => clipBox(box, image))
      .filter((box) => box && box.bottom - box.top >= this.#minFacePx);
    const sure = ({ confidence }) => confidence >= manifest.threshold;
    this.unsure = found.filter((box) => !sure(box));
    return found.filter(sure);
  }

  /** Boxes in pixels of the image. */
  async #look(image, tile) {
    const { manifest, run } = this.#release;
    const [, height, width] = manifest.input.shape;
    const { values, scale } = letterbox(cutTile(image, tile), height, width);
    const maps = await run(values);
    const boxes = decode(maps, manifest, this.#refiner ? manifest.candidate_threshold : manifest.keep_threshold);
    const place = (side, start) => Math.fround(Math.fround(side / Math.fround(scale)) + start);
    for (const box of boxes) {
      box.left = place(box.left, tile.left);
      box.top = place(box.top, tile.top);
      box.right = place(box.right, tile.left);
      box.bottom = place(box.bottom, tile.top);
    }
    if (!this.#refiner) return boxes;
    const refined = await this.#refiner.refine(image, boxes, LEAST_SHARE * this.#minFacePx);
    const kept = refined.filter(({ confidence }) => confidence >= manifest.keep_threshold);
    return suppress(byConfidence(kept), (a, b) => overlap(a, b) > manifest.max_overlap || isPart(a, b));
  }
}

const half = (length) => Math.floor(length / 2);

/** The image, as large as fits, at the top left of an input of this size, as float32 grey levels. */
export function letterbox(image, height, width) {
  const scale = Math.min(height / image.height, width / image.width);
  const [across, down] = [image.width, image.height].map((length) => Math.max(1, round(length * scale)));
  let larger = image;
  while (across <= half(larger.width) && down <= half(larger.height))
    larger = resizeArea(larger, half(larger.width), half(larger.height));
  const small = resizeLinear(larger, across, down);
  const values = new Float32Array(height * width).fill(MARGIN_GREY);
  for (let y = 0; y < small.height; y++)
    values.set(small.data.subarray(y * small.width, (y + 1) * small.width), y * width);
  return { values, scale };
}

/** Output maps to boxes, each face once: see decode.py. In float32 like there, as other squares would be cut out else. */
function decode(maps, { outputs, strides, max_overlap: most }, threshold) {
  const least = Math.log(threshold / (1 - threshold));
  const found = [];
  strides.forEach((stride, i) => {
    const [, rows, columns] = outputs[i].shape;
    const [logits, logs] = [maps[i], maps[i + strides.length]];
    for (let cell = 0; cell < rows * columns; cell++) {
      if (logits[cell] < least) continue;
      const [x, y] = [(cell % columns) + 0.5, Math.floor(cell / columns) + 0.5];
      const [left, top, right, bottom] = logs.subarray(4 * cell, 4 * cell + 4).map((log) => Math.exp(Math.min(log, 6)));
      found.push({
        left: Math.fround((x - left) * stride),
        top: Math.fround((y - top) * stride),
        right: Math.fround((x + right) * stride),
        bottom: Math.fround((y + bottom) * stride),
        confidence: 1 / (1 + Math.exp(-logits[cell])),
      });
    }
  });
  return suppress(byConfidence(found).slice(0, CANDIDATES), (a, b) => overlap(a, b) > most);
}

const byConfidence = (boxes) => boxes.sort((a, b) => b.confidence - a.confidence);

/** The boxes, best first, without those that show the same as a better one. */
function suppress(boxes, same) {
  const kept = [];
  for (const box of boxes) if (!kept.some((better) => same(better, box))) kept.push(box);
  return kept;
}

const area = (box) => (box.right - box.left) * (box.bottom - box.top);

function common(a, b) {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(across, 0) * Math.max(down, 0);
}

/** Intersection over union. */
export function overlap(a, b) {
  const both = common(a, b);
  return both / (area(a) + area(b) - both);
}

/** What both have in common, as a share of the smaller one. */
const share = (a, b) => common(a, b) / Math.min(area(a), area(b));

/** Whether one shows a part of the other, an eye or an ear. */
function isPart(a, b) {
  const [lower, higher] = [a.bottom - a.top, b.bottom - b.top].sort((x, y) => x - y);
  return lower < higher / 2 && share(a, b) > PART;
}

/** The looks that faces of `minFacePx` take: the whole image, and tiles of a large one; see tiles.py. */
export function planLooks(image, input, minFacePx) {
  const frame = [image.height, image.width];
  const whole = { left: 0, top: 0, width: image.width, height: image.height };
  const scale = Math.min(input[0] / frame[0], input[1] / frame[1]);
  const usual = Math.min(input[0] / USUAL_PX[0], input[1] / USUAL_PX[1]);
  const closer = usual * Math.min(1, USUAL_FACE_PX / minFacePx);
  if (scale >= closer) return [whole];
  const least = Math.ceil((USUAL_FACE_PX * usual) / scale);
  const [height, width] = frame.map((have, i) => Math.min(have, Math.floor(input[i] / closer)));
  const tiles = [whole];
  for (const top of starts(frame[0], height, least))
    for (const left of starts(frame[1], width, least)) tiles.push({ left, top, width, height });
  return tiles;
}

function starts(length, tile, least) {
  if (tile >= length) return [0];
  const step = Math.max(tile - least, Math.floor(tile / 2));
  const count = Math.ceil((length - tile) / step) + 1;
  return Array.from({ length: count }, (_, i) => round((i * (length - tile)) / (count - 1)));
}

const cutTile = (image, { left, top, width, height }) =>
  width === image.width && height === image.height ? image : cut(image, left, top, width, height);

/** The boxes that the inner borders of a tile do not cut. */
function seenWhole(boxes, tile, frame) {
  const [right, bottom] = [tile.left + tile.width, tile.top + tile.height];
  return boxes.filter((box) => {
    const slack = CUT * (box.bottom - box.top);
    return (
      (tile.left === 0 || tile.left - box.left <= slack) &&
      (tile.top === 0 || tile.top - box.top <= slack) &&
      (right === frame.width || box.right - right <= slack) &&
      (bottom === frame.height || box.bottom - bottom <= slack)
    );
  });
}

/** The boxes of all looks, best first, each face once. */
function merge(looks, most) {
  const boxes = byConfidence(looks.flatMap((look, origin) => look.map((box) => ({ ...box, origin }))));
  return suppress(boxes, (a, b) => a.origin !== b.origin && (overlap(a, b) > most || share(a, b) > SAME_FACE_SHARE));
}

/** The box in whole pixels, not far outside the image; null if all of it is. */
function clipBox({ left, top, right, bottom, confidence }, { width, height }) {
  const clip = (value, length) => round(Math.min(Math.max(value, -BEYOND * length), (1 + BEYOND) * length));
  const box = {
    left: clip(left, width),
    top: clip(top, height),
    right: clip(right, width),
    bottom: clip(bottom, height),
    confidence,
  };
  const visible =
    box.left < Math.min(box.right, width) && box.right > 0 && box.top < Math.min(box.bottom, height) && box.bottom > 0;
  return visible ? box : null;
}
