/**
 * What comes of a connection, and to whom it is new.
 *
 * It is known here how far the connection is (`position`) and what it told of each topic (`known`). A subscription that
 * is no further behind than the connection is `covered`: what comes is all that it misses, and it drops what it has by
 * its id. One that is further behind is caught up by requests of its own first.
 *
 * @module
 */

import { refusal } from "./access.js";
import { fold, isOver } from "./fold.js";
import { ORIGIN, compare, isBehind, positionIn } from "./order.js";
import { pageOf, timeout } from "./poll.js";

/** @import { Authorize, Outcome } from "./access.js" */
/** @import { Subscription } from "./subscription.js" */

/**
 * @typedef {object} Wanted
 * @property {Set<Subscription>} subscriptions those of which more may come
 * @property {Authorize} authorize
 * @property {(one: Subscription) => void} tell how its connection is
 * @property {(one: Subscription) => void} end as no more will come of it
 *
 * @typedef {ReturnType<typeof openFeed>} Feed
 */

/** Milliseconds until one that could not be caught up is tried again. */
const AGAIN_MS = 1000;

export function openFeed(/** @type {Wanted} */ { subscriptions, authorize, tell, end }) {
  /** What the connection told of each of its topics, and what came since. @type {{[topic: string]: any}} */
  let known = Object.create(null);
  /** Up to where it told. */
  let position = ORIGIN;
  /** Those that are being caught up. @type {Set<Subscription>} */
  const busy = new Set();

  /** @param {any} body @param {AbortSignal} [signal] of the connection, if it is one's own @returns {Outcome | void} */
  function receive(body, signal) {
    const { type, id, topic, topics = [topic], snapshot, snapshots = { [topic]: snapshot } } = body;
    position = positionIn(body) ?? position;
    if (type === "connected") {
      known = Object.assign(Object.create(null), snapshots);
      subscriptions.forEach(cover);
    } else if (type === "expiring") {
      if (signal) renew(body.refresh, signal);
    } else if (/^(refused|reconnect|expired)$/u.test(type)) {
      return refusal(body);
    } else if (type === "end") {
      if (!body.remaining) return { reason: "ended" };
    } else if (topic || /^(gap|caught_up)$/u.test(type)) {
      for (const name of topics) if (id && known[name] && compare(id, known[name].cursor) > 0) known[name] = fold(known[name], name, body);
      for (const one of subscriptions) if (one.covered) hear(one, body);
    }
  }

  /** Without another token the stream ends, and says so. */
  async function renew(/** @type {string} */ path, /** @type {AbortSignal} */ signal) {
    try {
      const { token, ask } = await authorize("expiring");
      // The path is the server's own, and may be beneath a proxy's.
      if (token) await ask(path.replace("/api/v1", ""), { method: "POST", signal });
    } catch {}
  }

  /** @param {Subscription} one @param {any} [body] an event, a `gap` or a `caught_up` */
  function hear(one, body = {}) {
    const { type, topic, topics = [topic], reason } = body;
    const isGap = type === "gap";
    const isReset = isGap && reason === "reset";
    const until = isGap ? body.until : body.id;
    const isNew = isReset || !until || isBehind(one, until);
    // Ids increase over all topics: whoever is not concerned has had all up to here. At a reset they went back; at
    // another gap events up to `until` may come, those of another topic.
    const at = isReset ? until : positionIn(body);
    if (isReset || (at && isBehind(one, at))) one.lastEventId = at;
    const state = known[`${one.topics}`];
    if (state && state !== one.snapshot) one.tell("snapshot", (one.snapshot = state));
    if (isNew && type && type !== "caught_up" && (!topic || one.topics.some((name) => topics.includes(name)))) {
      // An event that somebody named so is not taken for ours.
      if (!/^(state|snapshot)$/u.test(type)) one.tell(type, body);
      if (!isGap) one.tell("*", body);
    }
    // On a connection of other topics too the server does not say that a job is over.
    one.open = one.open.filter((name) => !name.startsWith("jobs/") || !isOver(known[name] ?? {}) || isBehind(one, known[name].cursor));
    if (!one.open[0]) end(one);
  }

  /** See whether the connection brings all that a subscription misses. */
  function cover(/** @type {Subscription} */ one) {
    const cursors = one.open.map((topic) => known[topic]?.cursor);
    one.covered = undefined;
    if (cursors.includes(undefined) || !subscriptions.has(one)) return;
    // What the states have in them already is not told once more.
    const first = cursors.sort(compare)[0];
    one.lastEventId ??= compare(position, first) > 0 ? position : first;
    one.covered = !isBehind(one, position);
    hear(one);
    if (!one.covered && !busy.has(one)) catchUp(one);
    tell(one);
  }

  /** Give a subscription what it misses, until it is where the connection is. */
  async function catchUp(/** @type {Subscription} */ one) {
    busy.add(one);
    try {
      const { ask } = await authorize();
      while (isBehind(one, position) && subscriptions.has(one)) {
        const page = await pageOf(ask, `topic=${one.topics.join("&topic=")}`, one.lastEventId, timeout(), 0);
        for (const body of page) {
          // The connection brings what is after it: of several pieces of an answer it may make one.
          const isAhead = compare(`${positionIn(body)}`, position) > 0;
          if (!one.closed && isBehind(one, position)) hear(one, isAhead ? { type: "caught_up", cursor: position } : body);
        }
      }
      busy.delete(one);
      cover(one);
    } catch {
      busy.delete(one);
      setTimeout(cover, AGAIN_MS, one);
    }
  }

  return {
    receive,
    cover,
    /** What one that comes later is told first. */
    told: () => Object.keys(known)[0] && { type: "connected", cursor: position, snapshots: known },
    /** There is no connection any more. */
    forget() {
      known = Object.create(null);
    },
  };
}
