"use strict";
// What the page knows: devices, their rooms and the windows of a day. Knows nothing of the document.

const DAY_MS = 24 * 3600e3;
const AHEAD_MS = 60e3; // no clock may be further ahead of ours
const MAX_DEVICES = 2000;
const MAX_WINDOWS = 30000; // a day of windows of 3 s
const MAX_GAPS = 100;

class House {
  devices = new Map();
  rooms = new Map();
  ignored = 0;
  #ids = new Set();

  /** Take a message in; the window if it is one that was not heard before. `retained` says when something was true. */
  take(topic, payload, retained, now) {
    let message;
    try {
      message = readMessage(topic, payload);
      if (!this.devices.has(message.device) && this.devices.size >= MAX_DEVICES)
        throw new Malformed("too many devices");
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.ignored += 1;
      return null;
    }
    const { kind, source, body } = message;
    const device = this.#device(message.device);
    if (!retained && body !== "offline") device.heard = Math.max(device.heard ?? 0, now);
    if (kind === "availability") {
      if (body === "offline" && device.online) device.heard = Math.max(device.heard ?? 0, now);
      device.online = body && body === "online";
    } else if (kind === "status") device.status = body;
    else if (kind === "info") device.info = body;
    if (kind === "info" && body) this.#room(device, body.source);
    if (kind === "live" && body) Object.assign(this.#room(device, source), { live: body, liveAt: now });
    if (kind !== "aggregate" || !body) return null;
    const window = { ...body, device: device.id, source, received: now };
    device.follow(window.seq);
    return this.keep(window, now) ? window : null;
  }

  /** Put a window where it belongs in time; false for one already known or older than a day. */
  keep(window, now) {
    // Without a clock, what was just measured has just ended; of a replayed window nobody can say when it was.
    const credible = window.end !== null && window.end < window.received + AHEAD_MS;
    window.at = credible ? window.end : window.historical ? null : window.received;
    if (this.#ids.has(window.id) || (window.at ?? now) < now - DAY_MS) return false;
    this.#ids.add(window.id);
    const device = this.#device(window.device);
    const room = this.#room(device, window.source);
    const { windows } = room;
    device.heard = Math.max(device.heard ?? 0, window.received);
    let place = windows.length;
    while (place > 0 && (windows[place - 1].at ?? -Infinity) > (window.at ?? -Infinity)) place -= 1;
    windows.splice(place, 0, window);
    if (windows.length > MAX_WINDOWS) this.#ids.delete(windows.shift().id);
    room.changed = true;
    return true;
  }

  /** Forget what is older than a day. */
  forget(now) {
    for (const { windows } of this.rooms.values()) {
      const first = windows.findIndex((window) => (window.at ?? window.received) >= now - DAY_MS);
      for (const old of windows.splice(0, first < 0 ? windows.length : first)) this.#ids.delete(old.id);
    }
  }

  /** The page itself was away: what it did not hear meanwhile is not missing. */
  listenAnew() {
    for (const device of this.devices.values()) device.last = null;
  }

  #device(id) {
    if (!this.devices.has(id)) {
      this.devices.set(id, new Device(id));
      this.#room(this.devices.get(id), "");
    }
    return this.devices.get(id);
  }

  #room(device, source) {
    const key = `${device.id}/${source}`;
    if (!this.rooms.has(key)) {
      this.rooms.set(key, { key, device, source, windows: [], live: null, liveAt: 0, changed: true });
      if (source) this.rooms.delete(`${device.id}/`); // stood for a source that was not known yet
    }
    return this.rooms.get(key);
  }
}

class Device {
  online = null;
  heard = null;
  status = null;
  info = null;
  last = null;
  gaps = []; // [first, last] of runs of numbers that never came

  constructor(id) {
    this.id = id;
  }

  /** Numbers grow by one, so a jump is a loss until a replay brings the missing ones. */
  follow(seq) {
    if (this.last !== null && seq > this.last + 1)
      this.gaps = [...this.gaps, [this.last + 1, seq - 1]].slice(-MAX_GAPS);
    this.gaps = this.gaps.flatMap(([first, last]) =>
      seq < first || seq > last
        ? [[first, last]]
        : [
            [first, seq - 1],
            [seq + 1, last],
          ].filter(([a, b]) => a <= b),
    );
    this.last = Math.max(this.last ?? seq, seq);
  }

  get missing() {
    return this.gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }
}
