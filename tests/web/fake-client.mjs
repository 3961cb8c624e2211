/**
 * A client without a network: a test says what comes of each subscription.
 *
 * @module
 */

export class FakeSubscription {
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {any} */
  snapshot = null;
  state = "connecting";
  /** @type {string | null} */
  reason = null;
  /** @type {string | null} */
  lastEventId = null;
  isClosed = false;
  retries = 0;
  /** What listeners threw. @type {unknown[]} */
  errors = [];

  /** @param {string} type @param {(detail: any) => void} fn */
  on(type, fn) {
    const all = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, all.add(fn));
    return () => all.delete(fn);
  }

  retryNow() {
    this.retries += 1;
  }

  close() {
    this.isClosed = true;
    this.#listeners.clear();
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    for (const fn of this.#listeners.get(type) ?? []) {
      try {
        fn(detail);
      } catch (error) {
        // As a subscription does: one that throws keeps nothing from the others.
        this.errors.push(error);
      }
    }
  }

  /** The connection is in another state. */
  become(/** @type {string} */ state, /** @type {string | null} */ reason = null) {
    this.state = state;
    this.reason = reason;
    this.#tell("state", { state, reason, retryAt: state === "waiting" ? 1 : null });
  }

  /** The topic's state is another one. */
  know(/** @type {any} */ snapshot) {
    this.snapshot = snapshot;
    this.#tell("snapshot", snapshot);
  }

  /** One event, and the snapshot with it, as the client does it. */
  receive(/** @type {any} */ body, /** @type {any} */ snapshot = this.snapshot) {
    if (body.id) this.lastEventId = body.id;
    if (snapshot) this.know(snapshot);
    this.#tell(body.type, body);
    this.#tell("*", body);
  }

  lose(/** @type {any} */ gap) {
    this.#tell("gap", gap);
  }
}

export class FakeClient {
  /** @type {{topics: string | string[], options: any, subscription: FakeSubscription}[]} */
  asked = [];

  /** @param {string | string[]} topics @param {any} [options] */
  subscribe(topics, options) {
    const subscription = new FakeSubscription();
    this.asked.push({ topics, options, subscription });
    return subscription;
  }

  /** The subscription that was opened last. */
  get last() {
    return /** @type {FakeSubscription} */ (this.asked.at(-1)?.subscription);
  }

  get open() {
    return this.asked.filter(({ subscription }) => !subscription.isClosed).length;
  }
}

/** Timers that run when the test says so, of a page that is hidden: no frame comes there, so that those are timers too. */
export class HeldTimers {
  #now = 0;
  /** @type {Map<number, {at: number, call: () => void}>} */
  #timers = new Map();
  #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };

  constructor() {
    let last = 0;
    Object.assign(globalThis, {
      document: { hidden: true },
      setTimeout: (/** @type {() => void} */ call, /** @type {number} */ ms) => {
        this.#timers.set((last += 1), { at: this.#now + ms, call });
        return last;
      },
      clearTimeout: (/** @type {number} */ timer) => this.#timers.delete(timer),
    });
  }

  /** Let so many milliseconds pass. */
  pass(ms = 50) {
    this.#now += ms;
    for (const [timer, { at, call }] of this.#timers) {
      if (at > this.#now) continue;
      this.#timers.delete(timer);
      call();
    }
  }

  release() {
    Object.assign(globalThis, this.#real);
  }
}
