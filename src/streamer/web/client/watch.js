/**
 * What a component watches: some topics, as a value that changes once a frame, however many events come.
 *
 * @module
 */

import { sharedClient } from "./shared.js";

/**
 * @typedef {Readonly<Record<string, any>> & {type: string}} Body an event, as docs/PROTOCOL.md says
 *
 * @typedef {object} SubscriptionLike as much of a subscription as is needed here
 * @property {(type: string, fn: (detail: any) => void) => () => void} on
 * @property {any} snapshot
 * @property {string} state
 * @property {string | null} reason
 * @property {string | null} lastEventId
 * @property {() => void} retryNow
 * @property {() => void} close
 *
 * @typedef {{subscribe: (topics: string | string[], options?: any) => SubscriptionLike}} ClientLike
 *
 * @typedef {object} Watched what is known at the moment; never changed, another one takes its place
 * @property {Readonly<Record<string, any>> | null} snapshot null until the server has answered
 * @property {string} state of the connection
 * @property {string | null} reason why there is none, as one sentence
 * @property {number} reconnectAttempts since the connection was lost
 * @property {boolean} isConnected
 * @property {boolean} isFallback whether it polls: because no stream is possible, or as `pollingFallback` says
 * @property {Body | null} gap the last that told of events that are lost
 * @property {any} value of the events, reduced
 * @property {boolean} hasRun whether it was not over, at some time
 *
 * @typedef {object} WatchOptions
 * @property {ClientLike | null | undefined} [client] in place of the page's own: with a token, of another server
 * @property {string | undefined} [url] of the server; by default the page's own
 * @property {string | undefined} [from] as a subscription has it
 * @property {false | "session" | "device" | undefined} [persist]
 * @property {((body: Body) => void) | undefined} [onEvent] each event, at once
 * @property {((snapshot: Record<string, any>) => void) | undefined} [onSnapshot] the first, before any event
 * @property {any} [initial] the value to begin with
 * @property {((value: any, body: Body) => any) | undefined} [reduce] the value after one more event
 * @property {boolean | undefined} [autoReconnect] false: as if `maxReconnectAttempts` were 0
 * @property {number | undefined} [maxReconnectAttempts] that fail in a row, after which `pollingFallback` decides.
 *   Default: no last one
 * @property {boolean | undefined} [pollingFallback] true (the default): from then on look every `pollingInterval`;
 *   false: give up
 * @property {number | undefined} [pollingInterval] milliseconds, 1000 at least; default 3000
 *
 * @typedef {object} Watch
 * @property {WatchOptions} options may be others at any time
 * @property {() => Watched} get
 * @property {(listener: () => void) => () => void} subscribe it is connected while its one listener listens
 * @property {() => void} retryNow
 */

export const OVER = ["completed", "failed", "cancelled"];

/** Milliseconds to a change where no frame comes: in a hidden tab. */
const FRAME_MS = 50;
/** Milliseconds between two looks for the server at least. */
const MIN_POLL_MS = 1000;

/**
 * @param {string | null | undefined} topic
 * @param {string | null | undefined} job
 * @param {string | null} [project]
 * @returns {string} the first that is given, as a topic; "" where none is
 */
export const topicOf = (topic, job, project) => topic || (job ? `jobs/${job}` : project ? `projects/${project}` : "");

/**
 * @param {string | string[] | null | undefined} topics none: nothing is watched
 * @param {WatchOptions} [options]
 * @returns {Watch}
 */
export function watch(topics, options = {}) {
  const { client, url, from, persist, initial: value } = options;
  /** @type {Watched} */
  const next = {
    snapshot: topics?.length ? null : {}, state: "connecting", reason: null, reconnectAttempts: 0, isConnected: false,
    isFallback: false, gap: null, value, hasRun: false,
  };
  let now = { ...next };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let due;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let poll;
  /** Whether it gave up. */
  let isOff = false;
  /** @type {SubscriptionLike | undefined} */
  let held;
  /** @type {(() => void) | undefined} */
  let listener;

  function touch() {
    if (due) return;
    if (!document.hidden) requestAnimationFrame(look);
    due = setTimeout(look, FRAME_MS);
  }

  function look() {
    if (!due) return;
    clearTimeout(due);
    due = undefined;
    now = { ...next };
    listener?.();
  }

  function open() {
    if (!topics?.length || !globalThis.document) return;
    // Who comes back goes on where they were.
    const mine = (client ?? sharedClient(url)).subscribe(topics, { from: held?.lastEventId ?? from, persist });
    let attempts = 0;
    held = mine;
    isOff = false;
    next.state = "connecting";
    mine.on("state", ({ state, reason }) => {
      const { autoReconnect, maxReconnectAttempts = Infinity, pollingFallback = true, pollingInterval = 3000 } = self.options;
      const most = autoReconnect === false ? 0 : maxReconnectAttempts;
      clearTimeout(poll);
      if (state !== "waiting" && state !== "connecting") attempts = 0;
      // It may be told twice that it waits, for another reason.
      else if (state === "waiting" && next.state !== state) attempts += 1;
      const isOver = attempts > most;
      isOff = isOver && !pollingFallback;
      if (isOff) leave();
      else if (isOver && state === "waiting") poll = setTimeout(() => mine.retryNow(), Math.max(MIN_POLL_MS, pollingInterval));
      Object.assign(next, {
        state: isOff ? "refused" : state,
        reason,
        reconnectAttempts: Math.min(attempts, most),
        isConnected: /live|polling|replaying/u.test(state),
        isFallback: state === "polling" || (isOver && !isOff),
      });
      touch();
    });
    mine.on("snapshot", (snapshot) => {
      const before = next.snapshot;
      next.snapshot = snapshot;
      next.hasRun ||= !!snapshot.status && !OVER.includes(snapshot.status);
      touch();
      if (!before) self.options.onSnapshot?.(snapshot);
    });
    mine.on("gap", (gap) => {
      next.gap = gap;
      touch();
    });
    // One that throws keeps nothing from the other.
    mine.on("*", (body) => {
      if (self.options.reduce) next.value = self.options.reduce(next.value, body);
    });
    mine.on("*", (body) => {
      touch();
      self.options.onEvent?.(body);
    });
  }

  function leave() {
    clearTimeout(poll);
    held?.close();
  }

  /** @type {Watch} */
  const self = {
    options,
    get: () => now,
    retryNow() {
      if (isOff) open();
      else held?.retryNow();
    },
    subscribe(fn) {
      listener = fn;
      open();
      return () => {
        listener = undefined;
        leave();
      };
    },
  };
  return self;
}
