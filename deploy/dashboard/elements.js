"use strict";
// Elements of index.html.

const byId = (id) => /** @type {any} */ (document.getElementById(id));

/** A copy of a template's element. */
const cloneTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** Set a text only if it changed, so that screen readers and selections are not disturbed. */
function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}
