"use strict";
// The connection and its settings. ?broker=wss://host:port names a broker that is not this server.

const element = (id) => document.getElementById(id);
const settings = element("settings");
const fields = settings.querySelector("form").elements;
let house = new House();
let record = new Record();
let client = null;
let address = "";
let lostAt = null;

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
  element("address").textContent = `to ${to}`;
  tell("connecting", "connecting");
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
    tell("connected", "connected");
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

/** Say how the connection is, and for how long it has been lost. */
function tellLoss(now) {
  if (!client || lostAt === null || client.disconnecting !== false) return;
  const away = Math.floor((now - lostAt) / 5000) * 5; // a screen reader need not hear every second
  tell("lost", `no connection${away ? ` for ${span(away * 1000)}` : ""}, trying again`);
}

function tell(state, sentence) {
  element("broker").dataset.state = state;
  say(element("connection"), sentence);
}

function ask(refusal = "") {
  fields.address.value = address || defaultAddress();
  element("refusal").textContent = refusal;
  element("refusal").hidden = !refusal;
  if (!settings.open) settings.showModal();
}

element("broker").addEventListener("click", () => ask());
settings.addEventListener("close", () => {
  if (settings.returnValue === "connect") connect(fields.address.value, fields.username.value, fields.password.value);
});
addEventListener("pagehide", () => record.flush());
setInterval(() => record.flush(), 2e3);
setInterval(() => house.forget(Date.now()), 60e3);
