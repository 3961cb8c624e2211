/**
 * Copies of the page's templates, with their named parts at hand.
 *
 * @module
 */

/** @typedef {Record<string, any>} Parts each `data-part` element, by name */

/**
 * @param {string} id of a `<template>` with one root element
 * @returns {{root: HTMLElement, parts: Parts}}
 */
export function instance(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const root = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  /** @type {Parts} */
  const parts = {};
  for (const part of root.querySelectorAll("[data-part]")) {
    parts[/** @type {HTMLElement} */ (part).dataset.part ?? ""] = part;
  }
  return { root, parts };
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
