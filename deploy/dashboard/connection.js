"use strict";
// The connection to the broker and the dialog of its settings. ?broker=wss://host:port selects another broker than the
// server of the page.

const settings = byId("settings");
const fields = settings.querySelector("form").elements;
let registry = new DeviceRegistry();
let windowHistory = new WindowHistory();
let client = null;
let address = "";
let disconnectedAt = null;

function defaultAddress() {
  const requested = new URLSearchParams(location.search).get("broker");
  if (requested) return requested;
  return location.host ? `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}` : "";
}

async function connect(to, username, password) {
  client?.end(true);
  if (to !== address && !(await openBroker(to))) return;
  disconnectedAt = Date.now();
  byId("address").textContent = `to ${to}`;
  showConnection("connecting", "connecting");
  try {
    client = dial(to, username, password);
  } catch {
    return askForBroker(`“${to}” is not a broker address; use ws://host:port or wss://host:port.`);
  }
  listen(client);
}

/** Start with what this browser stored of a broker; false if another broker was chosen meanwhile. */
async function openBroker(to) {
  registry = new DeviceRegistry();
  windowHistory = new WindowHistory();
  address = to;
  const [opened, stored] = [registry, windowHistory];
  try {
    const windows = await stored.open(to, Date.now());
    for (const window of windows.sort((a, b) => a.received - b.received)) opened.addWindow(window, Date.now());
  } catch (error) {
    console.warn("windows are not stored in this browser", error);
  }
  return opened === registry;
}

// Timers of the page ("native"): those of a worker made from text are forbidden by the content security policy.
// Browsers slow the page's timers to one a minute in a hidden tab, hence the long keepalive. The random delay spreads
// the dashboards that lost the same broker.
function dial(to, username, password) {
  return /** @type {any} */ (globalThis).mqtt.connect(to, {
    protocolVersion: 4, // every broker supports 3.1.1, and the page needs nothing of 5
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
}

function listen(dialled) {
  dialled.on("connect", () => {
    disconnectedAt = null;
    registry.resetSequences();
    dialled.subscribe("fer/v1/+/#", { qos: 1 }, (error) => {
      if (!error && dialled === client) showConnection("connected", "connected"); // before, messages would be missed
    });
  });
  dialled.on("close", () => {
    if (dialled === client) disconnectedAt ??= Date.now();
  });
  dialled.on("error", (error) => {
    if (error.code !== 4 && error.code !== 5) return; // bad user name or password, not authorized
    dialled.end(true);
    askForBroker("The broker refused this user name and password.");
  });
  dialled.on("message", (topic, payload, packet) => {
    if (dialled !== client) return;
    const window = registry.receive(topic, payload, packet.retain, Date.now());
    if (window) windowHistory.add(window);
  });
}

/** Show for how long the connection has been lost. */
function showDisconnected(now) {
  if (!client || disconnectedAt === null || client.disconnecting !== false) return;
  const lostS = Math.floor((now - disconnectedAt) / 5000) * 5; // in steps, so that screen readers are not kept busy
  showConnection("lost", `disconnected${lostS ? ` for ${formatDuration(lostS * 1000)}` : ""}, reconnecting`);
}

function showConnection(state, sentence) {
  byId("broker").dataset.state = state;
  setText(byId("connection"), sentence);
}

/** Open the dialog of the broker, with the reason why the last attempt failed. */
function askForBroker(reason = "") {
  fields.address.value = address || defaultAddress();
  byId("refusal").textContent = reason;
  byId("refusal").hidden = !reason;
  if (!settings.open) settings.showModal();
}

byId("broker").addEventListener("click", () => askForBroker());
settings.addEventListener("close", () => {
  if (settings.returnValue === "connect") connect(fields.address.value, fields.username.value, fields.password.value);
});
addEventListener("pagehide", () => windowHistory.flush());
setInterval(() => windowHistory.flush(), 2e3);
setInterval(() => registry.removeOldWindows(Date.now()), 60e3);
