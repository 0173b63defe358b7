"use strict";
// One room as a card. Message content only ever becomes text nodes and checked numbers.

const LIVE_MS = 5e3;
const UNFINISHED = 6; // newest spaces of a chart whose window may still be under way
const STATE_MARKS = { running: "●", starting: "◌", stopping: "◌", degraded: "▲", offline: "○", silent: "○" };
const WITHHELD = {
  too_few_people: "Too few people: their mood is withheld to protect them.",
  counts_only: "This device only counts people.",
};

class Card {
  #cursor = null;
  #spaces = [];
  #problems = "";
  #bars = {};

  constructor(room) {
    this.room = room;
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.element.dataset.room = room.key;
    const title = this.#part("h2");
    title.id = `room ${room.key}`.replaceAll(/[ /]/g, "-");
    this.element.setAttribute("aria-labelledby", title.id);
    for (const name of EMOTIONS) {
      const [bar, fill, tick, share] = ["li", "i", "u", "b"].map((tag) => document.createElement(tag));
      const label = document.createElement("span");
      label.textContent = name;
      bar.className = name;
      const track = document.createElement("div");
      track.append(fill, tick);
      bar.append(label, track, share);
      this.#part(".bars").append(bar);
      this.#bars[name] = { bar, fill, tick, share };
    }
    this.#part(".save").addEventListener("click", () => this.#save());
    const chart = this.#part(".chart");
    chart.addEventListener("pointermove", (event) => {
      const { left, width } = chart.getBoundingClientRect();
      this.#point(Math.floor(((event.clientX - left) / width) * this.#spaces.length));
    });
    chart.addEventListener("pointerleave", () => this.#point(null));
    chart.addEventListener("blur", () => this.#point(null));
    chart.addEventListener("keydown", (event) => this.#key(event));
  }

  /** What the cards are ordered by. */
  get order() {
    const { site = "", room = "" } = this.room.device.info ?? {};
    return `${site}\n${room}\n${this.room.key}`;
  }

  update(now) {
    const { device, source, windows, live } = this.room;
    const newest = windows.at(-1) ?? null;
    const fresh = live && now - this.room.liveAt < LIVE_MS && device.online !== false;
    const reading = fresh ? live : newest;
    const state = stateOf(device, now);
    this.element.dataset.state = state.word;
    const { site, room } = device.info ?? {};
    this.#say("h2", room || site || device.id);
    this.#say(".where", [room && site, [device.id, source].filter(Boolean).join(" / ")].filter(Boolean).join(" · "));
    this.#say(".state .mark", STATE_MARKS[state.word] ?? "○");
    this.#say(".state .word", state.sentence);
    this.#say(".people strong", reading ? reading.people : "–");
    this.#say(
      ".people span",
      !reading
        ? "no window yet"
        : `${reading.people === 1 ? "person" : "people"}${fresh ? " in view now" : when(newest, now)}`,
    );
    this.#mood(reading, fresh ? newest : null);
    this.#notes(device, newest);
    this.#say("details p", health(device, now));
    this.#say(".save", windows.length === 1 ? "Save 1 window" : `Save ${windows.length.toLocaleString("en")} windows`);
    this.#part(".save").disabled = !windows.length;
  }

  chart(span, now) {
    this.room.changed = false;
    this.#spaces = bin(this.room.windows, span, now);
    const chart = this.#part(".chart");
    const hours = span === 1 ? "hour" : "24 hours";
    chart.setAttribute("aria-label", `Emotions and people in ${this.#part("h2").textContent}, last ${hours}`);
    chart.setAttribute("aria-valuemin", 0);
    chart.setAttribute("aria-valuemax", this.#spaces.length - 1);
    const axis = [0, 1, 2, 3].map((quarter) => {
      const mark = document.createElement("span");
      mark.textContent = clock(this.#spaces[Math.round((quarter / 4) * this.#spaces.length)].from);
      return mark;
    });
    const end = document.createElement("span");
    end.textContent = "now";
    this.#part(".axis").replaceChildren(...axis, end);
    this.#point(this.#cursor);
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }

  #say(selector, words) {
    const part = this.#part(selector);
    if (part.textContent !== String(words)) part.textContent = words;
  }

  #mood(reading, before) {
    const emotions = reading?.emotions ?? null;
    const best = dominant(emotions);
    this.#say(".mostly", best ? `mostly ${best}` : "");
    this.#part(".bars").hidden = !emotions;
    this.#part(".instead").hidden = Boolean(emotions);
    if (!emotions) {
      const [mark, sentence] = instead(reading, this.room.device);
      this.#say(".instead .mark", mark);
      this.#say(".instead .word", sentence);
      return;
    }
    for (const [name, { bar, fill, tick, share }] of Object.entries(this.#bars)) {
      bar.classList.toggle("most", name === best);
      fill.style.width = `${100 * Math.min(emotions[name], 1)}%`;
      const was = before?.emotions?.[name];
      tick.hidden = was === undefined;
      if (was !== undefined) tick.style.left = `${100 * Math.min(was, 1)}%`;
      share.textContent = percent(emotions[name]);
    }
  }

  #notes(device, newest) {
    const problems = [...(device.status?.problems ?? [])];
    if (newest && newest.at !== newest.end)
      problems.push("The device's clock is not set: times are those of this page.");
    if (device.missing) {
      const [first, last] = device.gaps.at(-1);
      const which = first === last ? `number ${first}` : `numbers ${first} to ${last}`;
      problems.push(
        device.missing === 1
          ? `One window is missing (${which}).`
          : `${device.missing} windows are missing (lately ${which}).`,
      );
    }
    if (problems.join("\n") === this.#problems) return;
    this.#problems = problems.join("\n");
    this.#part(".notes").replaceChildren(
      ...problems.map((problem) => {
        const note = document.createElement("li");
        note.textContent = problem;
        return note;
      }),
    );
  }

  #point(index) {
    const count = this.#spaces.length;
    this.#cursor = index === null ? null : Math.min(Math.max(index, 0), count - 1);
    const chart = this.#part(".chart");
    const sentence = this.#cursor === null ? overview(this.#spaces) : describe(this.#spaces[this.#cursor]);
    chart.setAttribute("aria-valuenow", this.#cursor ?? count - 1);
    chart.setAttribute("aria-valuetext", sentence);
    this.#say("figcaption", sentence);
    draw(chart, this.#spaces, this.#cursor);
  }

  #key(event) {
    const last = this.#spaces.length - 1;
    const here = this.#cursor ?? last;
    const to = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      PageUp: here - 10,
      PageDown: here + 10,
      Home: 0,
      End: last,
      Escape: null,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#point(to);
  }

  #save() {
    const { device, source, windows } = this.room;
    save(`${device.id}-${source}-${new Date().toISOString().slice(0, 10)}.csv`, csv(windows));
  }
}

/** In a word for the style sheet and as a person would say it. */
function stateOf(device, now) {
  const ago = device.heard === null ? "" : ` for ${span(now - device.heard)}`;
  if (device.online === false) return { word: "offline", sentence: `offline${ago}` };
  const patience = 3000 * Math.max(device.info?.windowS ?? 60, 20);
  if (device.heard !== null && now - device.heard > patience) return { word: "silent", sentence: `silent${ago}` };
  const word = device.status?.state ?? "unknown";
  return { word, sentence: device.status ? word : "no status yet" };
}

function instead(reading, device) {
  if (!reading) return ["◌", "Waiting for the first window."];
  if (reading.suppressed) {
    const least = device.info?.minPeople;
    const needed = reading.suppressed === "too_few_people" && least ? ` Shown from ${least} people on.` : "";
    return ["◇", WITHHELD[reading.suppressed] + needed];
  }
  if (reading.analysed === 0) return ["✕", "No data: the camera gave no picture."];
  return ["○", "Nobody was seen."];
}

function when(window, now) {
  return window.at === null
    ? ", some time ago"
    : now - window.at < 2000
      ? ", just now"
      : `, ${span(now - window.at)} ago`;
}

function describe(space) {
  const people = `${space.people === 1 ? "1 person" : `${space.people} people`}`;
  const shares =
    space.emotions &&
    EMOTIONS.map((name) => [space.emotions[name], name])
      .filter(([share]) => share >= 0.05)
      .sort(([a], [b]) => b - a)
      .slice(0, 3)
      .map(([share, name]) => `${name} ${percent(share)}`)
      .join(", ");
  const what = {
    none: "no data",
    blind: "no picture from the camera",
    nobody: "nobody was seen",
    withheld: `${people}, mood withheld`,
    mood: `${people}: ${shares}`,
  };
  return `${clock(space.from)} ${what[space.kind]}`;
}

function overview(spaces) {
  const most = Math.max(...spaces.map((space) => space.people));
  const kinds = new Set(spaces.slice(0, -UNFINISHED).map((space) => space.kind));
  const key = [
    kinds.has("withheld") && "striped: withheld",
    kinds.has("blind") && "thick line: no picture",
    kinds.has("none") && "blank: no data",
  ]
    .filter(Boolean)
    .join(", ");
  return `at most ${most === 1 ? "1 person" : `${most} people`}${key && ` · ${key}`}`;
}

function health(device, now) {
  const { status, info } = device;
  if (!status) return "The device has not told how it is.";
  const place = status.device === "edgetpu" ? "Coral" : "processor";
  const known = (value, sentence) => (value === null || value === undefined ? "" : sentence);
  return [
    known(status.fps, `The camera gives ${status.fps?.toFixed(1)} pictures a second.`),
    known(
      status.classifyMs,
      `Reading a face takes ${status.classifyMs?.toFixed(0)} ms on the ${place}.`,
    ),
    status.waiting
      ? `${status.waiting} windows wait to be delivered.`
      : known(status.waiting, "All windows are delivered."),
    known(status.temperature, `The processor is at ${status.temperature?.toFixed(0)} °C.`),
    known(status.uptime, `Running for ${span(status.uptime * 1000)}.`),
    known(device.heard, `Last heard ${span(now - device.heard)} ago.`),
    known(info, `Model ${info?.model}.`),
    known(status.version, `Version ${status.version}.`),
  ]
    .filter(Boolean)
    .join(" ");
}

const percent = (share) => `${Math.round(100 * share)} %`;
const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** A length of time in one unit. */
function span(milliseconds) {
  const seconds = Math.max(0, milliseconds / 1000);
  const [size, unit] = [
    [86400, "day"],
    [3600, "hour"],
    [60, "min"],
    [1, "s"],
  ].find(([size]) => seconds >= size) ?? [1, "s"];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${unit.match(/day|hour/) && count !== 1 ? "s" : ""}`;
}
