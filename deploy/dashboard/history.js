"use strict";
// The windows of a day: stored in the browser's database, so that they survive a reload, and exported as CSV.

const MAX_STORED = 2 * MAX_ALL_WINDOWS;

/** Windows of one broker in IndexedDB. Where the browser offers none (private mode), a reload starts with no windows. */
class WindowHistory {
  #database = null;
  #unsaved = [];

  /**
   * Open the database of a broker and return its windows. Those older than two days are deleted; all are, where there
   * are more than any honest fleet sends.
   */
  async open(broker, now) {
    this.#database = null;
    this.#unsaved = [];
    const request = indexedDB.open(`fer-edge ${broker}`, 2);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion) dropSumOfOthers(request.transaction.objectStore("windows"));
      else request.result.createObjectStore("windows", { keyPath: ["device", "id"] }).createIndex("at", "received");
    };
    const database = await resultOf(request);
    const windows = database.transaction("windows", "readwrite").objectStore("windows");
    if ((await resultOf(windows.count())) > MAX_STORED) windows.clear();
    const old = windows.index("at").openCursor(IDBKeyRange.upperBound(now - 2 * DAY_MS));
    old.onsuccess = () => {
      if (!old.result) return;
      old.result.delete();
      old.result.continue();
    };
    const stored = await resultOf(windows.getAll());
    this.#database = database;
    return stored;
  }

  add(window) {
    this.#unsaved.push(window);
    if (this.#unsaved.length > MAX_WINDOWS) this.#unsaved.shift(); // there is no database
  }

  /** Write all windows added since the last call in one transaction. */
  flush() {
    if (!this.#database || !this.#unsaved.length) return;
    const windows = this.#database.transaction("windows", "readwrite").objectStore("windows");
    for (const window of this.#unsaved.splice(0)) windows.put(window);
  }
}

/** Version 1 of the database added up the shares of further labels as "other", also where there were none. */
function dropSumOfOthers(windows) {
  const every = windows.openCursor();
  every.onsuccess = () => {
    if (!every.result) return;
    const window = every.result.value;
    if (window.emotions) {
      delete window.emotions.other;
      every.result.update(window);
    }
    every.result.continue();
  };
}

function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const CSV_COLUMNS = {
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
  ...Object.fromEntries(EMOTIONS.map((name) => [name, (w) => shareOf(w.emotions, name)])),
  dominant: (w) => dominant(w.emotions),
  uncertain: (w) => w.uncertain,
  suppressed: (w) => w.suppressed,
  basis: (w) => w.basis?.kind,
  basis_people: (w) => w.basis?.people,
  visits: (w) => w.visits,
  gathered: (w) => w.gathered,
  still: (w) => w.still,
  model: (w) => w.model,
};

/**
 * Whether a spreadsheet may run a text as a formula. Some look behind spaces, line breaks and invisible characters, and
 * take the full-width forms of the signs (NFKC makes them the plain ones).
 */
const isFormula = (value) => /^[\t\r]|^[\s\p{C}]*[=+\-@\u2212]/u.test(value.normalize("NFKC"));

const OTHER_LABELS = "emotions."; // begins the names of the columns of labels that the shipped models do not have

/** Windows as CSV (RFC 4180). A leading apostrophe stops a spreadsheet from running a text as a formula. */
function toCsv(windows) {
  const cell = (value) => {
    const plain = String(value ?? "");
    const safe = typeof value === "string" && isFormula(value) ? `'${plain}` : plain;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const labels = new Set(windows.flatMap(({ emotions }) => Object.keys(emotions ?? {})));
  const others = [...labels].filter((name) => !EMOTIONS.includes(name));
  const rows = windows.map((window) =>
    [
      ...Object.values(CSV_COLUMNS).map((read) => read(window)),
      ...others.map((name) => shareOf(window.emotions, name)),
    ].map(cell),
  );
  const head = [...Object.keys(CSV_COLUMNS), ...others.map((name) => cell(`${OTHER_LABELS}${name}`))];
  return [head, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** The windows of a CSV file of this page or of fer-edge report, checked like messages; what is not one is left out. */
function fromCsv(text) {
  const [names, ...rows] = parseCsv(text);
  if (!["id", "device", "source", "end"].every((name) => names?.includes(name))) return null;
  const windows = rows.map((row) => toWindow(Object.fromEntries(names.map((name, i) => [name, row[i] ?? ""]))));
  return windows.filter((window) => window !== null);
}

function toWindow(row) {
  const number = (name) => (row[name] === "" ? null : Number(row[name]));
  const text = (name) => (row[name]?.startsWith("'") && isFormula(row[name].slice(1)) ? row[name].slice(1) : row[name]);
  const others = Object.keys(row).filter((name) => name.startsWith(OTHER_LABELS));
  const shares = [...EMOTIONS, ...others]
    .filter((name) => row[name])
    .map((name) => [name.replace(OTHER_LABELS, ""), number(name)]);
  const message = {
    id: row.id,
    device: row.device,
    source: row.source,
    seq: number("seq"),
    window: { start: row.start || null, end: row.end || null, duration_s: number("duration_s") },
    historical: true, // it was delivered long ago
    frames: { captured: number("captured"), analysed: number("analysed"), dropped: number("dropped") },
    faces: { people: number("people"), max_at_once: number("max_at_once"), mean_at_once: number("mean_at_once") },
    emotions: shares.length ? Object.fromEntries(shares) : null,
    uncertain: number("uncertain"),
    suppressed: row.suppressed || null,
    model: { id: text("model") ?? "" },
  };
  try {
    const payload = new TextEncoder().encode(JSON.stringify(message));
    const { device, source, body } = parseMessage(`fer/v1/${row.device}/${row.source}/aggregate`, payload);
    return body.end === null ? null : { ...body, device, source, received: body.end };
  } catch (error) {
    if (error instanceof MalformedMessage) return null;
    throw error;
  }
}

/** The cells of RFC 4180, row by row. */
function parseCsv(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== "," && end !== "") rows.push([]);
  }
  return rows.filter((row) => row.some((cell) => cell !== ""));
}

function download(name, csv) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10e3);
}
