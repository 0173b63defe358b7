"use strict";
// What is shown: all rooms, or the page of one room where the address ends with #device/source.

const DRAW_MS = 250;
const CARD_PX = { width: 416, height: 430 }; // when cards of this size do not fit on the screen, all become compact

const COLLATOR = new Intl.Collator("en", { numeric: true });

const waiting = byId("waiting");
const cards = new Map();
let shownRegistry = null;
let roomPage = null;
let hours = 1;
let chartsDrawnAt = 0;

const selectedRoom = () => location.hash.slice(1);

/** Update the page. Charts are drawn again when a window came, or a third of a bin has passed. */
function render(force = false) {
  const now = Date.now();
  showDisconnected(now);
  renderTotals(now);
  renderLegend();
  if (shownRegistry !== registry) clear();
  const charts = force || now - chartsDrawnAt > SPANS[selectedRoom() ? 1 : hours].binMs / 3;
  if (charts) chartsDrawnAt = now;
  if (selectedRoom()) renderRoom(now, charts);
  else renderRooms(now, charts);
}

/** What the colours mean: the labels of all models that were heard of. */
function renderLegend() {
  const legend = document.querySelector(".legend");
  const names = registry.labels.known.length ? registry.labels.known : EMOTIONS;
  if (legend.children.length !== names.length || names.some((name, i) => legend.children[i].textContent !== name))
    legend.replaceChildren(...names.map((name) => Object.assign(document.createElement("li"), { textContent: name })));
  names.forEach((name, i) => {
    registry.labels.paint(legend.children[i], name);
  });
}

function renderRooms(now, charts) {
  for (const key of [...cards.keys()].filter((key) => !registry.rooms.has(key))) {
    cards.get(key).element.remove();
    cards.delete(key);
  }
  for (const [key, room] of registry.rooms) if (!cards.has(key)) cards.set(key, new RoomCard(room));
  arrangeCards();
  for (const card of cards.values()) {
    card.update(now);
    if (charts || card.room.changed) card.updateChart(hours, now);
  }
}

function renderRoom(now, charts) {
  const room = registry.rooms.get(selectedRoom());
  if (!room) return setText(waiting, `Waiting for ${selectedRoom()}.`);
  const isNew = roomPage?.room !== room;
  if (isNew) {
    roomPage = new RoomPage(room);
    byId("room-page").replaceChildren(roomPage.element);
  }
  byId("room-page").ariaLabel = roomLabel(room).name;
  roomPage.update(now);
  if (charts || isNew || room.changed) roomPage.updateCharts(now);
}

function clear() {
  shownRegistry = registry;
  roomPage = null;
  cards.clear();
  byId("rooms").replaceChildren();
  byId("room-page").replaceChildren(waiting);
  setText(waiting, "");
}

/** Change between all rooms and one. The focus moves along, and returns to the link it came from. */
function navigate() {
  const previous = roomPage?.room.key;
  const single = Boolean(selectedRoom());
  byId("room-page").hidden = !single;
  byId("rooms").hidden = byId("range").hidden = single;
  clear();
  render(true);
  if (single) {
    scrollTo(0, 0);
    byId("room-page").focus({ preventScroll: true });
  } else cards.get(previous)?.element.querySelector("a").focus();
}

/** Sort the cards. One that is in its place is not moved, because it may hold the focus. */
function arrangeCards() {
  const rooms = byId("rooms");
  const sorted = [...cards.values()].sort((a, b) => COLLATOR.compare(a.sortKey, b.sortKey));
  sorted.forEach(({ element }, i) => {
    if (rooms.children[i] !== element) rooms.insertBefore(element, rooms.children[i] ?? null);
  });
  const columns = Math.max(1, Math.floor(innerWidth / CARD_PX.width));
  const rows = Math.max(2, Math.floor(innerHeight / CARD_PX.height));
  const compact = cards.size > columns * rows;
  rooms.classList.toggle("compact", compact);
  for (const card of cards.values()) card.compact = compact;
}

function renderTotals(now) {
  const devices = [...registry.devices.values()];
  const states = devices.map((device) => deviceState(device, now).state);
  const away = states.filter((state) => state === "offline" || state === "silent").length;
  const withProblems = devices.filter((device, i) => device.status?.problems.length && states[i] !== "offline").length;
  const parts = [
    `${devices.length} ${devices.length === 1 ? "device" : "devices"}`,
    away && `${away} offline`,
    withProblems && `${withProblems} with problems`,
  ];
  setText(byId("totals"), devices.length ? parts.filter(Boolean).join(" · ") : "");
  byId("empty").hidden = devices.length > 0 || Boolean(selectedRoom());
  const { ignored } = registry;
  const sentence =
    ignored === 1
      ? "1 message was ignored: it does not match the contract."
      : `${ignored.toLocaleString("en")} messages were ignored: they do not match the contract.`;
  setText(byId("ignored"), ignored ? sentence : "");
}

/** Show the windows of a file beside those of the broker, and keep those of the last day. */
async function openRecord(file) {
  const windows = fromCsv(await file.text());
  if (!windows) return setText(byId("opened"), `${file.name} is no CSV file of this page or of fer-edge report.`);
  const now = Date.now();
  const added = windows.filter((window) => registry.addWindow(window, now));
  for (const window of added) windowHistory.add(window);
  const rest = windows.length - added.length;
  const older = rest ? `; ${rest} are known already, or older than a day` : "";
  setText(byId("opened"), `${added.length} windows of ${file.name}${older}.`);
  render(true);
}

byId("range").addEventListener("change", (event) => {
  hours = Number(event.target.value);
  render(true);
});
byId("open-record").addEventListener("click", () => byId("record").click());
byId("record").addEventListener("change", (event) => {
  if (event.target.files[0]) openRecord(event.target.files[0]);
  event.target.value = "";
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) openRecord(event.dataTransfer.files[0]);
});
addEventListener("hashchange", navigate);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && selectedRoom() && !settings.open) location.hash = "";
});
setInterval(() => render(), DRAW_MS);

if (defaultAddress()) connect(defaultAddress());
else askForBroker();
navigate();
