// The way of a frame, as in edge/pipeline.py: faces, tracks, crops, emotions. It ends here, in this page.

import { Classifier } from "./classifier.js";
import { Detector } from "./detector.js";
import { openRelease } from "./network.js";
import { Tracker } from "./tracker.js";

export class Sensor {
  #tracker = new Tracker();

  constructor(detector, classifier, models = []) {
    this.detector = detector;
    this.classifier = classifier;
    this.models = models;
  }

  /** Load the models that lie beside this page. */
  static async open() {
    const [face, emotion] = await Promise.all([openRelease("models/face"), openRelease("models/emotion")]);
    const models = [face.manifest.id, emotion.manifest.id];
    return new Sensor(new Detector(face), new Classifier(emotion), models);
  }

  /** Start with new tracks: another camera, or another file. */
  reset() {
    this.#tracker = new Tracker();
  }

  /** Everybody in a grey frame taken at `atS`, best first: {id, face, confirmed, shares}; shares once confirmed. */
  async observe(image, atS) {
    const faces = await this.detector.detect(image);
    const tracks = this.#tracker.update(faces, this.detector.unsure, atS);
    const people = [];
    for (const track of tracks)
      people.push({ ...track, shares: track.confirmed ? await this.#classify(image, track.face) : null });
    return people;
  }

  /** Everybody in a single picture, where no second frame can confirm a face. */
  async observeOnce(image) {
    const faces = await this.detector.detect(image);
    const people = [];
    for (const face of faces)
      people.push({ id: people.length + 1, face, confirmed: true, shares: await this.#classify(image, face) });
    return people;
  }

  #classify(image, face) {
    return this.classifier.classify(image, face, this.detector.cropRule);
  }
}
