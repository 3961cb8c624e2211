/**
 * What is to be published: in order, each once, however often it must be sent.
 *
 * @module
 */

import { refusalOf } from "./sse.js";

/** @import { Environment } from "./environment.js" */
/** @import { TokenSource, Why } from "./stream.js" */

/** Events that wait; beyond, whoever publishes is told at once. */
const MOST = 1000;
/** Milliseconds for an answer. */
const ANSWER_MS = 30_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;

/** @typedef {{body: string, key: string, done: (answer: {id: string | null}) => void, failed: (error: Error) => void}} Waiting */

export class Outbox {
  #api;
  #token;
  #headers;
  #environment;
  /** @type {Waiting[]} */
  #queue = [];
  #sending = false;
  #closed = false;
  #off;
  #retry = () => {};

  /** @param {{api: string, token: TokenSource | null, headers: Record<string, string>, environment: Environment}} options */
  constructor({ api, token, headers, environment }) {
    this.#api = api;
    this.#token = token;
    this.#headers = headers;
    this.#environment = environment;
    this.#off = environment.listen("online", () => this.#retry());
  }

  /**
   * @param {object} event
   * @param {string} [key]
   * @returns {Promise<{id: string | null}>}
   */
  add(event, key = crypto.randomUUID()) {
    return new Promise((done, failed) => {
      if (this.#queue.length >= MOST) throw new Error(`${MOST} events wait to be published; there is room for no more`);
      this.#queue.push({ body: JSON.stringify(event), key, done, failed });
      this.#send();
    });
  }

  close() {
    this.#closed = true;
    this.#off();
    this.#retry();
    for (const { failed } of this.#queue.splice(0)) failed(new Error("the client was closed before this was published"));
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    let failures = 0;
    /** @type {Why} */
    let why = "connect";
    for (let first = this.#queue[0]; first && !this.#closed; first = this.#queue[0]) {
      const outcome = await this.#post(first, why).catch(() => ({ reason: "lost", retryAfter: undefined, detail: "" }));
      if (this.#closed) break;
      if ("id" in outcome) {
        this.#queue.shift();
        first.done({ id: /** @type {string | null} */ (outcome.id) });
      } else if (outcome.reason === "lost") {
        const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++) * (0.5 + this.#environment.random() / 2);
        await this.#pause(outcome.retryAfter ?? delay);
        continue;
      } else if (outcome.reason === "unauthorized" && typeof this.#token === "function" && why === "connect") {
        why = "unauthorized";
        continue;
      } else {
        this.#queue.shift();
        first.failed(new Error(outcome.detail ?? "The server refuses this event."));
      }
      failures = 0;
      why = "connect";
    }
    this.#sending = false;
  }

  /** @param {Waiting} waiting @param {Why} why */
  async #post({ body, key }, why) {
    const token = typeof this.#token === "function" ? await this.#token(why) : this.#token;
    const timeout = new AbortController();
    const timer = this.#environment.setTimeout(() => timeout.abort(), ANSWER_MS);
    try {
      const answer = await this.#environment.fetch(`${this.#api}/events`, {
        method: "POST",
        body,
        headers: {
          ...this.#headers,
          "Content-Type": "application/json",
          "Idempotency-Key": key,
          ...(token && { Authorization: `Bearer ${token}` }),
        },
        signal: timeout.signal,
      });
      if (answer.status === 201) return /** @type {{id: string | null}} */ (await answer.json());
      return await refusalOf(answer);
    } finally {
      this.#environment.clearTimeout(timer);
    }
  }

  /** @returns {Promise<void>} */
  #pause(/** @type {number} */ ms) {
    return new Promise((done) => {
      const timer = this.#environment.setTimeout(() => done(), ms);
      this.#retry = () => {
        this.#environment.clearTimeout(timer);
        done();
      };
    });
  }
}
