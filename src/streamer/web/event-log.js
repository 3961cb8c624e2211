/**
 * The list of events, newest first, of limited length.
 *
 * @module
 */

import { describe } from "./describe.js";
import { textOf } from "./fields.js";
import { instance } from "./template.js";

/** @import { Body } from "./client/wire.d.ts" */

/** Lines kept: enough to scroll through, few enough for a phone. */
const MAX_LINES = 500;
/** Ids remembered, to know an earlier event from one that is here. */
const MAX_IDS = 5000;

/** @typedef {"live" | "replayed" | "earlier" | "control" | "local"} Origin */

export class EventLog {
  #list;
  /** @type {HTMLElement[]} lines not yet shown, newest first */
  #waiting = [];
  /** @type {Set<string>} of the events that have a line, or had one */
  #ids = new Set();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /**
   * @param {Body} body
   * @param {Origin} origin
   */
  add(body, origin) {
    this.#wait(this.#line(body, origin));
  }

  /** @param {string} id @returns {boolean} whether that event has been added */
  has(id) {
    return this.#ids.has(id);
  }

  /** How many earlier events there is room for. */
  get room() {
    return Math.max(0, MAX_LINES - this.#list.childElementCount - this.#waiting.length);
  }

  /**
   * Add events from before all that are here.
   *
   * @param {Body[]} bodies oldest first
   */
  addEarlier(bodies) {
    this.show();
    // What came over the stream meanwhile has its line.
    const missing = bodies.filter(({ id }) => !this.has(textOf(id) ?? ""));
    this.#list.append(...missing.map((body) => this.#line(body, "earlier")).reverse());
  }

  /**
   * Add a line of the page's own: what a person did, what the connection did.
   *
   * @param {string} type
   * @param {string} text
   */
  note(type, text) {
    this.#wait(line("", type, text, "local"));
  }

  clear() {
    this.#waiting = [];
    this.#ids.clear();
    this.#list.replaceChildren();
  }

  /** Put what came since the last time on the page, in one go. */
  show() {
    if (this.#waiting.length === 0) return;
    this.#list.prepend(...this.#waiting);
    this.#waiting = [];
    while (this.#list.childElementCount > MAX_LINES) this.#list.lastElementChild?.remove();
  }

  #wait(/** @type {HTMLElement} */ root) {
    this.#waiting.unshift(root);
    // A hidden page shows nothing and must not hoard.
    this.#waiting.length = Math.min(this.#waiting.length, MAX_LINES);
  }

  #line(/** @type {Body} */ body, /** @type {Origin} */ origin) {
    const id = textOf(body.id) ?? "";
    if (id !== "") {
      this.#ids.add(id);
      if (this.#ids.size > MAX_IDS) this.#ids.delete(/** @type {string} */ (this.#ids.values().next().value));
    }
    return line(id, textOf(body.type) ?? "", describe(body), origin);
  }
}

/** @returns {HTMLElement} */
function line(/** @type {string} */ id, /** @type {string} */ type, /** @type {string} */ text, /** @type {Origin} */ origin) {
  const { root, parts } = instance("log-line");
  root.dataset.origin = origin;
  root.dataset.type = type;
  parts.id.textContent = id;
  parts.type.textContent = type;
  parts.text.textContent = parts.text.title = text;
  parts.origin.textContent = origin === "local" || origin === "control" ? "" : origin;
  return root;
}
