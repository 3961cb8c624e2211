/**
 * The list of events, newest first, of limited length.
 *
 * @module
 */

import { describe } from "./describe.js";
import { textOf } from "./fields.js";
import { instance } from "./template.js";

/** Lines kept: enough to scroll through, few enough for a phone. */
const MAX_LINES = 500;

/** @typedef {"live" | "replayed" | "control" | "local"} Origin */

export class EventLog {
  #list;
  /** @type {HTMLElement[]} lines not yet shown, newest first */
  #waiting = [];

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /**
   * @param {import("./streamer.js").Body & Record<string, any>} body
   * @param {Origin} origin
   */
  add(body, origin) {
    this.#line(textOf(body.id) ?? "", textOf(body.type) ?? "", describe(body), origin);
  }

  /**
   * Add a line of the page's own: what a person did, what the connection did.
   *
   * @param {string} type
   * @param {string} text
   */
  note(type, text) {
    this.#line("", type, text, "local");
  }

  clear() {
    this.#waiting = [];
    this.#list.replaceChildren();
  }

  /** Put what came since the last time on the page, in one go. */
  show() {
    if (this.#waiting.length === 0) return;
    this.#list.prepend(...this.#waiting);
    this.#waiting = [];
    while (this.#list.childElementCount > MAX_LINES) this.#list.lastElementChild?.remove();
  }

  #line(/** @type {string} */ id, /** @type {string} */ type, /** @type {string} */ text, /** @type {Origin} */ origin) {
    const { root, parts } = instance("log-line");
    root.dataset.origin = origin;
    root.dataset.type = type;
    parts.id.textContent = id;
    parts.type.textContent = type;
    parts.text.textContent = parts.text.title = text;
    parts.origin.textContent = origin === "local" || origin === "control" ? "" : origin;
    this.#waiting.unshift(root);
    // A hidden page shows nothing and must not hoard.
    this.#waiting.length = Math.min(this.#waiting.length, MAX_LINES);
  }
}
