"use strict";
// The connection, the clock that draws, and the settings. ?broker=wss://host:port names a broker that is not this
// server.

const DRAW_MS = 250;
const CHART_MS = 10e3;

const element = (id) => document.getElementById(id);
const settings = element("settings");
const fields = settings.querySelector("form").elements;
const cards = new Map();
let house = new House();
let record = new Record();
let client = null;
let address = "";
let lostAt = null;
let chartsAt = 0;
let hours = 1;

function defaultAddress() {
  const asked = new URLSearchParams(location.search).get("broker");
  if (asked) return asked;
  return location.host ? `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}` : "";
}

async function connect(to, username, password) {
  client?.end(true);
  if (to !== address) {
    house = new House();
    record = new Record();
    cards.clear();
    element("rooms").replaceChildren();
    address = to;
    const [mine, opened] = [house, record];
    try {
      const kept = await opened.open(to, Date.now());
      for (const window of kept.sort((a, b) => a.received - b.received)) mine.keep(window, Date.now());
    } catch (error) {
      console.warn("windows are not kept in this browser", error);
    }
    if (mine !== house) return; // somebody chose another broker meanwhile
  }
  lostAt = Date.now();
  tell("connecting", `connecting to ${to}`);
  // Timers of the page, not of a worker made from text, which the content security policy forbids. Browsers slow them
  // to one a minute in a hidden tab, so the keepalive is long. Not every dashboard should dial at the same moment.
  try {
    client = mqtt.connect(to, {
      protocolVersion: 4, // spoken by every broker, and nothing of 5 is needed here
      clientId: `fer-page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`,
      username: username || undefined,
      password: password || undefined,
      clean: true,
      resubscribe: false,
      keepalive: 50,
      timerVariant: "native",
      connectTimeout: 5e3,
      reconnectPeriod: 1000 + Math.random() * 1000,
    });
  } catch (error) {
    return ask(`${to} is no address of a broker.`);
  }
  const mine = client;
  mine.on("connect", () => {
    lostAt = null;
    house.listenAnew();
    mine.subscribe("fer/v1/+/#", { qos: 1 });
    tell("connected", `connected to ${to}`);
  });
  mine.on("close", () => {
    if (mine === client) lostAt ??= Date.now();
  });
  mine.on("error", (error) => {
    if (error.code === 4 || error.code === 5) {
      mine.end(true);
      ask("The broker wants another user or password.");
    }
  });
  mine.on("message", (topic, payload, packet) => {
    if (mine !== client) return;
    const window = house.take(topic, payload, packet.retain, Date.now());
    if (window) record.add(window);
  });
}

function tell(state, sentence) {
  element("broker").dataset.state = state;
  if (element("connection").textContent !== sentence) element("connection").textContent = sentence;
}

function ask(refusal = "") {
  fields.address.value = address || defaultAddress();
  element("refusal").textContent = refusal;
  element("refusal").hidden = !refusal;
  if (!settings.open) settings.showModal();
}

/** Bring the cards up to date; charts only now and then, or when a window came. */
function show(force = false) {
  const now = Date.now();
  if (client && lostAt !== null && client.disconnecting === false) {
    const away = Math.floor((now - lostAt) / 5000) * 5; // a screen reader need not hear every second
    tell("lost", `no connection to ${address}${away ? ` for ${span(away * 1000)}` : ""}, trying again`);
  }
  for (const key of [...cards.keys()].filter((key) => !house.rooms.has(key))) {
    cards.get(key).element.remove();
    cards.delete(key);
  }
  for (const [key, room] of house.rooms) if (!cards.has(key)) cards.set(key, new Card(room));
  arrange();
  const all = force || now - chartsAt > CHART_MS;
  if (all) chartsAt = now;
  for (const card of cards.values()) {
    card.update(now);
    if (all || card.room.changed) card.chart(hours, now);
  }
  totals(now);
}

/** Cards stand in order of site, room and id; one that is in its place is not touched, it may hold the focus. */
function arrange() {
  const sorted = [...cards.values()].sort((a, b) => a.order.localeCompare(b.order, "en", { numeric: true }));
  sorted.forEach(({ element: wanted }, i) => {
    const place = element("rooms").children[i];
    if (place !== wanted) element("rooms").insertBefore(wanted, place ?? null);
  });
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
  element("totals").textContent = devices.length ? parts.filter(Boolean).join(" · ") : "";
  element("empty").hidden = devices.length > 0;
  const { ignored } = house;
  const sentence = ignored === 1 ? "1 message was ignored" : `${ignored.toLocaleString("en")} messages were ignored`;
  element("ignored").textContent = ignored ? `${sentence}: not of the contract.` : "";
}

document.querySelector(".range").addEventListener("change", (event) => {
  hours = Number(event.target.value);
  show(true);
});
element("broker").addEventListener("click", () => ask());
settings.addEventListener("close", () => {
  if (settings.returnValue === "connect") connect(fields.address.value, fields.username.value, fields.password.value);
});
addEventListener("resize", () => show(true));
addEventListener("pagehide", () => record.flush());
setInterval(() => show(), DRAW_MS);
setInterval(() => record.flush(), 2e3);
setInterval(() => house.forget(Date.now()), 60e3);

if (defaultAddress()) connect(defaultAddress());
else ask();
