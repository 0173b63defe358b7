"use strict";
// What messages may say. Everybody may write to a broker: what is not of the contract is thrown out here.

const EMOTIONS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust"]; // from bright to dark, as drawn
const SUPPRESSED = [null, "too_few_people", "counts_only", "windows_only"];
const STATES = ["starting", "running", "degraded", "stopping"];
const TOPIC = /^fer\/v1\/([a-z0-9-]{3,32})\/(?:(availability|status|info)|([a-z0-9_-]{1,32})\/(live|aggregate))$/;
const MAX_TEXT = 300;
const MAX_PROBLEMS = 20;

class Malformed extends Error {}

/** Take a message apart: {kind, device, source, body}; throws Malformed. An emptied retained topic has a null body. */
function readMessage(topic, payload) {
  const match = TOPIC.exec(topic);
  if (!match) throw new Malformed("topic");
  const [, device, own, source, ofSource] = match;
  const kind = own ?? ofSource;
  if (payload.length > 65536) throw new Malformed("too long");
  const text = new TextDecoder().decode(payload);
  if (text === "") return { kind, device, source, body: null };
  if (kind === "availability") return { kind, device, body: one(text, ["online", "offline"]) };
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Malformed("not JSON");
  }
  const body = READERS[kind](object(json));
  return { kind, device, source, body };
}

const READERS = {
  status: (json) => ({
    state: one(json.state, STATES),
    problems: list(json.problems)
      .slice(0, MAX_PROBLEMS)
      .map((problem) => words(problem.sentence)),
    fps: optional(json.camera?.fps, amount),
    frameAge: optional(json.camera?.last_frame_age_s, amount),
    device: optional(json.inference?.device, words),
    classifyMs: optional(json.inference?.classify_ms?.p95, amount),
    waiting: optional(json.mqtt?.outbox, amount),
    temperature: optional(json.host?.cpu_temp_c, number),
    uptime: optional(json.uptime_s, amount),
    version: optional(json.version, words),
  }),
  info: (json) => ({
    source: matching(json.source, /^[a-z0-9_-]{1,32}$/),
    model: words(json.model?.id),
    windowS: amount(json.window_s),
    minPeople: amount(json.privacy?.min_people),
    site: optional(json.context?.site, words) ?? "",
    room: optional(json.context?.room, words) ?? "",
  }),
  live: (json) => ({ people: amount(json.people), ...mood(json) }),
  aggregate: (json) => ({
    id: matching(json.id, /^[a-z0-9-]{3,32}-\d{12,}$/),
    seq: whole(json.seq),
    start: optional(json.window?.start, time),
    end: optional(json.window?.end, time),
    durationS: amount(json.window?.duration_s),
    historical: json.historical === true,
    captured: amount(json.frames?.captured),
    analysed: amount(json.frames?.analysed),
    dropped: amount(json.frames?.dropped),
    people: amount(json.faces?.people),
    maxAtOnce: amount(json.faces?.max_at_once),
    meanAtOnce: amount(json.faces?.mean_at_once),
    uncertain: optional(json.uncertain, amount),
    model: words(json.model?.id),
    ...mood(json),
  }),
};

function mood(json) {
  const emotions = optional(json.emotions, (shares) =>
    Object.fromEntries(EMOTIONS.map((name) => [name, amount(object(shares)[name], 1.001)])),
  );
  return { emotions, suppressed: one(json.suppressed ?? null, SUPPRESSED) };
}

/** The emotion with the largest share, or null. */
function dominant(emotions) {
  return emotions && EMOTIONS.reduce((best, name) => (emotions[name] > emotions[best] ? name : best));
}

function check(holds, value) {
  if (!holds) throw new Malformed(typeof value);
  return value;
}

const optional = (value, read) => (value === null || value === undefined ? null : read(value));
const object = (value) => check(typeof value === "object" && value !== null && !Array.isArray(value), value);
const list = (value) => check(Array.isArray(value) && value.every((item) => object(item)), value);
const words = (value) => check(typeof value === "string", value).slice(0, MAX_TEXT);
const matching = (value, pattern) => check(typeof value === "string" && pattern.test(value), value);
const one = (value, accepted) => check(accepted.includes(value), value);
const number = (value) => check(Number.isFinite(value), value);
const amount = (value, most = 1e9) => check(number(value) >= 0 && value <= most, value);
const whole = (value) => check(Number.isSafeInteger(value) && value >= 0, value);
const time = (value) => number(Date.parse(words(value)));
