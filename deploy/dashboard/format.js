"use strict";
// Values as text for people: numbers, times, states and explanations.

const STATE_MARKS = {
  running: "●",
  starting: "◌",
  stopping: "◌",
  degraded: "▲",
  paused: "‖",
  offline: "○",
  silent: "○",
};
const PAUSED_BY = {
  command: "by command",
  button: "by the button",
  quiet_hours: "in quiet hours",
  clock_unsynced: "until the time is known",
};
const SILENT_AFTER_WINDOWS = 3;
const MIN_WINDOW_S = 20; // shorter windows do not make a device silent sooner than a missing status, which comes every 60 s

const formatPercent = (share) => `${Math.round(100 * share)} %`;
const formatTime = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const formatPeople = (people) => (people === 1 ? "1 person" : `${people} people`);

/** A duration in its largest unit. */
function formatDuration(milliseconds) {
  const seconds = Math.max(0, milliseconds / 1000);
  const units = /** @type {[number, string][]} */ ([
    [86400, "day"],
    [3600, "hour"],
    [60, "min"],
    [1, "s"],
  ]);
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, "s"];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${/day|hour/.test(unit) && count !== 1 ? "s" : ""}`;
}

/** The name of a room, and a second line with its site and ids. */
function roomLabel({ device, source }) {
  const { site, room } = device.info ?? {};
  const ids = [device.id, source].filter(Boolean).join(" / ");
  return { name: room || site || device.id, location: [room && site, ids].filter(Boolean).join(" · ") };
}

/** The state of a device as {state, text}: a name for the style sheet, and what people read. */
function deviceState(device, now) {
  const ago = device.lastHeard === null ? "" : ` for ${formatDuration(now - device.lastHeard)}`;
  if (device.online === false) return { state: "offline", text: `offline${ago}` };
  const shortestS = device.status?.paused ? 60 : MIN_WINDOW_S; // a paused device sends its status only
  const patienceMs = 1000 * SILENT_AFTER_WINDOWS * Math.max(device.info?.windowS ?? 60, shortestS);
  if (device.lastHeard !== null && now - device.lastHeard > patienceMs)
    return { state: "silent", text: `silent${ago}` };
  const state = device.status?.state ?? "unknown";
  if (state === "paused") return { state, text: formatPause(device.status.paused) };
  return { state, text: device.status ? state : "no status yet" };
}

/** Why and until when the camera of a device is closed. */
function formatPause(paused) {
  const until = paused?.until ? ` until ${formatTime(paused.until)}` : "";
  return ["paused", PAUSED_BY[paused?.reason]].filter(Boolean).join(" ") + until;
}

/** The time of a window. */
function formatPeriod(window) {
  if (!window) return "";
  if (window.at === null) return "at an unknown time";
  const start = formatTime(window.at - 1000 * window.durationS);
  return start === formatTime(window.at) ? `at ${start}` : `${start} to ${formatTime(window.at)}`;
}

/** Over whom a mood is a mean. */
function formatBasis(basis) {
  if (!basis) return "";
  if (basis.kind === "room") return basis.people > 1 ? `of ${basis.people} or more in view` : "";
  if (basis.kind !== "visits") return "";
  const since = basis.from === null ? "" : ` since ${formatTime(basis.from)}`;
  return basis.people === 1 ? `of one visit${since}` : `of ${basis.people} visits${since}`;
}

/** Why a window has no emotions: a mark, a sentence and a detail. */
function explainNoEmotions(window, device) {
  if (!window) return ["◌", "Waiting for the first window.", ""];
  const least = device.info?.minPeople;
  if (window.suppressed === "too_few_people")
    return ["◇", "Too few people.", `Emotions are withheld${least ? ` unless ${least} are in view` : ""}.`];
  if (window.suppressed === "unreadable")
    return ["◇", "Faces could not be read.", "Too small, blurred, dark or turned."];
  if (window.suppressed === "gathering") {
    const { gathered, needed } = window;
    const detail = needed ? `${gathered} of ${needed} have ended.` : "";
    return ["◇", "Waiting for more visits.", detail];
  }
  if (window.suppressed === "counts_only") return ["◇", "This device only counts people.", ""];
  if (window.suppressed === "context") return explainContext(device.info);
  if (window.suppressed) return ["◇", "Emotions are withheld.", ""];
  if (window.analysed === 0) return ["✕", "No data.", "The camera delivered no images."];
  return ["○", "Nobody was seen.", ""];
}

/** The device stands where emotions may not be inferred in the European Union. */
const explainContext = (info) => [
  "◇",
  "This device only counts people.",
  `Emotions are withheld${info?.deployment ? ` in ${info.deployment}` : ""}: Regulation (EU) 2024/1689, Article 5(1)(f).`,
];

/** The problems that the device reports, and those that the page sees itself. */
function roomProblems({ device, windows }) {
  const problems = [...(device.status?.problems ?? [])];
  const newest = windows.at(-1);
  if (newest && newest.at !== newest.end)
    problems.push("The device's clock is not set; the times shown are those of this computer.");
  if (device.missing) {
    const [first, last] = device.gaps.at(-1);
    const numbers = first === last ? `number ${first}` : `numbers ${first} to ${last}`;
    problems.push(
      device.missing === 1
        ? `1 window is missing (${numbers}).`
        : `${device.missing} windows are missing (most recently ${numbers}).`,
    );
  }
  return problems;
}

/** The health of a device as pairs of name and value, without unknown values. */
function deviceHealth(device, now) {
  const { status, info } = device;
  const processor = { cpu: "CPU", edgetpu: "Coral" }[status?.device] ?? "";
  const known = (value, format) => (value === null || value === undefined ? null : format(value));
  return [
    ["Frame rate", known(status?.fps, (fps) => `${fps.toFixed(1)} per second`)],
    ["Classification", known(status?.classifyMs, (ms) => `${ms.toFixed(0)} ms${processor && ` on the ${processor}`}`)],
    ["Windows waiting", known(status?.waiting, String)],
    ["CPU temperature", known(status?.temperature, (degrees) => `${degrees.toFixed(0)} °C`)],
    ["Uptime", known(status?.uptime, (seconds) => formatDuration(seconds * 1000))],
    ["Last message", known(device.lastHeard, (at) => `${formatDuration(now - at)} ago`)],
    ["Window length", known(info?.windowS, (seconds) => formatDuration(seconds * 1000))],
    ["Camera", status?.camera ?? info?.camera],
    ["Model", info?.model],
    ["Version", status?.version],
  ].filter(([, value]) => value);
}

/** The largest shares, with their names. */
function formatShares(emotions, least = 0.05, most = 3) {
  return ranked(emotions)
    .filter((name) => emotions[name] >= least)
    .slice(0, most)
    .map((name) => `${name} ${formatPercent(emotions[name])}`)
    .join(", ");
}

/** One bin of a chart as a sentence. */
function describeBin(bin) {
  const content = {
    empty: "no data",
    noFrames: "no images from the camera",
    nobody: "nobody was seen",
    withheld: `${formatPeople(bin.people)}, emotions withheld`,
    emotions: `${formatPeople(bin.people)}: ${bin.emotions && formatShares(bin.emotions)}`,
  };
  return `${formatTime(bin.start)} ${content[bin.kind]}`;
}

/** A whole chart as a sentence: the most people, and a key to its marks. */
function summarizeChart(bins) {
  const kinds = new Set(bins.slice(0, -UNFINISHED_BINS).map((bin) => bin.kind));
  if (bins.every((bin) => bin.kind === "empty")) return "No data yet: the chart starts with the next window.";
  const key = [
    kinds.has("withheld") && "striped: withheld",
    kinds.has("nobody") && "thin line: nobody",
    kinds.has("noFrames") && "thick line: no images",
    kinds.has("empty") && "blank: no data",
  ]
    .filter(Boolean)
    .join(", ");
  return `at most ${formatPeople(Math.max(...bins.map((bin) => bin.people)))}${key && ` · ${key}`}`;
}
