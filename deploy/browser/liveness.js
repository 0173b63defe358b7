// Which faces belong to living people: edge/vision/liveness.py in JavaScript, which has the reasons.

import { round } from "./image.js";
import { inner, Patch, wholePx } from "./shift.js";

const MOVED = 0.004; // shift in face heights
const CHANGED = 0.3; // part of a patch's contrast
const PROOF_S = 1;
const PROOF_LOOKS = 3;
const CALM_LOOKS = 2;
const PATH_LOOKS = 8;
const MISSED_S = 0.75;
const LOOK_EVERY_S = 0.2;
const CREDIT_S = 30;
const RENEW_S = 10;
const STILL_S = 10;
const SHAKES_PX = 0.3;
const [FACE_SIDE, ROOM_WIDTH, MARGIN_PX] = [32, 128, 16];
const CELLS = [8, 6];
const SEES_PX = 0.5;
const [LEAST_VOTES, MANY_VOTES] = [3, 16];
const CHAOS = 4;
const [EXPLAINED, BETTER] = [0.3, 0.8];
const [TRIES, STEADY, PATIENCE] = [3, 20, 10];

const larger = ({ x, y }) => Math.max(Math.abs(x), Math.abs(y));

/** The picture beside the people, with which later ones are compared. */
class Room {
  #patch;
  #margin;
  #origin;
  #small;
  #walls;
  #cells;
  #noise = Number.POSITIVE_INFINITY;

  constructor(image, faces, origin) {
    const { width, height } = image;
    this.#margin = Math.min(MARGIN_PX, Math.floor(width / 8), Math.floor(height / 8));
    const size = [width - 2 * this.#margin, height - 2 * this.#margin];
    const columns = Math.min(ROOM_WIDTH, size[0]);
    this.#small = [columns, Math.max(8, round((columns * size[1]) / size[0]))];
    this.#patch = new Patch(image, [this.#margin, this.#margin], size, this.#small);
    this.#origin = origin;
    this.#walls = this.#beside(faces);
    const [wide, high] = this.#small;
    const cell = (_, i) => {
      const [x, y] = [(i % (wide - 4)) + 2, Math.floor(i / (wide - 4)) + 2];
      return Math.floor((x * CELLS[0]) / wide) + CELLS[0] * Math.floor((y * CELLS[1]) / high);
    };
    this.#cells = Int32Array.from({ length: (wide - 4) * (high - 4) }, cell);
  }

  /** 1 where there are no people, 0 at their heads and at what is below. */
  #beside(faces) {
    const [wide, high] = this.#small;
    const mask = new Float32Array(wide * high).fill(1);
    const place = (at) => Math.floor(Math.min(Math.max(0, (at - this.#margin) / this.#patch.zoom), wide));
    for (const { left, top, right, bottom } of faces) {
      for (const [aside, from, to] of [
        [0.5, top - 0.5 * (bottom - top), bottom],
        [1.2, bottom, Number.POSITIVE_INFINITY],
      ]) {
        const [first, last] = [place(left - aside * (right - left)), place(right + aside * (right - left))];
        for (let y = place(from); y <= Math.min(place(to), high - 1); y++)
          mask.fill(0, y * wide + first, y * wide + Math.min(last + 1, wide));
      }
    }
    return inner(mask, wide);
  }

  /** How the camera has moved, {x, y, errorPx}; null if people or something else hide the room. */
  camera(image, faces) {
    const beside = this.#beside(faces);
    const mask = this.#walls.map((value, i) => value * beside[i]);
    const [stays, moves] = this.#compare(image, mask);
    const sums = (of) => {
      const cells = new Float64Array(CELLS[0] * CELLS[1]);
      this.#cells.forEach((cell, i) => {
        cells[cell] += mask[i] * of(i);
      });
      return cells;
    };
    const detail = sums((i) => this.#patch.detail[i]);
    const energy = sums((i) => this.#patch.values[i] ** 2);
    const unlike = sums((i) => stays.difference[i] ** 2);
    const unlikeMoved = sums((i) => moves.rest[i] ** 2);
    this.#noise = Math.min(this.#noise, moves.variance);
    const votes = [...detail.keys()].filter((i) => this.#patch.errorPx(this.#noise, detail[i]) < SEES_PX);
    const explained = votes.filter((i) => Math.min(unlike[i], unlikeMoved[i]) < EXPLAINED * energy[i]);
    const stayed = explained.filter((i) => unlike[i] < BETTER * unlikeMoved[i]).length;
    const moved = explained.filter((i) => unlikeMoved[i] < BETTER * unlike[i]).length;
    const { x, y } = this.#origin;
    if (explained.length < Math.max(votes.length / 2, 1))
      return votes.length >= (moves.variance > CHAOS ? LEAST_VOTES : MANY_VOTES) ? null : this.#origin;
    if (larger(moves) <= this.#margin && moved >= LEAST_VOTES && moved > 5 * stayed)
      return { x: x + moves.x, y: y + moves.y, errorPx: moves.errorPx };
    if (votes.length < LEAST_VOTES || stayed > moved) return this.#origin;
    return { x, y, errorPx: Math.max(moves.errorPx, Math.hypot(moves.x, moves.y) / 2) };
  }

  /** What became of the room, and the same looked for where it went. */
  #compare(image, mask) {
    const first = this.#patch.compare(image, [0, 0], mask);
    let [at, change] = [[0, 0], first];
    for (let look = 0; look < TRIES; look++) {
      const next = [wholePx(change.x), wholePx(change.y)];
      if ((next[0] === at[0] && next[1] === at[1]) || larger({ x: next[0], y: next[1] }) > this.#margin) break;
      [at, change] = [next, this.#patch.compare(image, next, mask)];
    }
    return [first, change];
  }
}

export class Liveness {
  #suspects = new Map();
  #room = null;
  #camera = { x: 0, y: 0, errorPx: 0 };
  #steady = 0;
  #unseen = 0;
  #lookedS = Number.NEGATIVE_INFINITY;

  /** Take in a frame in which these tracks were found. */
  look(image, tracks, nowS) {
    for (const { id } of tracks) {
      if (!this.#suspects.has(id)) this.#suspects.set(id, newSuspect(nowS));
      this.#suspects.get(id).lastS = nowS;
    }
    for (const [id, { lastS }] of this.#suspects) if (nowS - lastS > CREDIT_S) this.#suspects.delete(id);
    const due = tracks.filter(({ id }) => nowS >= this.#suspects.get(id).nextLookS);
    if (!due.length || nowS - this.#lookedS < LOOK_EVERY_S) return;
    this.#lookedS = nowS;
    const faces = tracks.map(({ face }) => face);
    if (!this.#seesRoom(image, faces)) return;
    for (const { id, face } of due) this.#lookAt(this.#suspects.get(id), image, face, nowS);
  }

  /** Whether the face has moved lately. */
  isAlive({ id }, nowS) {
    return nowS < (this.#suspects.get(id)?.aliveUntilS ?? Number.NEGATIVE_INFINITY);
  }

  /** Whether it has had the time to move and did not. */
  isStill({ id }, nowS) {
    const suspect = this.#suspects.get(id);
    return suspect !== undefined && nowS >= Math.max(suspect.aliveUntilS, suspect.firstS + STILL_S);
  }

  /** Whether it is known how the camera has moved. Where it is not for long, all is looked at anew. */
  #seesRoom(image, faces) {
    const camera = this.#room?.camera(image, faces);
    if (camera) {
      this.#camera = camera;
      this.#unseen = 0;
      this.#steady = Math.hypot(camera.x, camera.y) < SHAKES_PX ? this.#steady + 1 : 0;
      return true;
    }
    this.#unseen += 1;
    if (this.#room && this.#unseen <= PATIENCE) return this.#steady > STEADY;
    this.#camera = { ...this.#camera, errorPx: 0 };
    this.#room = new Room(image, faces, this.#camera);
    this.#unseen = 0;
    for (const suspect of this.#suspects.values()) Object.assign(suspect, { patch: null, looks: 0 });
    return true;
  }

  #lookAt(suspect, image, face, nowS) {
    const missed = nowS - suspect.lookedS > MISSED_S;
    suspect.lookedS = nowS;
    if (!suspect.patch || missed) {
      suspect.looks = 0;
      return this.#refer(suspect, image, face);
    }
    const camera = [this.#camera.x - suspect.camera.x, this.#camera.y - suspect.camera.y];
    const change = suspect.patch.compare(image, camera.map(wholePx));
    const at = [change.x - camera[0], change.y - camera[1]];
    const leastPx = Math.max(MOVED * suspect.patch.size[1], 3 * Math.hypot(change.errorPx, this.#camera.errorPx));
    const changed = change.restShare > CHANGED;
    if (Math.hypot(...at) <= leastPx && !changed) {
      suspect.calm += 1;
      if (suspect.calm >= CALM_LOOKS) suspect.looks = 0;
      return;
    }
    if (suspect.looks === 0) Object.assign(suspect, { sinceS: nowS, path: [] });
    suspect.looks += 1;
    suspect.calm = 0;
    suspect.path = [...suspect.path.slice(1 - PATH_LOOKS), at];
    if (changed) this.#refer(suspect, image, face);
    const movesOn = changed || extent(suspect.path) > leastPx;
    if (movesOn && nowS - suspect.sinceS >= PROOF_S && suspect.looks >= PROOF_LOOKS)
      Object.assign(suspect, { aliveUntilS: nowS + CREDIT_S, nextLookS: nowS + RENEW_S, patch: null, looks: 0 });
  }

  #refer(suspect, image, { left, top, right, bottom }) {
    const side = bottom - top;
    const [x, y] = [round((left + right) / 2 - side / 2), round((top + bottom) / 2 - side / 2)];
    suspect.patch = new Patch(image, [x, y], [side, side], [FACE_SIDE, FACE_SIDE]);
    suspect.camera = this.#camera;
  }
}

const newSuspect = (nowS) => ({
  firstS: nowS,
  lastS: nowS,
  patch: null,
  camera: { x: 0, y: 0, errorPx: 0 },
  lookedS: Number.NEGATIVE_INFINITY,
  sinceS: 0,
  looks: 0,
  path: [],
  calm: 0,
  aliveUntilS: Number.NEGATIVE_INFINITY,
  nextLookS: Number.NEGATIVE_INFINITY,
});

/** Diagonal of the rectangle in which a path stays. */
function extent(path) {
  const sides = [0, 1].map((axis) => path.map((at) => at[axis]));
  return Math.hypot(...sides.map((side) => Math.max(...side) - Math.min(...side)));
}
