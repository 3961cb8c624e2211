/**
 * One subscription: what somebody listens to, and how far they are.
 *
 * @module
 */

import { isAfter } from "./order.js";

/** @import { Transport } from "./stream.js" */
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
 *
 * @typedef {object} Owner what a subscription asks of its client
 * @property {(one: Subscription) => void} left
 * @property {() => void} retry
 */

/** What a subscription tells itself, and no event of that name is mistaken for. */
const OWN = ["state", "snapshot", "gap", "closed"];

/** Listeners that throw break nobody else; the error is reported as any uncaught one. */
const report = (/** @type {unknown} */ error) => globalThis.reportError?.(error) ?? console.error(error);

export class Subscription {
  #owner;
  /** @type {Map<string, Set<(value: any) => void>>} */
  #listeners = new Map();
  #closed = false;

  /** The position up to which everything was handed on; null before it is known. @type {string | null} */
  lastEventId;
  /** @type {SubscriptionState} */
  state = "connecting";
  /** One sentence for people: why it is not live. @type {string | null} */
  reason = null;
  /** @type {number | null} */
  retryAt = null;
  /** The topic's state, of one topic; null before it is known. @type {Snapshot | null} */
  snapshot = null;
  /** @type {Transport} */
  transport = "sse";

  /**
   * @param {Owner} owner
   * @param {readonly string[]} topics
   * @param {string | null} after
   */
  constructor(owner, topics, after) {
    this.#owner = owner;
    this.topics = topics;
    /** Those of which more may come. @type {Set<string>} */
    this.open = new Set(topics);
    this.lastEventId = after;
    /** Whether the connection began where it is, so that what comes is all that there is. */
    this.covered = false;
    /** Whether the server refuses one of its topics. */
    this.isRefused = false;
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
    const all = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, all.add(fn));
    return () => all.delete(fn);
  }

  /** Connect at once where it waits to. */
  retryNow() {
    this.#owner.retry();
  }

  /** Hear nothing more. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#tell("closed", null);
    this.#listeners.clear();
    this.#owner.left(this);
  }

  /* What the client tells it. */

  /** @param {Body} body an event of its topics */
  take(body) {
    const { id } = body;
    if (this.lastEventId === null || !this.covered || this.state === "ended") return;
    if (typeof id === "string") {
      if (!isAfter(id, this.lastEventId)) return;
      this.lastEventId = id;
    }
    if (!OWN.includes(body.type)) this.#tell(body.type, body);
    this.#tell("*", body);
  }

  /** @param {Body} body a loss that may concern it */
  lost(body) {
    const { until, cursor, reason } = body;
    const isReset = reason === "reset";
    if (typeof until !== "string" || typeof cursor !== "string") return;
    if (this.lastEventId === null || !this.covered || (!isReset && !isAfter(until, this.lastEventId))) return;
    this.lastEventId = isReset ? cursor : until;
    this.#tell("gap", body);
  }

  /** @param {unknown} cursor everything up to there was sent */
  reached(cursor) {
    if (typeof cursor !== "string" || !this.covered) return;
    if (this.lastEventId === null || isAfter(cursor, this.lastEventId)) this.lastEventId = cursor;
  }

  /** @param {Snapshot} snapshot */
  shows(snapshot) {
    if (this.snapshot === snapshot) return;
    this.snapshot = snapshot;
    this.#tell("snapshot", snapshot);
  }

  /** @param {SubscriptionState} state @param {Partial<Told> & {transport?: Transport}} [more] */
  enter(state, { reason = null, retryAt = null, transport = this.transport } = {}) {
    this.transport = transport;
    if (this.state === "ended" || (this.state === state && this.reason === reason && this.retryAt === retryAt)) return;
    Object.assign(this, { state, reason, retryAt });
    this.#tell("state", { state, reason, retryAt });
  }

  #tell(/** @type {string} */ type, /** @type {unknown} */ value) {
    for (const fn of [...(this.#listeners.get(type) ?? [])]) {
      try {
        fn(value);
      } catch (error) {
        report(error);
      }
    }
  }
}
