"use strict";
// Everything the page says in words.

const STATE_MARKS = { running: "●", starting: "◌", stopping: "◌", degraded: "▲", offline: "○", silent: "○" };
const percent = (share) => `${Math.round(100 * share)} %`;
const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const counted = (people) => (people === 1 ? "1 person" : `${people} people`);

/** A length of time in one unit. */
function span(milliseconds) {
  const seconds = Math.max(0, milliseconds / 1000);
  const [size, unit] = [
    [86400, "day"],
    [3600, "hour"],
    [60, "min"],
    [1, "s"],
  ].find(([size]) => seconds >= size) ?? [1, "s"];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${unit.match(/day|hour/) && count !== 1 ? "s" : ""}`;
}

/** What a room is called, and where it is. */
function naming({ device, source }) {
  const { site, room } = device.info ?? {};
  const id = [device.id, source].filter(Boolean).join(" / ");
  return { name: room || site || device.id, where: [room && site, id].filter(Boolean).join(" · ") };
}

/** In a word for the style sheet and as a person would say it. */
function stateOf(device, now) {
  const ago = device.heard === null ? "" : ` for ${span(now - device.heard)}`;
  if (device.online === false) return { word: "offline", sentence: `offline${ago}` };
  const patience = 3000 * Math.max(device.info?.windowS ?? 60, 20);
  if (device.heard !== null && now - device.heard > patience) return { word: "silent", sentence: `silent${ago}` };
  const word = device.status?.state ?? "unknown";
  return { word, sentence: device.status ? word : "no status yet" };
}

/** When a window was. */
function during(window) {
  if (!window) return "";
  if (window.at === null) return "some time ago";
  const from = clock(window.at - 1000 * window.durationS);
  return from === clock(window.at) ? `at ${from}` : `${from} to ${clock(window.at)}`;
}

/** A mark, a sentence and more about it, where there is no mood to show. */
function instead(window, device) {
  if (!window) return ["◌", "Waiting for the first window.", ""];
  const least = device.info?.minPeople;
  if (window.suppressed === "too_few_people")
    return ["◇", "Too few people.", `Their mood is withheld to protect them${least ? `; it takes ${least} in view` : ""}.`];
  if (window.suppressed) return ["◇", "This device only counts people.", ""];
  if (window.analysed === 0) return ["✕", "No data.", "The camera gave no picture."];
  return ["○", "Nobody was seen.", ""];
}

/** What a person should know of a room. */
function problemsOf({ device, windows }) {
  const problems = [...(device.status?.problems ?? [])];
  const newest = windows.at(-1);
  if (newest && newest.at !== newest.end) problems.push("The device's clock is not set: times are those of this page.");
  if (device.missing) {
    const [first, last] = device.gaps.at(-1);
    const which = first === last ? `number ${first}` : `numbers ${first} to ${last}`;
    problems.push(
      device.missing === 1
        ? `One window is missing (${which}).`
        : `${device.missing} windows are missing (lately ${which}).`,
    );
  }
  return problems;
}

/** The health of a device as pairs of a name and a value; unknown ones are left out. */
function health(device, now) {
  const { status, info } = device;
  const place = { cpu: "processor", edgetpu: "Coral" }[status?.device] ?? "";
  const known = (value, words) => (value === null || value === undefined ? null : words(value));
  return [
    ["Pictures", known(status?.fps, (fps) => `${fps.toFixed(1)} a second`)],
    ["Reading a face", known(status?.classifyMs, (ms) => `${ms.toFixed(0)} ms${place && ` on the ${place}`}`)],
    ["Windows waiting", known(status?.waiting, String)],
    ["Processor", known(status?.temperature, (degrees) => `${degrees.toFixed(0)} °C`)],
    ["Running for", known(status?.uptime, (seconds) => span(seconds * 1000))],
    ["Last heard", known(device.heard, (at) => `${span(now - at)} ago`)],
    ["Window", known(info?.windowS, (seconds) => span(seconds * 1000))],
    ["Model", info?.model],
    ["Version", status?.version],
  ].filter(([, value]) => value);
}

function shares(emotions, least = 0.05, most = 3) {
  return EMOTIONS.map((name) => [emotions[name], name])
    .filter(([share]) => share >= least)
    .sort(([a], [b]) => b - a)
    .slice(0, most)
    .map(([share, name]) => `${name} ${percent(share)}`)
    .join(", ");
}

/** One space of a chart. */
function describe(space) {
  const what = {
    none: "no data",
    blind: "no picture from the camera",
    nobody: "nobody was seen",
    withheld: `${counted(space.people)}, mood withheld`,
    mood: `${counted(space.people)}: ${space.emotions && shares(space.emotions)}`,
  };
  return `${clock(space.from)} ${what[space.kind]}`;
}

/** All of a chart. */
function overview(spaces) {
  const kinds = new Set(spaces.slice(0, -UNFINISHED).map((space) => space.kind));
  const heard = spaces.find((space) => space.kind !== "none");
  if (!heard) return "Nothing was heard yet: the chart begins with the next window.";
  const key = [
    kinds.has("withheld") && "striped: withheld",
    kinds.has("nobody") && "thin line: nobody",
    kinds.has("blind") && "thick line: no picture",
    kinds.has("none") && "blank: no data",
  ]
    .filter(Boolean)
    .join(", ");
  return `at most ${counted(Math.max(...spaces.map((space) => space.people)))}${key && ` · ${key}`}`;
}
