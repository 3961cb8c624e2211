/**
 * One subscription: what somebody listens to, and how far they are.
 *
 * @module
 */

/** @import { Transport } from "./link.js" */
/** @import { Body, Snapshot } from "./wire.d.ts" */

/**
 * @typedef {"connecting" | "replaying" | "live" | "waiting" | "polling" | "ended" | "refused"} SubscriptionState
 *
 * @typedef {object} Told what a listener to `state` is given
 * @property {SubscriptionState} state
 * @property {string | null} reason one sentence for people: why it is not live; null while it is
 * @property {number | null} retryAt when it tries again; milliseconds since 1970
 *
 * @typedef {{state: Told, snapshot: Snapshot, gap: Body} & {[type: string]: any}} Listened
 */

export class Subscription {
  /** A listener that throws breaks no other, and is reported as the platform does. */
  #told = new EventTarget();

  /** The position up to which everything was handed on; null before it is known. @type {string | null} */
  lastEventId;
  /** @type {SubscriptionState} */
  state = "connecting";
  /** One sentence for people: why it is not live. @type {string | null} */
  reason = null;
  /** @type {number | null} */
  retryAt = null;
  /** The topic's state, of one topic; null before it is known. The same object until it changes. @type {Snapshot | null} */
  snapshot = null;
  /** @type {Transport} */
  transport = "sse";
  /**
   * Whether what comes on the connection is all that comes after `lastEventId`; undefined before anything is known.
   *
   * @type {boolean | undefined}
   * @internal
   */
  covered;
  /** @internal */
  closed = false;

  /**
   * @param {readonly string[]} topics
   * @param {string | null} after
   * @param {() => void} retryNow
   * @param {() => void} left
   */
  constructor(topics, after, retryNow, left) {
    this.topics = topics;
    /** Those of which more may come. @internal */
    this.open = topics;
    this.lastEventId = after;
    /** Connect at once where it waits to. */
    this.retryNow = retryNow;
    /** Hear nothing more. */
    this.close = () => {
      this.closed = true;
      left();
    };
  }

  /**
   * Listen to events of a type, to all of them (`*`), or to `gap`, `state`, `snapshot`.
   *
   * @template {string} T
   * @param {T} type
   * @param {(value: T extends keyof Listened ? Listened[T] : Body) => void} fn
   * @returns {() => void} stops listening
   */
  on(type, fn) {
    const listener = (/** @type {any} */ { detail }) => this.closed || fn(detail);
    this.#told.addEventListener(type, listener);
    return () => this.#told.removeEventListener(type, listener);
  }

  /** @internal */
  tell(/** @type {string} */ type, /** @type {unknown} */ detail) {
    this.#told.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
