"use strict";
// What is shown: all rooms, or with #device/source in the address the page of one.

const DRAW_MS = 250;
const FULL_PX = { width: 416, height: 430 }; // of a card; when they are too many for the screen, all become small

const COLLATOR = new Intl.Collator("en", { numeric: true });

const missing = element("missing");
const cards = new Map();
let shown = null; // the house whose rooms these are
let own = null;
let hours = 1;
let chartsAt = 0;

const named = () => location.hash.slice(1);

/** Bring the page up to date; charts only now and then, or when a window came. */
function show(force = false) {
  const now = Date.now();
  tellLoss(now);
  totals(now);
  if (shown !== house) leave();
  const all = force || now - chartsAt > SPANS[named() ? 1 : hours].binMs / 3;
  if (all) chartsAt = now;
  if (named()) showOwn(now, all);
  else showAll(now, all);
}

function showAll(now, all) {
  for (const key of [...cards.keys()].filter((key) => !house.rooms.has(key))) {
    cards.get(key).element.remove();
    cards.delete(key);
  }
  for (const [key, room] of house.rooms) if (!cards.has(key)) cards.set(key, new Card(room));
  arrange();
  for (const card of cards.values()) {
    card.update(now);
    if (all || card.room.changed) card.chart(hours, now);
  }
}

function showOwn(now, all) {
  const room = house.rooms.get(named());
  if (!room) return say(missing, `Waiting for ${named()}.`);
  const fresh = own?.room !== room;
  if (fresh) {
    own = new RoomPage(room);
    element("own").replaceChildren(own.element);
  }
  element("own").ariaLabel = naming(room).name;
  own.update(now);
  if (all || fresh || room.changed) own.chart(now);
}

function leave() {
  shown = house;
  own = null;
  cards.clear();
  element("rooms").replaceChildren();
  element("own").replaceChildren(missing);
  say(missing, "");
}

/** From all rooms to one and back: the focus goes along, and comes back to where it was. */
function turn() {
  const last = own?.room.key;
  const single = Boolean(named());
  element("own").hidden = !single;
  element("rooms").hidden = document.querySelector(".range").hidden = single;
  leave();
  show(true);
  if (single) {
    scrollTo(0, 0);
    element("own").focus({ preventScroll: true });
  } else cards.get(last)?.element.querySelector("a").focus();
}

/** Cards stand in order of site, room and id; one that is in its place is not touched, it may hold the focus. */
function arrange() {
  const rooms = element("rooms");
  const sorted = [...cards.values()].sort((a, b) => COLLATOR.compare(a.order, b.order));
  sorted.forEach(({ element: wanted }, i) => {
    const place = rooms.children[i];
    if (place !== wanted) rooms.insertBefore(wanted, place ?? null);
  });
  const beside = Math.max(1, Math.floor(innerWidth / FULL_PX.width));
  const compact = cards.size > beside * Math.max(2, Math.floor(innerHeight / FULL_PX.height));
  rooms.classList.toggle("compact", compact);
  for (const card of cards.values()) card.compact = compact;
}

function totals(now) {
  const devices = [...house.devices.values()];
  const words = devices.map((device) => stateOf(device, now).word);
  const away = words.filter((word) => word === "offline" || word === "silent").length;
  const troubled = devices.filter((device, i) => device.status?.problems.length && words[i] !== "offline").length;
  const parts = [
    `${devices.length} ${devices.length === 1 ? "device" : "devices"}`,
    away && `${away} away`,
    troubled && `${troubled} with problems`,
  ];
  say(element("totals"), devices.length ? parts.filter(Boolean).join(" · ") : "");
  element("empty").hidden = devices.length > 0 || Boolean(named());
  const { ignored } = house;
  const sentence = ignored === 1 ? "1 message was ignored" : `${ignored.toLocaleString("en")} messages were ignored`;
  say(element("ignored"), ignored ? `${sentence}: not of the contract.` : "");
}

for (const name of EMOTIONS) {
  const entry = document.querySelector(".legend").appendChild(document.createElement("li"));
  entry.className = name;
  entry.textContent = name;
}
document.querySelector(".range").addEventListener("change", (event) => {
  hours = Number(event.target.value);
  show(true);
});
addEventListener("hashchange", turn);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && named() && !settings.open) location.hash = "";
});
setInterval(() => show(), DRAW_MS);

if (defaultAddress()) connect(defaultAddress());
else ask();
turn();
