/**
 * What a component watches: some topics, as a value that changes once a frame, however many events come.
 *
 * @module
 */

import { NOTHING_SAID, remember } from "./progress-bar.js";

/** @import { Memory } from "./progress-bar.js" */

/**
 * @typedef {Readonly<Record<string, any>> & {type: string}} Body an event, as docs/PROTOCOL.md says
 *
 * @typedef {object} SubscriptionLike as much of a subscription as is needed here
 * @property {(type: string, fn: (detail: any) => void) => () => void} on
 * @property {any} snapshot
 * @property {string} state
 * @property {string | null} reason
 * @property {string | null} [transport]
 * @property {() => void} retryNow
 * @property {() => void} close
 *
 * @typedef {{subscribe: (topics: string | string[], options?: any) => SubscriptionLike}} ClientLike
 *
 * @typedef {object} Watched what is known at the moment; never changed, another one takes its place
 * @property {Readonly<Record<string, any>> | null} snapshot null until the server has answered
 * @property {string} state of the connection
 * @property {string | null} reason why there is none, as one sentence
 * @property {number} attempts to connect since the connection was lost
 * @property {boolean} isConnected
 * @property {boolean} isFallback whether it polls, because no stream is possible
 * @property {Body | null} gap the last that told of events that are lost
 * @property {any} value of the events, reduced
 * @property {Memory} memory what a bar has said
 *
 * @typedef {object} WatchOptions
 * @property {string | undefined} [from] as a subscription has it
 * @property {false | "session" | "device" | undefined} [persist]
 * @property {(body: Body) => void} [onEvent] each event, at once
 * @property {(now: Watched) => void} [onChange] before the listeners are called
 * @property {any} [initial] the value to begin with
 * @property {(value: any, body: Body) => any} [reduce] the value after one more event
 *
 * @typedef {object} Watch
 * @property {() => Watched} get
 * @property {(listener: () => void) => () => void} subscribe it is connected while somebody listens
 * @property {() => void} retryNow
 */

/** @type {Watched} */
export const UNKNOWN = {
  snapshot: null, state: "connecting", reason: null, attempts: 0, isConnected: false, isFallback: false,
  gap: null, value: undefined, memory: NOTHING_SAID,
};

/**
 * Milliseconds that a subscription is kept once nobody listens: React's StrictMode, and a list that is sorted anew,
 * take a component away and bring it back at once.
 */
const LINGER_MS = 100;

/** Call once before the next frame. Nothing is drawn in a hidden tab, and no frame comes. */
function soon(/** @type {() => void} */ call) {
  const { document, requestAnimationFrame } = globalThis;
  if (requestAnimationFrame && !document?.hidden) requestAnimationFrame(call);
  else setTimeout(call, 16);
}

/**
 * @param {() => ClientLike} client asked when somebody listens, not before
 * @param {string | string[]} topics
 * @param {WatchOptions} [options]
 * @returns {Watch}
 */
export function watch(client, topics, { onEvent, onChange, initial, reduce, ...options } = {}) {
  let now = { ...UNKNOWN, value: initial };
  let { attempts, gap, value } = now;
  let isDue = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let closing;
  /** @type {SubscriptionLike | null} */
  let held = null;
  /** @type {Set<() => void>} */
  const listeners = new Set();

  function look() {
    isDue = false;
    if (held === null) return;
    const { snapshot, state, reason, transport } = held;
    const isFallback = state === "polling" || transport === "poll";
    const isConnected = ["replaying", "live", "polling"].includes(state);
    now = { ...now, snapshot, state, reason, attempts, isConnected, isFallback, gap, value };
    now.memory = remember(now.memory, now);
    onChange?.(now);
    for (const listener of listeners) listener();
  }

  function touch() {
    if (!isDue) soon(look);
    isDue = true;
  }

  function open() {
    const mine = client().subscribe(topics, options);
    held = mine;
    mine.on("state", (detail) => {
      if (detail.state === "waiting") attempts += 1;
      else if (detail.state !== "connecting") attempts = 0;
      touch();
    });
    mine.on("snapshot", touch);
    mine.on("gap", (body) => {
      gap = body;
      touch();
    });
    mine.on("*", (/** @type {Body} */ body) => {
      // It lingers, for nobody.
      if (listeners.size === 0) return;
      onEvent?.(body);
      if (reduce) value = reduce(value, body);
      touch();
    });
    touch();
  }

  return {
    get: () => now,
    retryNow: () => held?.retryNow(),
    subscribe(listener) {
      clearTimeout(closing);
      listeners.add(listener);
      if (held === null) open();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        closing = setTimeout(() => {
          held?.close();
          held = null;
        }, LINGER_MS);
      };
    },
  };
}
