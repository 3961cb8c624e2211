/**
 * What the log keeps from before a reader came, read by polling.
 *
 * @module
 */

import { isBody, objectOf, textOf } from "./fields.js";

/** @typedef {(url: string, init: RequestInit) => Promise<Pick<Response, "json" | "ok" | "status">>} Fetch */
/** @import { Body, Claimed, Page, Problem } from "./client/wire.d.ts" */

/** Events of one answer, the most there may be. */
const PAGE = 1000;
/** Questions at most: an answer is bounded in bytes too, and may have few events. */
const MAX_PAGES = 20;

/**
 * The newest `most` of the events that are kept and came before those that are known.
 *
 * @param {string} url the topic's events, to be polled, up to its last parameters: with a `?` or `&` at its end
 * @param {object} options
 * @param {number} options.most
 * @param {(id: string) => boolean} options.isKnown whether an event has been shown: ids are
 *   opaque, and only the server knows which is the older
 * @param {string | null} options.until the position that the reader came at, if it has one
 * @param {Fetch} [options.fetch]
 * @returns {Promise<{events: Body[], complete: boolean}>} in the order of the log; `complete` if
 *   the log keeps no earlier ones
 */
export async function earlierEvents(url, { most, isKnown, until, fetch = globalThis.fetch }) {
  /** @type {Body[]} */
  let events = [];
  let dropped = false;
  let after = "0-0";
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await fetch(`${url}after=${encodeURIComponent(after)}&limit=${PAGE}`, { cache: "no-store" });
    /** @type {Claimed<Page | Problem>} */
    const said = objectOf(await answer.json().catch(() => ({})));
    if (!answer.ok) throw new Error(textOf(said.detail) ?? `the server answered ${answer.status}`);
    const bodies = Array.isArray(said.events) ? said.events.filter(isBody) : [];
    const known = bodies.findIndex(({ id }) => typeof id === "string" && isKnown(id));
    events.push(...(known === -1 ? bodies : bodies.slice(0, known)));
    if (events.length > most) {
      events = events.slice(events.length - most);
      dropped = true;
    }
    const isOver = known !== -1 || bodies.length === 0 || said.cursor === after || said.cursor === until;
    if (isOver) return { events, complete: !dropped };
    after = textOf(said.cursor) ?? after;
  }
  return { events, complete: false };
}
