/**
 * How much is unread, exactly, on all of a reader's devices, of whatever is counted and marked together.
 *
 * The log counts; what comes after the position that it has counted to is added here, by the same rule. Where a `read` of
 * the same reader says that another device is ahead, it is counted anew, and so it is after a gap, and whenever the
 * connection was lost: a `read` is told to those alone who are connected.
 *
 * @module
 */

import { backOff } from "./access.js";
import { ORIGIN, compare } from "./order.js";

/** @import { Outcome } from "./access.js" */

/**
 * @typedef {object} ListenedTo as much of a subscription as is needed here
 * @property {(type: string, fn: (detail: any) => void) => unknown} on
 * @property {() => void} retryNow
 * @property {() => void} close
 *
 * @typedef {{subscribe: (topics: string[], options: {from: string}) => ListenedTo}} Subscribing a client, or one like it
 *
 * @typedef {{only?: string[], all_but?: string[]}} Rule which types of events count
 *
 * @typedef {object} Counted what the log has counted
 * @property {string} reader whose
 * @property {string[]} topics
 * @property {string | null | undefined} [cursor] up to where they have read, of one topic
 * @property {number | null} unread null where nothing counts
 * @property {string} counted_to
 * @property {Record<string, Rule | null>} counted by topic
 *
 * @typedef {object} Followed
 * @property {(signal: AbortSignal) => Promise<Counted>} count
 * @property {(to: string) => Promise<unknown>} mark
 * @property {((counted: any) => void) | undefined} [took] called with each answer, once it holds
 * @property {((body: any, counts: boolean) => void) | undefined} [heard] called with each event
 * @property {(() => void) | undefined} [reset] called when the log is another one
 * @property {number | undefined} [pollInterval] milliseconds between two counts while no stream is there
 */

const ID = /^\d+-\d+$/u;
/** Milliseconds between two counts while no stream is there. */
const POLL_MS = 30_000;
/** Milliseconds between two counts at least. */
const MIN_POLL_MS = 1000;

/** @returns {boolean} whether the id `a` is after `b` */
export const isAfter = (/** @type {string} */ a, /** @type {string} */ b) => compare(a, b) > 0;

/** @returns {number} on how many of the topics an event counts */
const countOf = (/** @type {Record<string, Rule | null>} */ counted, /** @type {any} */ { type, topic, topics = [topic] }) =>
  topics.filter((/** @type {string} */ name) => {
    const { only = [], all_but } = (Object.hasOwn(counted, name) && counted[name]) || {};
    return all_but ? !all_but.includes(type) : only.includes(type);
  }).length;

/**
 * Follow how much is unread, of whatever is counted and marked together.
 *
 * @param {Subscribing} client
 * @param {Followed} options
 */
export function follow(client, { count, mark, took, heard, reset, pollInterval = POLL_MS }) {
  const told = new EventTarget();
  const closed = new AbortController();
  /** The last answer, and what came since: `unread` is up to `counted_to`, `cursor` is where a mark is that may be on its way. @type {Counted | null} */
  let known = null;
  /** Up to where the log has it that they have read. @type {string | null} */
  let stored = null;
  /** Those that are to be stored. @type {{to: string | undefined, done: () => void, failed: (error: unknown) => void}[]} */
  let marks = [];
  /** What counted while it was counted: an id, and how often. @type {[string, number][]} */
  let meanwhile = [];
  let isStale = true;
  let isCounting = false;
  let isBusy = false;
  let isToBeTold = false;
  let failures = 0;
  let state = "connecting";
  /** @type {string | null} */
  let reason = null;
  /** @type {ListenedTo | undefined} */
  let held;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let polling;
  let retry = () => {};

  function changed() {
    if (isToBeTold) return;
    isToBeTold = true;
    // Once for all that comes in one piece.
    queueMicrotask(() => {
      isToBeTold = false;
      if (!closed.signal.aborted) told.dispatchEvent(new Event("change"));
    });
  }

  /** Store what is to be marked, and count anew where that is needed; one request at a time. */
  async function work() {
    retry();
    if (isBusy) return;
    isBusy = true;
    // All that is marked in this moment is one.
    await null;
    while ((marks.length || isStale) && !closed.signal.aborted) {
      const sent = known ? [...marks] : [];
      try {
        await (sent.length ? store(sent) : countAnew());
        failures = 0;
      } catch (error) {
        const { reason: isFinal, wait, message = "" } = /** @type {Outcome} */ (error);
        if (isFinal && sent.length) {
          marks = marks.filter((one) => !sent.includes(one));
          for (const { failed } of sent) failed(error);
          // It had been taken for read already.
          isStale = true;
        } else if (isFinal) {
          refuse(message);
        } else if (!closed.signal.aborted) {
          if (!held) {
            state = "waiting";
            reason = "The server cannot be reached.";
            changed();
          }
          await new Promise((done) => {
            const timer = setTimeout((retry = () => (clearTimeout(timer), done(null))), wait || backOff(++failures));
          });
          retry = () => {};
        }
        if (!sent.length) isStale = !isFinal;
      }
    }
    isBusy = false;
    if (closed.signal.aborted) for (const { failed } of marks.splice(0)) failed(closed.signal.reason);
  }

  async function store(/** @type {typeof marks} */ sent) {
    const { counted_to } = /** @type {Counted} */ (known);
    const to = sent.map((one) => one.to ?? counted_to).reduce((a, b) => (isAfter(b, a) ? b : a));
    move(to, true);
    if (!stored || isAfter(to, stored)) await mark(to);
    stored = to;
    marks = marks.filter((one) => !sent.includes(one));
    for (const { done } of sent) done();
  }

  async function countAnew() {
    isStale = false;
    meanwhile = [];
    isCounting = true;
    const answer = await count(closed.signal).finally(() => (isCounting = false));
    // Of before a mark that came meanwhile.
    if (isStale || closed.signal.aborted) return;
    const later = meanwhile.filter(([id]) => isAfter(id, answer.counted_to));
    const before = known;
    known = {
      ...answer,
      unread: answer.unread === null ? null : later.reduce((sum, [, times]) => sum + times, answer.unread),
      counted_to: later.at(-1)?.[0] ?? answer.counted_to,
    };
    stored = answer.cursor ?? null;
    took?.(answer);
    // With another token it is somebody else.
    if (before?.reader !== known.reader) listen(answer);
    changed();
  }

  /** @param {string[]} topics @param {string} from */
  function open(topics, from) {
    try {
      return client.subscribe(topics, { from });
    } catch (error) {
      // The client is closed.
      throw Object.assign(/** @type {Error} */ (error), { reason: "refused" });
    }
  }

  function listen(/** @type {Counted} */ { topics, counted_to }) {
    held?.close();
    const mine = (held = open(topics, counted_to));
    mine.on("*", hear);
    mine.on("gap", (gap) => {
      if (gap.reason === "reset") {
        // Its ids went back: what was known is of a log that is no more.
        known = known && { ...known, cursor: null, counted_to: ORIGIN };
        stored = null;
        reset?.();
      }
      isStale = true;
      work();
    });
    mine.on("state", (now) => {
      if (mine !== held) return;
      ({ state, reason } = now);
      if (/live|ended|refused/u.test(state)) {
        clearInterval(polling);
        polling = undefined;
      } else {
        // Of one that tries again and again, from when it was lost.
        polling ??= setInterval(look, Math.max(MIN_POLL_MS, pollInterval));
      }
      if (state === "live") isStale = true;
      changed();
      work();
    });
  }

  function look() {
    isStale = true;
    work();
  }

  function refuse(/** @type {string} */ message) {
    clearInterval(polling);
    polling = undefined;
    held?.close();
    held = undefined;
    known = null;
    state = "refused";
    reason = message;
    for (const { failed } of marks.splice(0)) failed(new Error(message));
    changed();
  }

  function hear(/** @type {any} */ body) {
    if (!known) return;
    const { id, type, reader, cursor } = body;
    const times = id ? countOf(known.counted, body) : 0;
    if (id && isCounting) meanwhile.push([id, times]);
    if (id && isAfter(id, known.counted_to)) known = { ...known, unread: known.unread === null ? null : known.unread + times, counted_to: id };
    if (type === "read" && reader === known.reader && ID.test(cursor)) {
      const isOne = known.topics.length === 1;
      if (isOne) stored = cursor;
      move(cursor, isOne);
    }
    heard?.(body, times > 0);
    changed();
  }

  /** @param {string} to @param {boolean} isOfAll whether on all topics, as far as is known */
  function move(to, isOfAll) {
    if (!known || (known.cursor && !isAfter(to, known.cursor))) return;
    // Before where it was counted to it is not known how many are between.
    const isAll = isOfAll && !isAfter(known.counted_to, to);
    known = { ...known, cursor: to, ...(isAll && known.unread !== null ? { unread: 0, counted_to: to } : {}) };
    isStale ||= isCounting || !isAll;
    changed();
    work();
  }

  // A `read` may have come while the connection was made anew for other topics, which nobody is told.
  globalThis.document?.addEventListener("visibilitychange", () => document.hidden || look(), { signal: closed.signal });
  work();

  return {
    /** Events that are unread; null where that is not known, or none counts. @returns {number | null} */
    get unread() {
      return known && known.unread;
    },
    /** Up to where it has been read; a mark that is on its way is in it. @returns {string | null} */
    get cursor() {
      return known?.cursor ?? null;
    },
    /** Who reads, as the server knows them. @returns {string | null} */
    get reader() {
      return known && known.reader;
    },
    /** As that of a subscription. */
    get state() {
      return state;
    },
    /** One sentence for people why it is not live. */
    get reason() {
      return reason;
    },
    /**
     * Mark what came as read, on all devices; kept until it could be stored.
     *
     * @param {string} [upTo] the id of the last event that was read; by default all that is known of
     * @returns {Promise<void>} once it is stored; rejects where it is refused, and where this is closed before
     */
    markAsRead(upTo) {
      return new Promise((done, failed) => {
        closed.signal.throwIfAborted();
        if (upTo !== undefined && !ID.test(upTo)) throw new TypeError(`${JSON.stringify(upTo)} is not an id`);
        const to = upTo ?? known?.counted_to;
        marks.push({ to, done, failed });
        if (to) move(to, true);
        // Where it was refused it is asked for again.
        isStale ||= !known;
        work();
      });
    },
    /**
     * @param {() => void} fn called after each change
     * @returns {() => void} stops it
     */
    subscribe(fn) {
      const listener = () => fn();
      told.addEventListener("change", listener);
      return () => told.removeEventListener("change", listener);
    },
    /** Tell those who listen. @internal */
    changed,
    /** Ask at once where it waits to. */
    retryNow() {
      held?.retryNow();
      look();
    },
    /** End it. A mark that is on its way gets there. */
    close() {
      closed.abort(new Error("it was closed before this was marked as read"));
      clearInterval(polling);
      held?.close();
      retry();
    },
  };
}
