"use strict";
// What a room shows of this moment: the same in its card and on its own page. Message content only ever becomes text
// nodes and checked numbers.

const LIVE_MS = 5e3;

/** Change a text only when it is another one: screen readers and selections are left alone. */
function say(part, words) {
  if (part.textContent !== String(words)) part.textContent = words;
}

class Now {
  #element;
  #bars = {};
  #problems = null;

  constructor(element) {
    this.#element = element;
    for (const name of EMOTIONS) {
      const [bar, track, fill, tick, share, label, part] = ["li", "div", "i", "u", "b", "span", "i"].map((tag) =>
        document.createElement(tag),
      );
      label.textContent = name;
      bar.className = part.className = name;
      track.append(fill, tick);
      bar.append(label, track, share);
      this.#part(".bars").append(bar);
      this.#part(".mix").append(part);
      this.#bars[name] = { bar, fill, tick, share, part };
    }
  }

  update(room, now) {
    const { device, windows, live, liveAt } = room;
    const newest = windows.at(-1) ?? null;
    const fresh = live && now - liveAt < LIVE_MS && device.online !== false ? live : null;
    const { word, sentence } = stateOf(device, now);
    const { name, where } = naming(room);
    this.#element.dataset.state = word;
    say(this.#part("h2 .name"), name);
    say(this.#part(".where"), where);
    say(this.#part(".state .mark"), STATE_MARKS[word] ?? "○");
    say(this.#part(".state .word"), sentence);
    const seen = fresh ?? newest;
    say(this.#part(".people strong"), seen ? seen.people : "–");
    const noun = seen?.people === 1 ? "person" : "people";
    const when = fresh ? "in view now" : "in the last window";
    say(this.#part(".people span"), seen ? `${noun} ${when}` : "no window yet");
    this.#mood(fresh?.emotions ? fresh : newest, fresh?.emotions ? newest : null, device);
    this.#notes(problemsOf(room));
  }

  #part(selector) {
    return this.#element.querySelector(selector);
  }

  /** `reading` in bars, `before` as ticks on them. */
  #mood(reading, before, device) {
    const emotions = reading?.emotions ?? null;
    const best = dominant(emotions);
    say(this.#part(".mostly"), best ? `mostly ${best}` : "");
    say(this.#part(".when"), before ? "mood now" : reading ? `${emotions ? "mood" : "window"} ${during(reading)}` : "");
    this.#part(".bars").hidden = this.#part(".mix").hidden = !emotions;
    this.#part(".instead").hidden = Boolean(emotions);
    if (!emotions) {
      const [mark, sentence, more] = instead(reading, device);
      say(this.#part(".instead .mark"), mark);
      say(this.#part(".instead .word"), sentence);
      say(this.#part(".instead .more"), more);
      return;
    }
    for (const [name, { bar, fill, tick, share, part }] of Object.entries(this.#bars)) {
      bar.classList.toggle("most", name === best);
      fill.style.width = `${100 * Math.min(emotions[name], 1)}%`;
      part.style.flexGrow = emotions[name];
      const was = before?.emotions?.[name];
      tick.hidden = was === undefined;
      if (was !== undefined) tick.style.left = `${100 * Math.min(was, 1)}%`;
      say(share, percent(emotions[name]));
    }
  }

  #notes(problems) {
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
}
