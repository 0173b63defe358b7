"use strict";
// Shares of the emotions over time as a stacked area, and below it how many people there were.

const SVG = "http://www.w3.org/2000/svg";
const AREA_PX = 88;
const GAP_PX = 6;
const STRIP_PX = 24;
const SPANS = { 1: { bins: 120, binMs: 30e3 }, 24: { bins: 144, binMs: 600e3 } };

/** Windows into equal spaces of time: {from, people, kind, emotions}; kind is one of RANK. */
function bin(windows, span, now) {
  const { bins, binMs } = SPANS[span];
  const start = (Math.floor(now / binMs) + 1 - bins) * binMs;
  const spaces = Array.from({ length: bins }, (_, i) => ({
    from: start + i * binMs,
    people: 0,
    weight: 0,
    kind: "none",
    emotions: null,
    sums: {},
  }));
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

const RANK = { none: 0, blind: 1, nobody: 2, withheld: 3, mood: 4 };

function pour(window, space) {
  const kind = window.emotions ? "mood" : window.suppressed ? "withheld" : window.analysed ? "nobody" : "blind";
  if (RANK[kind] > RANK[space.kind]) space.kind = kind;
  space.people = Math.max(space.people, window.people);
  if (!window.emotions) return;
  const people = Math.max(window.people, 1); // every person counts the same
  space.weight += people;
  for (const name of EMOTIONS) space.sums[name] = (space.sums[name] ?? 0) + people * window.emotions[name];
  space.emotions = Object.fromEntries(EMOTIONS.map((name) => [name, space.sums[name] / space.weight]));
}

/** Draw the spaces into `host`, as wide as it is; `cursor` is the index of a space to mark, or null. */
function draw(host, spaces, cursor) {
  const wide = host.clientWidth || 300;
  const height = AREA_PX + GAP_PX + STRIP_PX;
  const step = wide / spaces.length;
  const svg = shape("svg", { viewBox: `0 0 ${wide} ${height}`, width: wide, height, "aria-hidden": "true" });
  svg.append(shape("rect", { class: "plot", width: wide, height: AREA_PX }));
  svg.append(
    ...[0.25, 0.5, 0.75].map((at) => shape("line", { class: "grid", x2: wide, y1: at * AREA_PX, y2: at * AREA_PX })),
  );
  for (const [first, last, kind] of runs(spaces)) {
    const left = first * step;
    const right = (last + 1) * step;
    if (kind === "mood") svg.append(...areas(spaces, first, last, step));
    if (kind === "withheld") svg.append(...hatch(left, right));
    if (kind === "nobody")
      svg.append(shape("rect", { class: "nobody", x: left, width: right - left, y: AREA_PX - 2, height: 2 }));
    if (kind === "blind")
      svg.append(shape("rect", { class: "blind", x: left, width: right - left, y: AREA_PX - 4, height: 4 }));
  }
  const most = Math.max(4, ...spaces.map((space) => space.people));
  spaces.forEach(({ people }, i) => {
    const tall = (people / most) * STRIP_PX;
    if (people)
      svg.append(
        shape("rect", {
          class: "count",
          x: i * step,
          width: Math.max(step - 0.6, 0.8),
          y: height - tall,
          height: tall,
        }),
      );
  });
  svg.append(shape("line", { class: "floor", x2: wide, y1: height - 0.5, y2: height - 0.5 }));
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

function areas(spaces, first, last, step) {
  const columns = spaces.slice(first, last + 1);
  const xs = columns.map((_, i) => (first + i + 0.5) * step);
  xs[0] = first * step;
  if (columns.length === 1) {
    columns.push(columns[0]);
    xs.push(xs[0] + step);
  } else xs[xs.length - 1] = (last + 1) * step;
  const total = columns.map(({ emotions }) => EMOTIONS.reduce((sum, name) => sum + emotions[name], 0) || 1);
  let upper = columns.map(() => 0);
  return EMOTIONS.map((name) => {
    const lower = upper.map((y, i) => y + (columns[i].emotions[name] / total[i]) * AREA_PX);
    const there = upper.map((y, i) => `${xs[i].toFixed(1)},${y.toFixed(1)}`);
    const back = lower.map((y, i) => `${xs[i].toFixed(1)},${y.toFixed(1)}`).reverse();
    upper = lower;
    return shape("polygon", { class: `share ${name}`, points: [...there, ...back].join(" ") });
  });
}

/** Slanted lines, because a colour would be read as an emotion. */
function hatch(left, right) {
  const lines = [];
  for (let x = Math.floor(left / 7) * 7 - AREA_PX; x < right; x += 7) {
    const low = Math.max(x, left);
    const high = Math.min(x + AREA_PX, right);
    if (low < high)
      lines.push(
        shape("line", { class: "hatch", x1: low, y1: AREA_PX - (low - x), x2: high, y2: AREA_PX - (high - x) }),
      );
  }
  return [shape("rect", { class: "withheld", x: left, width: right - left, height: AREA_PX }), ...lines];
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
