"use strict";
// Asks for one frame after the other, and draws it with what was found in it.

const RETRY_MS = 1000;
const SVG = "http://www.w3.org/2000/svg";
const REASONS = {
  read: "",
  uncertain: "uncertain",
  seen: "counted",
  new: "just found; counts once it is found again",
  too_small: "too small",
  blurred: "blurred",
  dark: "too dark",
  turned: "turned away",
  still: "never moved, not counted",
};

const byId = (id) => /** @type {any} */ (document.getElementById(id));
const percent = (share) => `${Math.round(100 * share)} %`;
const token = decodeURIComponent(location.hash.slice(1));
const stage = byId("stage");
const drawing = new MaskDrawing(stage, () => drawOverlay());
let facts = null;
let smallestPx = null; // until the viewer moves the slider: that of the configuration

function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

function showLink(state, sentence) {
  byId("link").dataset.state = state;
  setText(byId("link-text"), sentence);
}

/** Show frames until the preview ends, then wait for it to come back. */
async function watch() {
  let number = 0;
  for (;;) {
    try {
      const answer = await fetch(`frame?after=${number}`, { headers: { Authorization: `Bearer ${token}` } });
      if (answer.status === 403) return showLink("lost", "wrong token: open the address that the preview printed");
      if (answer.status === 204) showLink("waiting", "the camera delivers no images");
      else if (answer.ok) number = await show(await answer.arrayBuffer());
      else throw new Error(answer.statusText);
    } catch {
      number = 0;
      showLink("lost", "the preview has ended or cannot be reached");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Draw a frame: a line of JSON, then the picture. */
async function show(body) {
  const bytes = new Uint8Array(body);
  const end = bytes.indexOf(10);
  const told = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const picture = await createImageBitmap(new Blob([bytes.subarray(end + 1)], { type: "image/jpeg" }));
  facts = told; // only now, with no wait until all is drawn: a click in between would find half of it
  const canvas = byId("picture");
  if (canvas.width !== facts.width || canvas.height !== facts.height) {
    [canvas.width, canvas.height] = [facts.width, facts.height];
    stage.style.aspectRatio = `${facts.width} / ${facts.height}`;
    stage.style.maxWidth = `calc(72vh * ${facts.width / facts.height})`;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
  showLink("live", facts.fps ? `live, ${facts.fps.toFixed(1)} frames/s` : "live");
  setText(byId("camera"), facts.camera);
  drawing.begin(facts.mask);
  byId("dashboard").hidden = !facts.roomPage;
  if (facts.roomPage) byId("dashboard").href = facts.roomPage;
  if (smallestPx === null) byId("smallest").value = facts.minFacePx;
  drawOverlay();
  showPeople();
  showSpeed();
  showMessage();
  return facts.number;
}

/** The state of a face, with the slider's idea of what is too small. */
function stateOf(face) {
  const heightPx = face.box[3] - face.box[1];
  return heightPx < (smallestPx ?? facts.minFacePx) ? "too_small" : face.state;
}

const strongest = (face) => facts.labels.reduce((best, name) => (face.shares[name] > face.shares[best] ? name : best));

function drawOverlay() {
  if (!facts) return;
  const overlay = byId("overlay");
  overlay.setAttribute("viewBox", `0 0 ${facts.width} ${facts.height}`);
  const scaled = (points) => points.map(([x, y]) => `${x * facts.width},${y * facts.height}`).join(" ");
  const shapes = drawing.polygons.map((points) => shape("polygon", "mask", { points: scaled(points) }));
  const labels = [];
  for (const face of facts.faces) {
    const state = stateOf(face);
    const [left, top, right, bottom] = face.box;
    const name = face.shares && state !== "too_small" ? strongest(face) : "";
    const box = { x: left, y: top, width: right - left, height: bottom - top, rx: 4 };
    shapes.push(paint(shape("rect", `box ${state}`, box), name));
    labels.push(label(face, state, name));
  }
  if (smallestPx !== null) shapes.push(shape("rect", "measure", measure()));
  const sketch = drawing.pointer ? [...drawing.points, drawing.pointer] : drawing.points;
  if (sketch.length) shapes.push(shape("polyline", "sketch", { points: scaled(sketch) }));
  overlay.replaceChildren(...shapes);
  byId("labels").replaceChildren(...labels);
  byId("hint").hidden = !drawing.active;
  setText(
    byId("hint"),
    "Click the corners of what must not be seen. Enter or a click on the first corner closes it, Escape ends.",
  );
  byId("draw").setAttribute("aria-pressed", String(drawing.active));
  byId("undo").disabled = !drawing.polygons.length;
  setText(byId("smallest-px"), `${smallestPx ?? facts.minFacePx} px`);
  setText(byId("toml"), toToml(drawing.polygons, smallestPx ?? facts.minFacePx));
}

/** Give an element the colour of a label: one of the style sheet, or the one that belongs to the model. */
function paint(element, name) {
  if (name && Object.hasOwn(facts.colours, name)) element.style.setProperty("--hue", facts.colours[name]);
  else if (name) element.classList.add(name);
  return element;
}

function shape(tag, name, attributes) {
  const element = document.createElementNS(SVG, tag);
  element.setAttribute("class", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** A square as high as the smallest face, in the middle of the picture, to compare with. */
function measure() {
  return {
    x: (facts.width - smallestPx) / 2,
    y: (facts.height - smallestPx) / 2,
    width: smallestPx,
    height: smallestPx,
    rx: 2,
  };
}

function label(face, state, name) {
  const element = document.createElement("span");
  const [left, top, , bottom] = face.box;
  element.className = state;
  paint(element, name);
  element.textContent = name
    ? `${name} ${percent(face.shares[name])}`
    : state === "new"
      ? "new"
      : (REASONS[state] ?? state);
  if (state === "too_small") element.textContent += `, ${bottom - top} px`;
  const below = top < facts.height * 0.06;
  element.classList.toggle("below", below);
  element.style.left = `${(100 * Math.max(left, 0)) / facts.width}%`;
  element.style.top = `${(100 * (below ? Math.max(top, 0) : top)) / facts.height}%`;
  return element;
}

function showPeople() {
  byId("nobody").hidden = facts.faces.length > 0;
  byId("people").replaceChildren(...facts.faces.map(person));
}

function person(face) {
  const state = stateOf(face);
  const [item, head, title, size, bars] = ["li", "header", "b", "span", "ul"].map((tag) => document.createElement(tag));
  const heightPx = face.box[3] - face.box[1];
  const shares = state === "too_small" ? null : face.shares;
  title.textContent = face.id === null ? "A face" : `Track ${face.id}`;
  size.className = "soft";
  size.textContent = [`${heightPx} px high`, REASONS[state] ?? state].filter(Boolean).join(" · ");
  head.append(title, size);
  bars.className = "bars";
  if (shares) bars.append(...facts.labels.map((name) => bar(name, shares[name], name === strongest(face))));
  item.append(head, bars);
  return item;
}

function bar(name, share, most) {
  const [row, text, track, fill, value] = ["li", "span", "div", "i", "b"].map((tag) => document.createElement(tag));
  row.classList.toggle("most", most);
  paint(row, name);
  text.textContent = name;
  fill.style.width = `${100 * share}%`;
  value.textContent = percent(share);
  track.append(fill);
  row.append(text, track, value);
  return row;
}

function showSpeed() {
  const time = (values) => (values ? `${values.p50.toFixed(1)} ms, 95 % under ${values.p95.toFixed(1)} ms` : "–");
  const rows = [
    ["Frames", facts.fps ? `${facts.fps.toFixed(1)} per second` : "–"],
    ["Find faces", time(facts.detect)],
    ["Read them", time(facts.classify)],
    ["Picture", `${facts.width} × ${facts.height}`],
    ["Detector", facts.detector],
    ["Model", facts.model],
  ];
  byId("speed").replaceChildren(
    ...rows.map(([name, value]) => {
      const [pair, term, description] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      description.textContent = value;
      pair.append(term, description);
      return pair;
    }),
  );
}

function showMessage() {
  const { message, minPeople, countsOnly, windowS } = facts;
  byId("message").hidden = !message;
  if (!message) return;
  let privacy = "";
  if (countsOnly) privacy = " This device only counts, so emotions are withheld.";
  else if (minPeople > 1) privacy = ` Emotions are withheld unless ${minPeople} people are in view.`;
  setText(
    byId("message-about"),
    `The last window of ${windowS} s, without the number that the service gives it.${privacy}`,
  );
  setText(byId("message"), JSON.stringify(message, null, 2));
}

byId("draw").addEventListener("click", () => {
  drawing.active = !drawing.active;
});
byId("undo").addEventListener("click", () => drawing.removeLast());
byId("smallest").addEventListener("input", (event) => {
  smallestPx = Number(event.target.value);
  drawOverlay();
});
byId("copy").addEventListener("click", async () => {
  getSelection().selectAllChildren(byId("toml")); // where the page has no clipboard, Ctrl-C copies this
  await navigator.clipboard?.writeText(byId("toml").textContent);
  setText(byId("copy"), navigator.clipboard ? "Copied" : "Selected: copy it with Ctrl-C");
});
watch();
