/**
 * The network of this page's client, which a person can cut.
 *
 * @module
 */

/** Milliseconds that a cut lasts: long enough to miss some events. */
export const CUT_MS = 3000;

export class Line {
  #changed;
  /** @type {Set<() => void>} what ends each open connection */
  #open = new Set();
  /** @type {Promise<void> | null} until the cut is over */
  #cut = null;

  /** @param {() => void} changed called when it is cut, and when it is whole again */
  constructor(changed) {
    this.#changed = changed;
    const line = this;
    /** As the browser's own. */
    this.WebSocket = class extends WebSocket {
      /** @param {string | URL} url @param {string | string[]} [protocols] */
      constructor(url, protocols) {
        super(url, protocols);
        const end = () => this.close();
        line.#open.add(end);
        this.addEventListener("close", () => line.#open.delete(end));
        if (line.isCut) end();
      }
    };
  }

  get isCut() {
    return this.#cut !== null;
  }

  /** As the browser's own `fetch`, until the line is cut; while it is, what is asked for has to wait. */
  fetch = async (/** @type {RequestInfo | URL} */ url, /** @type {RequestInit} */ init = {}) => {
    await this.#cut;
    init.signal?.throwIfAborted();
    const own = new AbortController();
    const end = () => own.abort(new TypeError("the connection is cut"));
    init.signal?.addEventListener("abort", () => this.#open.delete(end), { once: true });
    this.#open.add(end);
    return fetch(url, { ...init, signal: init.signal ? AbortSignal.any([init.signal, own.signal]) : own.signal });
  };

  /** End every connection, and let none be opened for a while. */
  cut() {
    if (this.#cut !== null) return;
    this.#cut = new Promise((over) => setTimeout(over, CUT_MS)).then(() => {
      this.#cut = null;
      this.#changed();
    });
    for (const end of this.#open) end();
    this.#open.clear();
    this.#changed();
  }
}
