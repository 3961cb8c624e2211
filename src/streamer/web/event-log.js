/**
 * The list of events, newest first, of limited length.
 *
 * @module
 */

import { describe } from "./describe.js";
import { textOf } from "./fields.js";
import { textOfJson } from "./results.js";
import { instance } from "./template.js";

/** @import { Body } from "./client/wire.d.ts" */

/** Lines of what came, while nobody scrolls back: enough to look at, few enough for a phone. */
const MAX_LINES = 500;
/** Lines of events from before, the newest of them: what somebody scrolls back to. */
export const MAX_EARLIER = 5000;
/** Ids remembered, to know an earlier event from one that is here. */
const MAX_IDS = 2 * MAX_EARLIER;
/** Milliseconds since 1970 of an id; the shape of it is the server's own, and only a hint here. */
const ID_TIME = /^(\d{12,14})-/u;

/** @typedef {"live" | "replayed" | "earlier" | "control" | "local"} Origin */

export class EventLog {
  #list;
  /** @type {HTMLElement[]} lines not yet shown, newest first */
  #waiting = [];
  /** @type {Set<string>} of the events that have a line, or had one */
  #ids = new Set();
  /** @type {WeakMap<HTMLElement, Body>} what each line is of */
  #bodies = new WeakMap();
  #isRaw = false;
  /** Lines of earlier events. */
  #earlier = 0;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
    list.addEventListener("click", ({ target }) => {
      const root = target instanceof Element && target.closest("pre") === null ? target.closest("li") : null;
      if (root !== null) this.#unfold(root, root.querySelector("pre")?.hidden === true);
    });
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

  /**
   * Add events from before all that are here.
   *
   * @param {Body[]} bodies oldest first
   */
  addEarlier(bodies) {
    this.show();
    // What came over the stream meanwhile has its line.
    const missing = bodies.filter(({ id }) => !this.has(textOf(id) ?? ""));
    this.#earlier += missing.length;
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
    this.#earlier = 0;
    this.#list.replaceChildren();
  }

  /** Put what came since the last time on the page, in one go. */
  show() {
    if (this.#waiting.length === 0) return;
    this.#list.prepend(...this.#waiting);
    this.#waiting = [];
    const most = MAX_LINES + this.#earlier;
    while (this.#list.childElementCount > most) this.#list.lastElementChild?.remove();
  }

  /** Show each event with all that it says, or each as a line. */
  set isRaw(/** @type {boolean} */ raw) {
    this.#isRaw = raw;
    this.show();
    for (const root of this.#list.children) this.#unfold(/** @type {HTMLElement} */ (root), raw);
  }

  #unfold(/** @type {HTMLElement} */ root, /** @type {boolean} */ open) {
    const body = this.#bodies.get(root);
    const raw = root.querySelector("pre");
    if (body === undefined || raw === null) return;
    raw.hidden = !open;
    // Written when it is first wanted: most never are.
    if (open && raw.textContent === "") raw.textContent = textOfJson(body);
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
    const root = line(id, textOf(body.type) ?? "", describe(body), origin);
    root.dataset.says = textOf(body.message) || !["progress", "status"].includes(body.type) ? "more" : "";
    this.#bodies.set(root, body);
    if (this.#isRaw) this.#unfold(root, true);
    return root;
  }
}

/** @returns {HTMLElement} */
function line(/** @type {string} */ id, /** @type {string} */ type, /** @type {string} */ text, /** @type {Origin} */ origin) {
  const { root, parts } = instance("log-line");
  root.dataset.origin = origin;
  root.dataset.type = type;
  parts.id.textContent = id;
  const at = ID_TIME.exec(id)?.[1];
  if (at !== undefined) parts.id.title = new Date(Number(at)).toLocaleString();
  parts.type.textContent = type;
  parts.text.textContent = parts.text.title = text;
  parts.origin.textContent = origin === "local" || origin === "control" ? "" : origin;
  return root;
}
