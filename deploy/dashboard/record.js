"use strict";
// A day of windows that outlives a reload, in the browser's own database, and as a CSV file.

/** Windows of one broker in IndexedDB. Without it (private windows) the page just forgets when it is closed. */
class Record {
  #database = null;
  #waiting = [];

  /** Open and return the windows of the last day. */
  async open(broker, now) {
    this.#database = null;
    this.#waiting = [];
    const request = indexedDB.open(`fer-edge ${broker}`, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("windows", { keyPath: "id" }).createIndex("at", "received");
    const database = await done(request);
    const windows = database.transaction("windows", "readwrite").objectStore("windows");
    const old = windows.index("at").openCursor(IDBKeyRange.upperBound(now - 2 * DAY_MS));
    old.onsuccess = () => {
      if (!old.result) return;
      old.result.delete();
      old.result.continue();
    };
    const kept = await done(windows.getAll());
    this.#database = database;
    return kept;
  }

  add(window) {
    this.#waiting.push(window);
  }

  /** Write what came since the last time: one transaction, however many windows. */
  flush() {
    if (!this.#database || !this.#waiting.length) return;
    const windows = this.#database.transaction("windows", "readwrite").objectStore("windows");
    for (const window of this.#waiting.splice(0)) windows.put(window);
  }
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const COLUMNS = {
  id: (w) => w.id,
  device: (w) => w.device,
  source: (w) => w.source,
  seq: (w) => w.seq,
  start: (w) => w.start && new Date(w.start).toISOString(),
  end: (w) => w.end && new Date(w.end).toISOString(),
  duration_s: (w) => w.durationS,
  historical: (w) => w.historical,
  captured: (w) => w.captured,
  analysed: (w) => w.analysed,
  dropped: (w) => w.dropped,
  people: (w) => w.people,
  max_at_once: (w) => w.maxAtOnce,
  mean_at_once: (w) => w.meanAtOnce,
  ...Object.fromEntries(EMOTIONS.map((name) => [name, (w) => w.emotions?.[name]])),
  dominant: (w) => dominant(w.emotions),
  uncertain: (w) => w.uncertain,
  suppressed: (w) => w.suppressed,
  model: (w) => w.model,
};

/** Windows as RFC 4180 CSV. A text that a spreadsheet would run as a formula is made text by an apostrophe. */
function csv(windows) {
  const cell = (value) => {
    const text = String(value ?? "");
    const tame = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
  };
  const rows = windows.map((window) => Object.values(COLUMNS).map((read) => cell(read(window))));
  return [Object.keys(COLUMNS), ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10e3);
}
