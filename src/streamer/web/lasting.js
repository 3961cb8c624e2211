/**
 * A subscription that outlives the page's client: it goes on where it is over the one that takes its place.
 *
 * @module
 */

/** @import { Client } from "./client/client.js" */

export class Lasting {
  #from;
  #left;
  /** @type {[type: string, fn: (detail: any) => void][]} */
  #listeners = [];
  /** @type {ReturnType<Client["subscribe"]> | null} */
  #one = null;

  /**
   * @param {readonly string[]} topics
   * @param {string} from an id
   * @param {() => void} left called when it is closed
   */
  constructor(topics, from, left) {
    this.topics = topics;
    this.#from = from;
    this.#left = left;
  }

  /** Go on over `client`. */
  attach(/** @type {Client} */ client) {
    this.#from = this.#one?.lastEventId ?? this.#from;
    this.#one?.close();
    this.#one = client.subscribe(this.topics, { from: this.#from });
    for (const [type, fn] of this.#listeners) this.#one.on(type, fn);
  }

  on(/** @type {string} */ type, /** @type {(detail: any) => void} */ fn) {
    this.#listeners.push([type, fn]);
    this.#one?.on(type, fn);
  }

  retryNow() {
    this.#one?.retryNow();
  }

  close() {
    this.#one?.close();
    this.#left();
  }
}
