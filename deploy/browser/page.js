// The page: where frames come from, and how the people in them are shown.

import { toGrey } from "./image.js";
import { Sensor } from "./sensor.js";

const EMOTIONS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust"]; // have colours in the style sheet
const MOVING_PX = [640, 480]; // frames of a camera or a film are analysed within this size, as on the device
const STILL_PX = [1920, 1440];
const REASONS = {
  still: "does not move",
  too_small: "too small",
  blurred: "blurred",
  dark: "too dark",
};
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => /** @type {any} */ (document.getElementById(id));
const percent = (share) => `${Math.round(100 * share)} %`;
const stage = byId("stage");
const canvas = byId("picture");
const context = canvas.getContext("2d", { willReadFrequently: true });

let sensor = null;
let source = null; // what plays now: {video, stream, address}
let facing = "user";

function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

function showStatus(state, sentence) {
  byId("status").dataset.state = state;
  setText(byId("status-text"), sentence);
}

async function load() {
  try {
    sensor = await Sensor.open();
  } catch (error) {
    console.error(error);
    return showStatus("failed", "the models cannot be loaded; reload the page");
  }
  showStatus("ready", "ready; nothing leaves this page");
  setText(byId("models"), sensor.models.join(", "));
  byId("camera").disabled = byId("choose").disabled = false;
  keepForOffline();
}

/** Let the service worker keep everything that this page has loaded. */
async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.register("service-worker.js");
  await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  navigator.serviceWorker.addEventListener("message", () =>
    setText(byId("offline"), "It now works without a network, too."),
  );
  registration.active?.postMessage([
    location.href.split("#")[0],
    ...loaded.filter((name) => name.startsWith(location.origin)),
  ]);
}

async function useCamera() {
  stop();
  if (!navigator.mediaDevices)
    return fail("A browser shows the camera only to a page that came over https, or from this machine.");
  const [width, height] = MOVING_PX;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: facing, width: { ideal: width }, height: { ideal: height } },
    });
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    byId("turn").hidden = cameras.length < 2;
    await play({ stream });
  } catch (error) {
    fail(explainCamera(error));
  }
}

function explainCamera(error) {
  if (error.name === "NotAllowedError")
    return "The browser does not let this page use the camera; allow it beside the address.";
  if (error.name === "NotFoundError") return "This device has no camera. Open a picture or a video instead.";
  if (error.name === "NotReadableError") return "Another program uses the camera.";
  return `The camera cannot be used: ${error.message}`;
}

async function openFile(file) {
  stop();
  if (!file || !sensor) return;
  if (file.type.startsWith("video/")) {
    const address = URL.createObjectURL(file);
    await play({ address }).catch(() => fail(`This browser cannot play ${file.name}.`));
    return;
  }
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return fail(`${file.name} is no picture or video that this browser can show.`);
  }
  beginShowing(false);
  draw(picture, picture.width, picture.height, STILL_PX);
  const begun = performance.now();
  show(await sensor.observeOnce(grey()));
  setText(byId("speed"), `${(performance.now() - begun).toFixed(0)} ms`);
  showStatus("ready", "picture");
}

/** Play a camera's stream or a film, and analyse frame after frame until something else is chosen. */
async function play({ stream = null, address = "" }) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, loop: true });
  if (stream) video.srcObject = stream;
  else video.src = address;
  const playing = { video, stream, address };
  source = playing;
  await video.play();
  beginShowing(Boolean(stream) && facing === "user");
  sensor.reset();
  const times = [];
  while (source === playing) {
    draw(video, video.videoWidth, video.videoHeight, MOVING_PX);
    const people = await sensor.observe(grey(), performance.now() / 1000);
    if (source !== playing) return;
    show(people);
    times.push(performance.now());
    while (times[0] < times.at(-1) - 2000) times.shift();
    if (times.length > 5) showSpeed(((times.length - 1) * 1000) / (times.at(-1) - times[0]));
    await nextFrame(video);
  }
}

const nextFrame = (video) =>
  new Promise((resolve) => {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });

function showSpeed(perSecond) {
  setText(byId("speed"), `${perSecond.toFixed(1)} frames/s`);
  showStatus("live", "live; nothing leaves this page");
}

function beginShowing(mirrored) {
  byId("welcome").hidden = byId("trouble").hidden = true;
  byId("tools").hidden = false;
  stage.classList.toggle("mirrored", mirrored);
}

function stop() {
  source?.video.pause();
  for (const track of source?.stream?.getTracks() ?? []) track.stop();
  if (source?.address) URL.revokeObjectURL(source.address);
  source = null;
  show([]);
  setText(byId("speed"), "");
  byId("tools").hidden = true;
  byId("welcome").hidden = false;
  if (sensor) showStatus("ready", "ready; nothing leaves this page");
}

function fail(sentence) {
  stop();
  setText(byId("trouble"), sentence);
  byId("trouble").hidden = false;
}

/** Draw a picture as large as fits within `most`, upright or not, never enlarged. */
function draw(picture, width, height, most) {
  const [mostWidth, mostHeight] = most;
  const scale = Math.min(
    1,
    Math.max(mostWidth, mostHeight) / Math.max(width, height),
    Math.min(mostWidth, mostHeight) / Math.min(width, height),
  );
  const size = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width, canvas.height] = size;
    stage.style.aspectRatio = `${size[0]} / ${size[1]}`;
    stage.style.maxWidth = `calc(74vh * ${size[0] / size[1]})`;
  }
  context.drawImage(picture, 0, 0, ...size);
}

const grey = () => toGrey(context.getImageData(0, 0, canvas.width, canvas.height));

/** The labels of the model in the order of its release, else ours first. */
function shownLabels() {
  const { labels, order } = sensor.classifier;
  const ranks = [...order, ...EMOTIONS, ...labels];
  return [...labels].sort((a, b) => ranks.indexOf(a) - ranks.indexOf(b));
}

/** Give an element the colour of a label: that of the release, of the style sheet, or one by the label's position. */
function paint(element, name) {
  const { labels, colours } = sensor.classifier;
  const hue = Math.round((360 * labels.indexOf(name)) / labels.length);
  if (Object.hasOwn(colours, name)) element.style.setProperty("--hue", colours[name]);
  else if (EMOTIONS.includes(name)) element.classList.add(name);
  else element.style.setProperty("--hue", `hsl(${hue} 55% 60%)`);
  return element;
}

const strongest = (shares) => shownLabels().reduce((best, name) => (shares[name] > shares[best] ? name : best));

function show(people) {
  const mirrored = stage.classList.contains("mirrored");
  byId("overlay").setAttribute("viewBox", `0 0 ${canvas.width} ${canvas.height}`);
  const shown = people.map((person) => ({
    ...person,
    box: mirrored ? mirror(person.face) : person.face,
    name: person.shares && strongest(person.shares),
  }));
  byId("overlay").replaceChildren(...shown.map(outline));
  byId("labels").replaceChildren(...shown.map(label));
  byId("nobody").hidden = shown.length > 0;
  showBars(shown.filter((person) => person.shares));
}

const mirror = (face) => ({ ...face, left: canvas.width - face.right, right: canvas.width - face.left });

function outline({ box, name }) {
  const rect = document.createElementNS(SVG, "rect");
  const sides = { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top, rx: 4 };
  for (const [key, value] of Object.entries(sides)) rect.setAttribute(key, String(value));
  if (!name) rect.setAttribute("class", "new");
  return name ? paint(rect, name) : rect;
}

function label({ box, name, shares, reason }) {
  const element = document.createElement("span");
  const below = box.top < canvas.height * 0.06;
  element.className = shares ? "" : "new";
  element.classList.toggle("below", below);
  if (shares) paint(element, name);
  element.textContent = shares ? `${name} ${percent(shares[name])}` : (REASONS[reason] ?? "new");
  element.style.left = `${(100 * Math.max(box.left, 0)) / canvas.width}%`;
  element.style.top = `${(100 * Math.max(box.top, 0)) / canvas.height}%`;
  return element;
}

/** One entry a person; entries stay while the person does, so that their bars move. */
function showBars(people) {
  const list = byId("people");
  const sorted = people.toSorted((a, b) => a.id - b.id);
  while (list.children.length > sorted.length) list.lastChild.remove();
  while (list.children.length < sorted.length) list.append(newEntry());
  sorted.forEach(({ id, face, name, shares }, i) => {
    const entry = list.children[i];
    setText(entry.querySelector("b"), `Face ${id}`);
    setText(entry.querySelector("header span"), `${face.bottom - face.top} px high`);
    for (const row of entry.querySelectorAll("li")) {
      const share = shares[row.dataset.name];
      row.classList.toggle("most", row.dataset.name === name);
      row.querySelector("i").style.width = `${100 * share}%`;
      setText(row.querySelector("b"), percent(share));
    }
  });
}

function newEntry() {
  const [item, head, title, size, bars] = ["li", "header", "b", "span", "ul"].map((tag) => document.createElement(tag));
  size.className = "soft";
  bars.className = "bars";
  head.append(title, size);
  bars.append(...shownLabels().map(newBar));
  item.append(head, bars);
  return item;
}

function newBar(name) {
  const [row, text, track, fill, value] = ["li", "span", "div", "i", "b"].map((tag) => document.createElement(tag));
  row.dataset.name = text.textContent = name;
  track.append(fill);
  row.append(text, track, value);
  return paint(row, name);
}

byId("camera").addEventListener("click", useCamera);
byId("turn").addEventListener("click", () => {
  facing = facing === "user" ? "environment" : "user";
  useCamera();
});
byId("stop").addEventListener("click", stop);
for (const id of ["choose", "choose-again"]) byId(id).addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", (event) => {
  openFile(event.target.files[0]);
  event.target.value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
for (const name of ["dragleave", "drop"]) addEventListener(name, () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  openFile(event.dataTransfer.files[0]);
});
load();
