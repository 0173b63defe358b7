"use strict";
// Shares of the emotions over time as a stacked area, and below it how many people there were.

const SVG = "http://www.w3.org/2000/svg";
const GAP_PX = 6;
const STRIP_PX = 48; // at most
const LABEL_PX = 20; // a band this thick carries its name, where the chart is tall
const TALL_PX = 120;
const SPANS = { 1: { bins: 120, binMs: 30e3 }, 24: { bins: 144, binMs: 600e3 } };
const UNFINISHED = 6; // newest spaces of a chart whose window may still be under way
const RANK = { none: 0, blind: 1, nobody: 2, withheld: 3, mood: 4 };

/** Windows into equal spaces of time: {from, people, kind, emotions}; kind is one of RANK. */
function bin(windows, span, now) {
  const { bins, binMs } = SPANS[span];
  const start = (Math.floor(now / binMs) + 1 - bins) * binMs;
  const spaces = Array.from({ length: bins }, (_, i) => emptySpace(start + i * binMs));
  for (let i = windows.length - 1; i >= 0; i -= 1) {
    const window = windows[i];
    if (window.at === null || window.at <= start) break; // they are in order of time
    const long = window.durationS * 1000;
    const first =
      long < binMs
        ? Math.floor((window.at - long / 2 - start) / binMs)
        : Math.round((window.at - long - start) / binMs);
    const last = long < binMs ? first : Math.round((window.at - start) / binMs) - 1;
    for (const space of spaces.slice(Math.max(first, 0), Math.max(last + 1, 0))) pour(window, space);
  }
  return spaces;
}

const emptySpace = (from) => ({ from, people: 0, weight: 0, kind: "none", emotions: null, sums: {}, windows: 0 });

function pour(window, space) {
  const kind = window.emotions ? "mood" : window.suppressed ? "withheld" : window.analysed ? "nobody" : "blind";
  if (RANK[kind] > RANK[space.kind]) space.kind = kind;
  space.windows += 1;
  space.people = Math.max(space.people, window.people);
  if (!window.emotions) return;
  const people = Math.max(window.people, 1); // every person counts the same
  space.weight += people;
  for (const name of EMOTIONS) space.sums[name] = (space.sums[name] ?? 0) + people * window.emotions[name];
  space.emotions = Object.fromEntries(EMOTIONS.map((name) => [name, space.sums[name] / space.weight]));
}

/** Draw the spaces into `host`, which is so large; `cursor` is the index of a space to mark, or null. */
function draw(host, { width: wide, height }, spaces, cursor) {
  if (!wide) return;
  const strip = height < 60 ? 0 : Math.min(Math.round(height / 5), STRIP_PX);
  const tall = height - (strip && strip + GAP_PX);
  const step = wide / spaces.length;
  const svg = shape("svg", { viewBox: `0 0 ${wide} ${height}`, width: wide, height, "aria-hidden": "true" });
  svg.append(shape("rect", { class: "plot", width: wide, height: tall }));
  for (const y of [0.25, 0.5, 0.75].map((at) => at * tall))
    svg.append(shape("line", { class: "grid", x2: wide, y1: y, y2: y }));
  for (const [first, last, kind] of runs(spaces)) {
    const [x, width] = [first * step, (last + 1 - first) * step];
    if (kind === "mood") svg.append(...areas(spaces, first, last, step, tall));
    if (kind === "withheld") svg.append(...hatch(x, x + width, tall));
    if (kind === "nobody") svg.append(shape("rect", { class: "nobody", x, width, y: tall - 2, height: 2 }));
    if (kind === "blind") svg.append(shape("rect", { class: "blind", x, width, y: tall - 5, height: 5 }));
  }
  const most = Math.max(4, ...spaces.map((space) => space.people));
  spaces.forEach(({ people }, i) => {
    const high = (people / most) * strip;
    if (high) {
      const column = { x: i * step, width: Math.max(step - 0.6, 0.8), y: height - high, height: high };
      svg.append(shape("rect", { class: "count", ...column }));
    }
  });
  if (strip) svg.append(shape("line", { class: "floor", x2: wide, y1: height - 0.5, y2: height - 0.5 }));
  if (cursor !== null) {
    const x = (cursor + 0.5) * step;
    svg.append(shape("line", { class: "cursor", x1: x, x2: x, y2: height }));
  }
  host.replaceChildren(svg);
}

/** Neighbours of one kind: [first, last, kind]. */
function runs(spaces) {
  const found = [];
  spaces.forEach(({ kind }, i) => {
    const run = found.at(-1);
    if (run?.[2] === kind) run[1] = i;
    else found.push([i, i, kind]);
  });
  return found;
}

function areas(spaces, first, last, step, tall) {
  const columns = spaces.slice(first, last + 1);
  const xs = columns.map((_, i) => (first + i + 0.5) * step);
  xs[0] = first * step;
  if (columns.length === 1) {
    columns.push(columns[0]);
    xs.push(xs[0] + step);
  } else xs[xs.length - 1] = (last + 1) * step;
  const total = columns.map(({ emotions }) => EMOTIONS.reduce((sum, name) => sum + emotions[name], 0) || 1);
  let upper = columns.map(() => 0);
  const labels = [];
  const bands = EMOTIONS.map((name) => {
    const lower = upper.map((y, i) => y + (columns[i].emotions[name] / total[i]) * tall);
    const there = upper.map((y, i) => `${xs[i].toFixed(1)},${y.toFixed(1)}`);
    const back = lower.map((y, i) => `${xs[i].toFixed(1)},${y.toFixed(1)}`).reverse();
    labels.push(...label(name, xs, upper, lower, tall));
    upper = lower;
    return shape("polygon", { class: `share ${name}`, points: [...there, ...back].join(" ") });
  });
  return [...bands, ...labels];
}

/** The name of a band where it is first about as thick as it gets, if it fits in there. */
function label(name, xs, upper, lower, tall) {
  const half = name.length * 4 + 6;
  const [left, right] = [xs[0] + half, xs.at(-1) - half];
  const places = xs.map((_, i) => i).filter((i) => xs[i] >= left && xs[i] <= right);
  if (tall < TALL_PX || !places.length) return [];
  const thick = Math.max(...places.map((i) => lower[i] - upper[i]));
  if (thick < LABEL_PX) return [];
  const at = places.find((i) => lower[i] - upper[i] >= 0.9 * thick);
  const text = shape("text", { class: `label ${name}`, x: xs[at], y: (upper[at] + lower[at]) / 2 });
  text.textContent = name;
  return [text];
}

/** Slanted lines, because a colour would be read as an emotion. */
function hatch(left, right, tall) {
  const lines = [];
  for (let x = Math.floor(left / 7) * 7 - Math.ceil(tall / 7) * 7; x < right; x += 7) {
    const low = Math.max(x, left);
    const high = Math.min(x + tall, right);
    if (low < high)
      lines.push(shape("line", { class: "hatch", x1: low, y1: tall - (low - x), x2: high, y2: tall - (high - x) }));
  }
  return [shape("rect", { class: "withheld", x: left, width: right - left, height: tall }), ...lines];
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
