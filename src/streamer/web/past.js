/**
 * The events of what is opened from before its reader came: loaded as somebody scrolls to the end of the list.
 *
 * @module
 */

import { isOf } from "./address.js";
import { pathOf } from "./commands.js";
import { earlierEvents } from "./earlier.js";
import { byId } from "./elements.js";
import { MAX_EARLIER } from "./event-log.js";
import { setText } from "./template.js";

/** @import { Access } from "./access.js" */
/** @import { Place } from "./address.js" */
/** @import { Body } from "./client/wire.d.ts" */
/** @import { EventLog } from "./event-log.js" */
/** @import { Feed } from "./feed.js" */

/** Events that come with each scroll to the end of the list. */
const STEP = 200;

export class Past {
  #log;
  #api;
  #access;
  #end;
  /** Whether the end of the list is seen, or nearly. */
  #isAtEnd = false;
  /** @type {{place: Place, feed: Feed} | null} */
  #opened = null;
  /** What is not shown yet, oldest first; null: not asked for. @type {Body[] | null} */
  #left = null;
  #isLoading = false;

  /** @param {EventLog} log @param {string} api @param {Pick<Access, "fetch">} access */
  constructor(log, api, access) {
    this.#log = log;
    this.#api = api;
    this.#access = access;
    this.#end = new IntersectionObserver((entries) => {
      this.#isAtEnd = entries.at(-1)?.isIntersecting === true;
      if (this.#isAtEnd) this.#more();
    }, { root: byId("log-box"), rootMargin: "200px" });
    this.#end.observe(byId("log-end"));
  }

  /** Begin with another; null: with nothing. */
  of(/** @type {Place | null} */ place, /** @type {Feed | null} */ feed) {
    this.#opened = place === null || feed === null ? null : { place, feed };
    this.#left = null;
    this.#isLoading = false;
    setText(byId("earlier-said"), "newest first; scroll for earlier ones");
  }

  /** Load the first of them, where the end of the list is seen without a scroll. */
  look() {
    if (this.#isAtEnd && this.#left === null) this.#more();
  }

  async #more() {
    const opened = this.#opened;
    // Before its position is known nobody can say what came before.
    if (opened === null || this.#isLoading || opened.feed.subscription?.lastEventId == null) return;
    if (this.#left === null) {
      this.#isLoading = true;
      const events = await this.#load(opened);
      if (this.#opened !== opened) return;
      this.#isLoading = false;
      this.#left = events;
    }
    const next = this.#left.splice(Math.max(0, this.#left.length - STEP), STEP);
    if (next.length > 0) this.#log.addEarlier(next);
    if (this.#left.length === 0) return;
    // It tells only of changes, and the end may still be near: look anew.
    this.#end.unobserve(byId("log-end"));
    this.#end.observe(byId("log-end"));
  }

  /** @param {{place: Place, feed: Feed}} opened @returns {Promise<Body[]>} */
  async #load(opened) {
    const say = (/** @type {string} */ words) => this.#opened === opened && setText(byId("earlier-said"), words);
    say("Loading earlier events…");
    this.#log.show();
    const { at, query } = pathOf(opened.place.topic);
    try {
      const { events, complete } = await earlierEvents(`${this.#api}/${at}events?${query && `${query}&`}`, {
        most: MAX_EARLIER,
        isKnown: (id) => this.#log.has(id),
        until: opened.feed.arrivedAt,
        fetch: (url, init) => this.#access.fetch(url, init),
      });
      const own = events.filter((body) => isOf(opened.place, body));
      const many = own.length === 1 ? "1 earlier event" : `${own.length} earlier events`;
      say(complete ? `${many}: all that is kept` : `the newest ${many}`);
      return own;
    } catch (error) {
      say(`Earlier events are not loaded: ${/** @type {Error} */ (error).message}`);
      return [];
    }
  }
}
