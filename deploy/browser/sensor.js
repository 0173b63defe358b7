// The way of a frame, as in edge/pipeline.py: faces, tracks, crops, emotions. It ends here, in this page.

import { Classifier, cropFace } from "./classifier.js";
import { Detector } from "./detector.js";
import { Liveness } from "./liveness.js";
import { openRelease } from "./network.js";
import { whyUnreadable } from "./readable.js";
import { Tracker } from "./tracker.js";

export class Sensor {
  #tracker = new Tracker();
  #liveness = new Liveness();

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
    this.#liveness = new Liveness();
  }

  /**
   * Everybody in a grey frame taken at `atS`, best first: {id, face, shares, reason}. Without shares the reason says why:
   * "still", as of an unreadable face, or null while it is not known whether the face is a person's.
   */
  async observe(image, atS) {
    const faces = await this.detector.detect(image);
    const tracks = this.#tracker.update(faces, this.detector.unsure, atS);
    const confirmed = tracks.filter((track) => track.confirmed);
    this.#liveness.look(image, confirmed, atS);
    const people = [];
    for (const track of tracks) {
      const nothing = { shares: null, reason: this.#liveness.isStill(track, atS) ? "still" : null };
      const isPerson = track.confirmed && this.#liveness.isAlive(track, atS);
      people.push({ id: track.id, face: track.face, ...(isPerson ? await this.#read(image, track.face) : nothing) });
    }
    return people;
  }

  /** Everybody in a single picture, where no second frame can confirm a face or show that it moves. */
  async observeOnce(image) {
    const faces = await this.detector.detect(image);
    const people = [];
    for (const face of faces) people.push({ id: people.length + 1, face, ...(await this.#read(image, face)) });
    return people;
  }

  async #read(image, face) {
    const crop = cropFace(image, face, this.detector.cropRule, this.classifier.size);
    const reason = whyUnreadable(face, crop);
    return { shares: reason ? null : await this.classifier.read(crop), reason };
  }
}
