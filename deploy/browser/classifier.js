// The face crop and its emotions: edge/vision/crop.py and classifier.py in JavaScript.

import { cropSquare, round } from "./image.js";

export class Classifier {
  #release;

  constructor(release) {
    const { labels, heads, order = [], colours = {} } = release.manifest;
    this.#release = release;
    /** The labels of the first head, in the order of its output. */
    this.labels = heads[0].labels ?? labels;
    /** The order in which to show them and the colours of some, where the release gives them. */
    this.order = order;
    this.colours = colours;
    /** Side of the crop. */
    this.size = release.manifest.input.shape[1];
  }

  /** The share of each label for a grey crop of the input's size. */
  async read(crop) {
    const { manifest, run } = this.#release;
    const channels = manifest.input.shape[3];
    const values = new Float32Array(crop.data.length * channels);
    for (let i = 0; i < values.length; i++) values[i] = crop.data[Math.floor(i / channels)];
    const [logits] = await run(values); // those of the first head
    const shares = softmax(logits, manifest.heads[0].temperature);
    return Object.fromEntries(this.labels.map((name, i) => [name, shares[i]]));
  }
}

function softmax(logits, temperature) {
  const scaled = Array.from(logits, (logit) => logit / temperature);
  const most = Math.max(...scaled);
  const exponentials = scaled.map((value) => Math.exp(value - most));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((value) => value / sum);
}

/** The square around a face that the classifier takes; beyond the border of the image it repeats. */
export function cropFace(image, face, { side: share, offset_x: offsetX = 0, offset_y: offsetY = 0 }, size) {
  const height = face.bottom - face.top;
  const side = share * height;
  const centreX = (face.left + face.right) / 2 + offsetX * height;
  const centreY = (face.top + face.bottom) / 2 + offsetY * height;
  return cropSquare(image, round(centreX - side / 2), round(centreY - side / 2), Math.max(1, round(side)), size);
}
