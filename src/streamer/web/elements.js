/**
 * The elements of `index.html`, by their ids.
 *
 * @module
 */

/**
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E} throws a TypeError where the page has nothing of that kind there
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`the page has no ${kind.name} of the id ${id}`);
  return found;
}

export const byId = (/** @type {string} */ id) => element(id, HTMLElement);
export const button = (/** @type {string} */ id) => element(id, HTMLButtonElement);
export const input = (/** @type {string} */ id) => element(id, HTMLInputElement);
