// Which faces can be read honestly: edge/vision/readable.py in JavaScript. This detector does not tell how far they turn.

import { smooth } from "./image.js";
import { deviation } from "./shift.js";

const MIN_HEIGHT_PX = 16;
const MIN_CONTRAST = 8;
const MIN_SHARPNESS = 0.18;
const STEP = 2;

/** The first reason not to classify the crop of a face; null if it can be read. */
export function whyUnreadable(face, crop) {
  if (face.bottom - face.top < MIN_HEIGHT_PX) return "too_small";
  const contrast = deviation(Float32Array.from(crop.data));
  if (contrast < MIN_CONTRAST) return "dark";
  const soft = smooth(Float32Array.from(crop.data), crop.width);
  const [across, down] = [bends(soft, crop.width, 1), bends(soft, crop.width, crop.width)];
  return Math.min(across, down) < MIN_SHARPNESS * contrast ? "blurred" : null;
}

/** How much the second difference varies, along rows (one pixel on) or along columns (one row on). */
function bends(values, width, next) {
  const found = [];
  const height = values.length / width;
  const [aside, below] = next === 1 ? [STEP, 0] : [0, STEP];
  for (let y = below; y < height - below; y++)
    for (let x = aside; x < width - aside; x++) {
      const i = y * width + x;
      found.push(values[i + STEP * next] - 2 * values[i] + values[i - STEP * next]);
    }
  return deviation(found);
}
