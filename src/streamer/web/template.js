/**
 * Copies of the page's templates, with their named parts at hand.
 *
 * @module
 */

/**
 * @typedef {object} CardParts
 * @property {SVGUseElement} icon
 * @property {HTMLElement} status
 * @property {HTMLElement} percent
 * @property {HTMLElement} bar
 * @property {HTMLElement} fill
 * @property {HTMLElement} message
 * @property {HTMLElement} error
 * @property {HTMLElement} details
 * @property {HTMLElement} facts
 * @property {HTMLElement} pace
 * @property {HTMLButtonElement} cancel
 * @property {HTMLButtonElement} retry
 * @property {HTMLElement} refusal
 * @property {HTMLAnchorElement} result
 * @property {HTMLElement} output
 * @property {HTMLVideoElement} video
 *
 * @typedef {object} RowParts
 * @property {HTMLAnchorElement} link
 * @property {SVGUseElement} icon
 * @property {HTMLElement} name
 * @property {HTMLElement} percent
 * @property {HTMLElement} fill
 * @property {HTMLElement} status
 * @property {HTMLElement} project
 * @property {HTMLElement} pace
 * @property {HTMLElement} age
 *
 * @typedef {object} LineParts
 * @property {HTMLElement} id
 * @property {HTMLElement} type
 * @property {HTMLElement} text
 * @property {HTMLElement} origin
 * @property {HTMLElement} raw
 *
 * @typedef {object} NoticeParts
 * @property {HTMLElement} unread
 * @property {HTMLAnchorElement} link
 * @property {HTMLElement} text
 * @property {HTMLElement} when
 *
 * @typedef {object} ItemParts
 * @property {HTMLElement} face
 * @property {HTMLElement} name
 * @property {HTMLElement} at
 * @property {HTMLElement} quoted
 * @property {HTMLElement} text
 * @property {HTMLElement} files
 * @property {HTMLElement} note
 * @property {HTMLButtonElement} stop
 * @property {HTMLElement} thoughts
 * @property {HTMLElement} given
 * @property {HTMLElement} summary
 * @property {HTMLElement} choices
 * @property {HTMLElement} seen
 *
 * @typedef {{"chat-item": ItemParts, "job-card": CardParts, "job-row": RowParts, "log-line": LineParts, "notice-row": NoticeParts}} Templates by the id of the
 *   `<template>`, its `data-part` elements by name; `index.html` has them
 */

/**
 * @template {keyof Templates} Id
 * @param {Id} id of a `<template>` with one root element
 * @returns {{root: HTMLElement, parts: Templates[Id]}}
 */
export function instance(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const root = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  /** @type {Record<string, Element>} */
  const parts = {};
  for (const part of root.querySelectorAll("[data-part]")) {
    parts[part.getAttribute("data-part") ?? ""] = part;
  }
  // What is in the page's HTML, only the page's HTML knows.
  return { root, parts: /** @type {Templates[Id]} */ (/** @type {unknown} */ (parts)) };
}

/**
 * Set text only where it changed, so that a selection survives and a screen reader stays quiet.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show the icon of a state: a shape for each, for colour alone says nothing to everybody. */
export function setIcon(/** @type {SVGUseElement} */ use, /** @type {string} */ status) {
  const href = `#i-${status === "" ? "unknown" : status}`;
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}
