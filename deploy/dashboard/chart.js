"use strict";
// A stacked area chart of the emotions over time, with columns below it that count people.

const SVG = "http://www.w3.org/2000/svg";
const GAP_PX = 6;
const MAX_COLUMNS_PX = 48;
const LABEL_PX = 20; // an area at least this thick is labelled, in a chart of at least TALL_PX
const TALL_PX = 120;
const SPANS = { 1: { count: 120, binMs: 30e3 }, 24: { count: 144, binMs: 600e3 } }; // by hours
const UNFINISHED_BINS = 6; // the newest bins, whose window may not have ended yet
const PRECEDENCE = { empty: 0, noFrames: 1, nobody: 2, withheld: 3, emotions: 4 }; // of the kinds of windows in a bin

/**
 * Sort windows into bins of equal length: {start, people, kind, labels, emotions}; kind is a key of PRECEDENCE. Shares of
 * models with different labels are never added up: a bin has those of the labels, named by a key, that most people got.
 */
function binWindows(windows, hours, now) {
  const { count, binMs } = SPANS[hours];
  const start = (Math.floor(now / binMs) + 1 - count) * binMs;
  const bins = Array.from({ length: count }, (_, i) => emptyBin(start + i * binMs));
  for (let i = windows.length - 1; i >= 0; i -= 1) {
    const window = windows[i];
    if (window.at === null || window.at <= start) break; // windows are in order of time
    const durationMs = window.durationS * 1000;
    const isShort = durationMs < binMs;
    const first = isShort
      ? Math.floor((window.at - durationMs / 2 - start) / binMs)
      : Math.round((window.at - durationMs - start) / binMs);
    const last = isShort ? first : Math.round((window.at - start) / binMs) - 1;
    for (const bin of bins.slice(Math.max(first, 0), Math.max(last + 1, 0))) addToBin(window, bin);
  }
  return bins;
}

const emptyBin = (start) => ({ start, people: 0, kind: "empty", labels: "", emotions: null, moods: new Map() });

function kindOf(window) {
  if (window.emotions) return "emotions";
  if (window.suppressed) return "withheld";
  return window.analysed ? "nobody" : "noFrames";
}

function addToBin(window, bin) {
  const kind = kindOf(window);
  if (PRECEDENCE[kind] > PRECEDENCE[bin.kind]) bin.kind = kind;
  bin.people = Math.max(bin.people, window.people);
  if (!window.emotions) return;
  const people = Math.max(window.people, 1); // every person has the same weight
  const key = labelsKey(window.emotions);
  const mood = bin.moods.get(key) ?? { weight: 0, sums: new Map() };
  bin.moods.set(key, mood);
  mood.weight += people;
  for (const [name, share] of Object.entries(window.emotions))
    mood.sums.set(name, (mood.sums.get(name) ?? 0) + people * share);
  const [labels, { weight, sums }] = [...bin.moods].reduce((a, b) => (b[1].weight > a[1].weight ? b : a));
  bin.labels = labels;
  bin.emotions = Object.fromEntries([...sums].map(([name, sum]) => [name, sum / weight]));
}

/**
 * Draw the bins into `host`, which has the given size in pixels, with the labels in the order that the release gives.
 * `cursor` is the index of a bin to mark, or null.
 */
function drawChart(host, { width, height }, bins, cursor, order) {
  if (!width) return;
  const columnsHeight = height < 60 ? 0 : Math.min(Math.round(height / 5), MAX_COLUMNS_PX);
  const plotHeight = height - (columnsHeight && columnsHeight + GAP_PX);
  const binWidth = width / bins.length;
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  svg.append(svgElement("rect", { class: "plot", width, height: plotHeight }));
  for (const y of [0.25, 0.5, 0.75].map((share) => share * plotHeight))
    svg.append(svgElement("line", { class: "grid", x2: width, y1: y, y2: y }));
  for (const run of runsOf(bins)) svg.append(...drawRun(bins, run, binWidth, plotHeight, order));
  const most = Math.max(4, ...bins.map((bin) => bin.people));
  bins.forEach(({ people }, i) => {
    const column = (people / most) * columnsHeight;
    if (!column) return;
    const size = { width: Math.max(binWidth - 0.6, 0.8), height: column };
    svg.append(svgElement("rect", { class: "count", x: i * binWidth, y: height - column, ...size }));
  });
  if (columnsHeight) svg.append(svgElement("line", { class: "floor", x2: width, y1: height - 0.5, y2: height - 0.5 }));
  if (cursor !== null) {
    const x = (cursor + 0.5) * binWidth;
    svg.append(svgElement("line", { class: "cursor", x1: x, x2: x, y2: height }));
  }
  host.replaceChildren(svg);
}

/** Group neighbouring bins of one kind and with the same labels: {first, last, kind, labels}. */
function runsOf(bins) {
  const runs = [];
  bins.forEach(({ kind, labels }, i) => {
    const run = runs.at(-1);
    if (run?.kind === kind && (kind !== "emotions" || run.labels === labels)) run.last = i;
    else runs.push({ first: i, last: i, kind, labels });
  });
  return runs;
}

function drawRun(bins, { first, last, kind }, binWidth, plotHeight, order) {
  const [x, width] = [first * binWidth, (last + 1 - first) * binWidth];
  if (kind === "emotions") return areas(bins.slice(first, last + 1), first, binWidth, plotHeight, order);
  if (kind === "withheld") return hatch(x, x + width, plotHeight);
  if (kind === "nobody") return [svgElement("rect", { class: "nobody", x, width, y: plotHeight - 2, height: 2 })];
  if (kind === "noFrames") return [svgElement("rect", { class: "no-frames", x, width, y: plotHeight - 5, height: 5 })];
  return [];
}

/** Neighbouring bins with the same labels as areas; `first` is the index of the first. */
function areas(bins, first, binWidth, plotHeight, order) {
  const columns = [...bins];
  const last = first + bins.length - 1;
  const xs = columns.map((_, i) => (first + i + 0.5) * binWidth);
  xs[0] = first * binWidth;
  if (columns.length === 1) {
    columns.push(columns[0]);
    xs.push(xs[0] + binWidth);
  } else xs[xs.length - 1] = (last + 1) * binWidth;
  const names = registry.labels
    .sort(Object.keys(columns[0].emotions), order)
    .filter((name) => columns.some(({ emotions }) => emotions[name] > 0));
  const totals = columns.map(({ emotions }) => names.reduce((sum, name) => sum + emotions[name], 0) || 1);
  let upper = columns.map(() => 0);
  const labels = [];
  const polygons = names.map((name) => {
    const lower = upper.map((y, i) => y + (columns[i].emotions[name] / totals[i]) * plotHeight);
    const outline = upper.map((y, i) => `${xs[i].toFixed(1)},${y.toFixed(1)}`);
    const back = lower.map((y, i) => `${xs[i].toFixed(1)},${y.toFixed(1)}`).reverse();
    labels.push(...areaLabel(name, xs, upper, lower, plotHeight));
    upper = lower;
    const area = svgElement("polygon", { class: "share", points: [...outline, ...back].join(" ") });
    return registry.labels.paint(area, name);
  });
  return [...polygons, ...labels];
}

/** The label of an area, at the first place where the area is about as thick as it gets; none where it does not fit. */
function areaLabel(name, xs, upper, lower, plotHeight) {
  const halfWidth = name.length * 4 + 6;
  const [left, right] = [xs[0] + halfWidth, xs.at(-1) - halfWidth];
  const candidates = xs.map((_, i) => i).filter((i) => xs[i] >= left && xs[i] <= right);
  if (plotHeight < TALL_PX || !candidates.length) return [];
  const thickest = Math.max(...candidates.map((i) => lower[i] - upper[i]));
  if (thickest < LABEL_PX) return [];
  const at = candidates.find((i) => lower[i] - upper[i] >= 0.9 * thickest);
  const label = svgElement("text", { class: "label", x: xs[at], y: (upper[at] + lower[at]) / 2 });
  label.textContent = name;
  return [registry.labels.paint(label, name)];
}

/** Slanted lines instead of a colour, which would be read as an emotion. */
function hatch(left, right, plotHeight) {
  const lines = [];
  for (let x = Math.floor(left / 7) * 7 - Math.ceil(plotHeight / 7) * 7; x < right; x += 7) {
    const x1 = Math.max(x, left);
    const x2 = Math.min(x + plotHeight, right);
    if (x1 < x2)
      lines.push(svgElement("line", { class: "hatch", x1, y1: plotHeight - (x1 - x), x2, y2: plotHeight - (x2 - x) }));
  }
  return [svgElement("rect", { class: "withheld", x: left, width: right - left, height: plotHeight }), ...lines];
}

function svgElement(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
