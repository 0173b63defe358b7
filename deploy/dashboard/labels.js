"use strict";
// What models call the expressions: the order and the colours of labels. Those of the shipped models have colours in the
// style sheet; others get one here, the same in every room.

const EMOTIONS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust"]; // in the order of the charts
const LABEL = /^(?![\p{Z}!-/:-@[-`{-~])[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}"<>\\`{}]{1,32}$/u; // see edge/labels.py
const COLOUR = /^#[0-9a-f]{6}$/;
const PALETTE = [
  ...["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566", "#7b6fd0", "#88ccee", "#44aa99"],
  ...["#3fa35b", "#999933", "#ddcc77", "#cc6677", "#b35a86", "#aa4499", "#6699cc", "#997700", "#994455", "#3b7dd8"],
];
const MAX_LABELS = 200; // of all devices; further ones have the colour of no label

class Labels {
  #colours = new Map(); // by label; null where the style sheet has one
  #taken = 0;

  /** Take in the labels of a message, with the colours that the release of the model gives some of them. */
  learn(names, given = {}) {
    for (const name of names) {
      if (Object.hasOwn(given, name) && this.#admits(name)) this.#colours.set(name, given[name]);
      else if (!this.#colours.has(name) && this.#admits(name))
        this.#colours.set(name, EMOTIONS.includes(name) ? null : PALETTE[this.#taken++ % PALETTE.length]);
    }
  }

  /** All labels that were learnt, in their order. */
  get known() {
    return this.sort([...this.#colours.keys()]);
  }

  /** Labels in the order in which to show them: the one that a release gives, then the shipped ones, then the others. */
  sort(names, order = []) {
    const ranks = new Map([...new Set([...order, ...EMOTIONS, ...this.#colours.keys()])].map((name, i) => [name, i]));
    return [...names].sort((a, b) => (ranks.get(a) ?? ranks.size) - (ranks.get(b) ?? ranks.size));
  }

  /** Give an element the colour of a label; returns the element. */
  paint(element, name) {
    const colour = this.#colours.get(name);
    if (colour) element.style.setProperty("--hue", colour);
    else element.classList.add(EMOTIONS.includes(name) ? name : "other");
    return element;
  }

  #admits(name) {
    return this.#colours.size < MAX_LABELS || this.#colours.has(name);
  }
}

/** The share of a label, or null. Labels may be called as what every object has, such as "constructor". */
const shareOf = (emotions, name) => (emotions && Object.hasOwn(emotions, name) ? emotions[name] : null);

/** A text that is the same for the same labels in any order. */
const labelsKey = (emotions) => JSON.stringify(Object.keys(emotions).sort());

/** The labels with the largest shares, the largest first; of equals, the first in the order of the charts. */
function ranked(emotions) {
  const rank = (name) => (EMOTIONS.includes(name) ? EMOTIONS.indexOf(name) : EMOTIONS.length);
  return Object.keys(emotions).sort((a, b) => emotions[b] - emotions[a] || rank(a) - rank(b));
}

/** The label with the largest share, or null. */
const dominant = (emotions) => emotions && ranked(emotions)[0];
