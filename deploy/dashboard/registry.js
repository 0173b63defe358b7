"use strict";
// What the page knows: devices, their rooms and the windows of a day. Does not touch the document.

const DAY_MS = 24 * 3600e3;
const MAX_CLOCK_LEAD_MS = 60e3; // the end of a window further in the future than this is a wrong clock
// Bounds of one device and of all, so that no device takes the place of another.
const MAX_DEVICES = 2000;
const MAX_SOURCES = 16; // of a device
const MAX_ROOMS = 2000;
const MAX_WINDOWS = 30000; // of a room: a day of windows of 3 s
const MAX_ALL_WINDOWS = 200000; // shared by the rooms
const MAX_GAPS = 100;

class DeviceRegistry {
  devices = new Map();
  rooms = new Map();
  ignored = 0;
  labels = new Labels();
  #ids = new Set();

  /** Apply a message. Returns its window if it holds one that is new, or null. A retained message may be old. */
  receive(topic, payload, retained, now) {
    if (COMMAND.test(topic)) return null;
    let message;
    try {
      message = parseMessage(topic, payload);
      if (!this.#admits(message.device, message.source ?? message.body?.source))
        throw new MalformedMessage("too many devices or sources");
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.ignored += 1;
      return null;
    }
    const { kind, source, body } = message;
    const device = this.#device(message.device);
    if (!retained && body !== "offline") device.heardAt(now);
    if (kind === "availability") {
      if (body === "offline" && device.online) device.heardAt(now);
      device.online = body && body === "online";
    } else if (kind === "status") device.status = body;
    else if (kind === "info") device.info = body;
    if (kind === "info" && body) {
      this.#room(device, body.source).changed = true;
      this.labels.learn(body.labels, body.colours);
    }
    if (kind === "live" && body?.emotions) this.labels.learn(Object.keys(body.emotions));
    if (kind === "live" && body) Object.assign(this.#room(device, source), { live: body, liveAt: now });
    if (kind !== "aggregate" || !body) return null;
    const window = { ...body, device: device.id, source, received: now };
    device.trackSequence(window.seq);
    return this.addWindow(window, now) ? window : null;
  }

  /** Insert a window by its time. Returns false for one that is known already or older than a day. */
  addWindow(window, now) {
    // Without a clock, a live window has just ended; when a replayed one ended is unknown.
    const credible = window.end !== null && window.end < window.received + MAX_CLOCK_LEAD_MS;
    window.at = credible ? window.end : window.historical ? null : window.received;
    const key = windowKey(window);
    if (this.#ids.has(key) || (window.at ?? now) < now - DAY_MS || !this.#admits(window.device, window.source))
      return false;
    this.#ids.add(key);
    if (window.emotions) this.labels.learn(Object.keys(window.emotions));
    const device = this.#device(window.device);
    const room = this.#room(device, window.source);
    const { windows } = room;
    device.heardAt(window.received);
    let index = windows.length;
    while (index > 0 && (windows[index - 1].at ?? -Infinity) > (window.at ?? -Infinity)) index -= 1;
    windows.splice(index, 0, window);
    const limit = Math.min(MAX_WINDOWS, Math.floor(MAX_ALL_WINDOWS / this.rooms.size));
    for (const old of windows.splice(0, Math.max(windows.length - limit, 0))) this.#ids.delete(windowKey(old));
    room.changed = true;
    return true;
  }

  /** Remove windows older than a day. */
  removeOldWindows(now) {
    for (const { windows } of this.rooms.values()) {
      const first = windows.findIndex((window) => (window.at ?? window.received) >= now - DAY_MS);
      for (const old of windows.splice(0, first < 0 ? windows.length : first)) this.#ids.delete(windowKey(old));
    }
  }

  /** Do not count as missing what was published while the page itself was disconnected. */
  resetSequences() {
    for (const device of this.devices.values()) device.lastSeq = null;
  }

  /** Whether there is room for a device, and for a source of it if one is named. */
  #admits(id, source) {
    const device = this.devices.get(id);
    if (!device) return this.devices.size < MAX_DEVICES;
    if (!source || device.sources.has(source) || device.sources.size === 0) return true;
    return device.sources.size < MAX_SOURCES && this.rooms.size < MAX_ROOMS;
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
      if (source) {
        device.sources.add(source);
        this.rooms.delete(`${device.id}/`); // the placeholder of a device whose source was unknown
      }
    }
    return this.rooms.get(key);
  }
}

/** Ids of two devices may be equal where one was made to look like the other. */
const windowKey = ({ device, id }) => `${device} ${id}`;

class Device {
  sources = new Set();
  online = null;
  lastHeard = null;
  status = null;
  info = null;
  lastSeq = null;
  gaps = []; // [first, last] of every run of missing sequence numbers

  constructor(id) {
    this.id = id;
  }

  heardAt(now) {
    this.lastHeard = Math.max(this.lastHeard ?? 0, now);
  }

  /** Sequence numbers grow by one. A skipped number is missing until a replay delivers it. */
  trackSequence(seq) {
    if (this.lastSeq !== null && seq > this.lastSeq + 1)
      this.gaps = [...this.gaps, [this.lastSeq + 1, seq - 1]].slice(-MAX_GAPS);
    this.gaps = this.gaps.flatMap(([first, last]) =>
      seq < first || seq > last
        ? [[first, last]]
        : [
            [first, seq - 1],
            [seq + 1, last],
          ].filter(([a, b]) => a <= b),
    );
    this.lastSeq = Math.max(this.lastSeq ?? seq, seq);
  }

  get missing() {
    return this.gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }
}
