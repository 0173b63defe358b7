"use strict";
// The current state of a room, shown both in its card and on its own page. The content of messages is only ever set as
// text or as checked numbers.

const LIVE_MS = 5e3; // how long a live reading counts as current

class StateView {
  #element;
  #bars = new Map(); // by label, in the order shown
  #problems = null;

  constructor(element) {
    this.#element = element;
  }

  update(room, now) {
    const { device, windows, live, liveAt } = room;
    const newest = windows.at(-1) ?? null;
    const current = live && now - liveAt < LIVE_MS && device.online !== false ? live : null;
    const { state, text } = deviceState(device, now);
    const { name, location } = roomLabel(room);
    this.#element.dataset.state = state;
    setText(this.#find("h2 .name"), name);
    setText(this.#find(".where"), location);
    setText(this.#find(".state .mark"), STATE_MARKS[state] ?? "○");
    setText(this.#find(".state .word"), text);
    this.#showPeople(current ?? newest, current !== null);
    if (current?.emotions) this.#showEmotions(current, newest, device);
    else this.#showEmotions(newest, null, device);
    this.#showProblems(roomProblems(room));
  }

  #find(selector) {
    return this.#element.querySelector(selector);
  }

  #showPeople(reading, isLive) {
    setText(this.#find(".people strong"), reading ? reading.people : "–");
    const noun = reading?.people === 1 ? "person" : "people";
    const period = isLive ? "in view now" : "in the last window";
    setText(this.#find(".people span"), reading ? `${noun} ${period}` : "no window yet");
  }

  /** Show `reading` as bars, and `previous`, if there is one, as ticks on them. */
  #showEmotions(reading, previous, device) {
    const emotions = reading?.emotions ?? null;
    const largest = dominant(emotions);
    const isWindow = reading?.id !== undefined;
    const what = [emotions ? "mood" : "window", emotions && formatBasis(reading.basis)].filter(Boolean).join(" ");
    const period = isWindow ? `${what} ${formatPeriod(reading)}` : "";
    setText(this.#find(".mostly"), largest ? `mostly ${largest}` : "");
    setText(this.#find(".when"), reading && !isWindow ? "mood now" : period);
    this.#find(".bars").hidden = this.#find(".mix").hidden = !emotions;
    this.#find(".explanation").hidden = Boolean(emotions);
    if (!emotions) {
      const [mark, sentence, detail] = explainNoEmotions(reading, device);
      setText(this.#find(".explanation .mark"), mark);
      setText(this.#find(".explanation .word"), sentence);
      setText(this.#find(".explanation .more"), detail);
      return;
    }
    this.#arrangeBars(registry.labels.sort(Object.keys(emotions), device.info?.order));
    const comparable = previous?.emotions && labelsKey(previous.emotions) === labelsKey(emotions);
    for (const [name, { bar, fill, tick, share, part }] of this.#bars) {
      registry.labels.paint(bar, name);
      registry.labels.paint(part, name);
      bar.classList.toggle("most", name === largest);
      fill.style.width = `${100 * Math.min(emotions[name], 1)}%`;
      part.style.flexGrow = emotions[name];
      tick.hidden = !comparable;
      if (comparable) tick.style.left = `${100 * Math.min(previous.emotions[name], 1)}%`;
      setText(share, formatPercent(emotions[name]));
    }
  }

  /** A bar, and a part of the mix, for each of these labels. */
  #arrangeBars(names) {
    if (JSON.stringify(names) === JSON.stringify([...this.#bars.keys()])) return;
    this.#bars = new Map(names.map((name) => [name, newBar(name)]));
    this.#find(".bars").replaceChildren(...[...this.#bars.values()].map(({ bar }) => bar));
    this.#find(".mix").replaceChildren(...[...this.#bars.values()].map(({ part }) => part));
  }

  #showProblems(problems) {
    if (problems.join("\n") === this.#problems) return;
    this.#problems = problems.join("\n");
    this.#find(".notes").replaceChildren(
      ...problems.map((problem) => {
        const note = document.createElement("li");
        note.textContent = problem;
        return note;
      }),
    );
  }
}

function newBar(name) {
  const [bar, track, fill, tick, share, label, part] = ["li", "div", "i", "u", "b", "span", "i"].map((tag) =>
    document.createElement(tag),
  );
  label.textContent = label.title = name;
  track.append(fill, tick);
  bar.append(label, track, share);
  return { bar, fill, tick, share, part };
}
