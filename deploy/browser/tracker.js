// Detections to short-lived tracks: edge/vision/tracker.py in JavaScript, with a detection in every frame.

import { overlap } from "./detector.js";

const MIN_AFFINITY = -1.75;
const KEPT = 0.3; // affinity from which a box too uncertain to begin a track keeps one
const MIN_SIZE_RATIO = 0.5;
const RESTING = -0.5;
const OLD_PACE = 0.3; // weight of a person's pace before the newest step
const REST_S = 1;
const STILL = 0.3; // face heights a second
const MAX_MISSING_S = 1;
const MAX_AWAY_S = 10;
const MAX_TRACKS = 64;

export class Tracker {
  #people = [];
  #lastId = 0;
  #detectedAtS = Number.NEGATIVE_INFINITY;

  /** The tracks {id, face, confirmed} of the faces of a frame at `nowS`, best first, and those that `unsure` keep. */
  update(found, unsure, nowS) {
    const faces = found.slice(0, MAX_TRACKS);
    const matched = this.#match(faces, this.#people, MIN_AFFINITY, nowS);
    const inView = faces.map((face, i) => {
      const person = matched.get(i);
      if (person) this.#see(person, face, nowS);
      else this.#people.push(this.#newPerson(face, nowS));
      return (person ?? this.#people.at(-1)).track;
    });
    const followed = new Set(inView.map(({ id }) => id));
    const left = this.#people.filter((person) => this.#isInView(person) && !followed.has(person.track.id));
    const uncertain = unsure.slice(0, MAX_TRACKS - faces.length);
    for (const [i, person] of this.#match(uncertain, left, KEPT, nowS)) {
      this.#see(person, uncertain[i], nowS);
      inView.push(person.track);
    }
    this.#people = this.#people.filter((person) => remembers(person, nowS));
    this.#detectedAtS = nowS;
    return inView;
  }

  #newPerson(face, nowS) {
    this.#lastId += 1;
    const track = { id: this.#lastId, face, confirmed: false };
    return { track, seenAtS: nowS, place: face, restingSinceS: nowS, pace: [0, 0] };
  }

  #see(person, face, nowS) {
    const passedS = nowS - person.seenAtS;
    if (passedS > 0) {
      const old = person.track.confirmed ? OLD_PACE : 0;
      const before = centre(person.track.face);
      person.pace = centre(face).map(
        (at, axis) => old * person.pace[axis] + ((1 - old) * (at - before[axis])) / passedS,
      );
    }
    person.track = { id: person.track.id, face, confirmed: true };
    person.seenAtS = nowS;
    if (likeness(person.place, face) <= RESTING) {
      person.place = face;
      person.restingSinceS = nowS;
    }
  }

  #isInView({ track, seenAtS }) {
    return track.confirmed && seenAtS === this.#detectedAtS;
  }

  /** Which of `people` each face belongs to, by the index of the face, best pairs first, above an affinity. */
  #match(faces, people, least, nowS) {
    const pairs = [];
    faces.forEach((face, faceIndex) => {
      people.forEach((person, personIndex) => {
        const affinity = this.#affinity(person, face, nowS);
        if (affinity > least) pairs.push([affinity, faceIndex, personIndex]);
      });
    });
    pairs.sort((a, b) => b[0] - a[0] || b[1] - a[1] || b[2] - a[2]);
    const matched = new Map();
    const taken = new Set();
    for (const [, faceIndex, personIndex] of pairs) {
      if (matched.has(faceIndex) || taken.has(personIndex)) continue;
      matched.set(faceIndex, people[personIndex]);
      taken.add(personIndex);
    }
    return matched;
  }

  #affinity(person, face, nowS) {
    const passedS = nowS - person.seenAtS;
    if (passedS <= MAX_MISSING_S || person.seenAtS === this.#detectedAtS) {
      const ahead = moved(
        person.track.face,
        person.pace.map((pace) => pace * passedS),
      );
      return Math.max(likeness(person.track.face, face), likeness(ahead, face));
    }
    const affinity = likeness(person.place, face);
    return affinity > RESTING && remembers(person, nowS) ? affinity : Number.NEGATIVE_INFINITY;
  }
}

function remembers(person, nowS) {
  const { confirmed, face } = person.track;
  const still = Math.hypot(...person.pace) < STILL * (face.bottom - face.top);
  const rests = confirmed && (still || person.seenAtS - person.restingSinceS >= REST_S);
  return nowS - person.seenAtS <= (rests ? MAX_AWAY_S : MAX_MISSING_S);
}

function centre({ left, top, right, bottom }) {
  return [(left + right) / 2, (top + bottom) / 2];
}

function moved({ left, top, right, bottom }, [x, y]) {
  return { left: left + x, top: top + y, right: right + x, bottom: bottom + y };
}

/** Intersection over union less the distance of the centres in heights; never for unlike sizes. */
function likeness(a, b) {
  const [smaller, larger] = [a.bottom - a.top, b.bottom - b.top].sort((x, y) => x - y);
  if (smaller < MIN_SIZE_RATIO * larger) return Number.NEGATIVE_INFINITY;
  const [[ax, ay], [bx, by]] = [centre(a), centre(b)];
  return overlap(a, b) - Math.hypot(ax - bx, ay - by) / larger;
}
