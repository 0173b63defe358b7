"use strict";
// The messages of docs/mqtt.md, checked. Anybody may publish to a broker: what does not match is rejected here.

const TOPIC = /^fer\/v1\/([a-z0-9-]{3,32})\/(?:(availability|status|info)|([a-z0-9_-]{1,32})\/(live|aggregate))$/;
const COMMAND = /^fer\/v1\/[a-z0-9-]{3,32}\/command\/[a-z]+$/; // to a device, not from one
const WORD = /^[a-z0-9_]{1,64}$/; // of a state, or a reason to withhold emotions: newer versions may add some
const MAX_PAYLOAD_BYTES = 65536;
const MAX_TEXT = 300;
const MAX_PROBLEMS = 20;

class MalformedMessage extends Error {}

/**
 * Parse a message into {kind, device, source, body}. The body is null where a retained topic was cleared.
 * Throws MalformedMessage.
 */
function parseMessage(topic, payload) {
  const match = TOPIC.exec(topic);
  if (!match) throw new MalformedMessage("topic");
  const [, device, deviceKind, source, sourceKind] = match;
  const kind = deviceKind ?? sourceKind;
  if (payload.length > MAX_PAYLOAD_BYTES) throw new MalformedMessage("too long");
  const json = new TextDecoder().decode(payload);
  if (json === "") return { kind, device, source, body: null };
  if (kind === "availability") return { kind, device, source, body: matching(json, /^(online|offline)$/) };
  let value;
  try {
    value = JSON.parse(json);
  } catch {
    throw new MalformedMessage("not JSON");
  }
  checkOrigin(object(value), device, source);
  return { kind, device, source, body: PARSERS[kind](value) };
}

/** An access list ties a device to its topics, but not to the ids in its messages: those must be the topic's. */
function checkOrigin(json, device, source) {
  check(json.device === device, json.device);
  if (source === undefined) return;
  check(json.source === source, json.source);
  if (json.id !== undefined) matching(json.id, new RegExp(`^${device}(-[0-9a-f]{8})?-\\d{12}$`));
}

const PARSERS = {
  status: (json) => ({
    state: word(json.state),
    paused: optional(json.paused, (paused) => ({
      reason: word(object(paused).reason),
      until: optional(paused.until, timestamp),
    })),
    problems: objects(json.problems)
      .slice(0, MAX_PROBLEMS)
      .map((problem) => text(problem.sentence)),
    camera: optional(json.camera?.name, text),
    fps: optional(json.camera?.fps, nonNegative),
    frameAge: optional(json.camera?.last_frame_age_s, nonNegative),
    device: optional(json.inference?.device, text),
    classifyMs: optional(json.inference?.classify_ms?.p95, nonNegative),
    waiting: optional(json.mqtt?.outbox, nonNegative),
    temperature: optional(json.host?.cpu_temp_c, number),
    uptime: optional(json.uptime_s, nonNegative),
    version: optional(json.version, text),
  }),
  info: (json) => ({
    source: matching(json.source, /^[a-z0-9_-]{1,32}$/),
    camera: optional(json.camera, text),
    model: text(json.model?.id),
    labels: optional(json.labels, parseLabels) ?? [],
    order: optional(json.order, parseLabels) ?? [],
    colours: optional(json.colours, parseColours) ?? {},
    windowS: nonNegative(json.window_s),
    minPeople: nonNegative(json.privacy?.min_people),
    deployment: optional(json.deployment?.context, text) ?? "",
    site: optional(json.context?.site, text) ?? "",
    room: optional(json.context?.room, text) ?? "",
  }),
  live: (json) => ({ people: nonNegative(json.people), ...parseEmotions(json) }),
  aggregate: (json) => ({
    id: text(json.id),
    seq: integer(json.seq),
    start: optional(json.window?.start, timestamp),
    end: optional(json.window?.end, timestamp),
    durationS: nonNegative(json.window?.duration_s),
    historical: json.historical === true,
    captured: nonNegative(json.frames?.captured),
    analysed: nonNegative(json.frames?.analysed),
    dropped: nonNegative(json.frames?.dropped),
    people: nonNegative(json.faces?.people),
    maxAtOnce: nonNegative(json.faces?.max_at_once),
    meanAtOnce: nonNegative(json.faces?.mean_at_once),
    uncertain: optional(json.uncertain, nonNegative),
    model: text(json.model?.id),
    basis: optional(json.basis, parseBasis),
    gathered: optional(json.gathering?.visits, nonNegative),
    needed: optional(json.gathering?.needed, nonNegative),
    visits: optional(json.faces?.visits, nonNegative),
    still: optional(json.faces?.still, nonNegative) ?? 0,
    ...parseEmotions(json),
  }),
};

/** Over whom the emotions are a mean: at least `people` at a time, or so many visits. */
const parseBasis = (json) => ({
  kind: word(json.kind),
  people: nonNegative(json.people),
  from: optional(json.from, timestamp),
  to: optional(json.to, timestamp),
});

function parseEmotions(json) {
  return { emotions: optional(json.emotions, parseShares), suppressed: optional(json.suppressed, word) };
}

function parseShares(json) {
  const entries = Object.entries(object(json));
  check(entries.length >= 2 && entries.length <= 20, json);
  return Object.fromEntries(entries.map(([label, share]) => [matching(label, LABEL), nonNegative(share, 1.001)]));
}

const parseLabels = (json) =>
  check(Array.isArray(json) && json.length <= 20, json).map((label) => matching(label, LABEL));

const parseColours = (json) =>
  Object.fromEntries(
    Object.entries(object(json)).map(([label, colour]) => [matching(label, LABEL), matching(colour, COLOUR)]),
  );

function check(valid, value) {
  if (!valid) throw new MalformedMessage(typeof value);
  return value;
}

const optional = (value, parse) => (value === null || value === undefined ? null : parse(value));
const object = (value) => check(typeof value === "object" && value !== null && !Array.isArray(value), value);
const objects = (value) => check(Array.isArray(value) && value.every((item) => object(item)), value);
const text = (value) => check(typeof value === "string", value).slice(0, MAX_TEXT);
const matching = (value, pattern) => check(typeof value === "string" && pattern.test(value), value);
const word = (value) => matching(value, WORD);
const number = (value) => check(Number.isFinite(value), value);
const nonNegative = (value, most = 1e9) => check(number(value) >= 0 && value <= most, value);
const integer = (value) => check(Number.isSafeInteger(value) && value >= 0, value);
const timestamp = (value) => number(Date.parse(text(value)));
