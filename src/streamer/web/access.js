/**
 * Who the page says it is: a token that a person gave it, for this tab and nowhere else.
 *
 * It is sent in a header. Where there can be none, one for minutes and of what is watched alone is sent
 * instead, which the server makes of it; no address that is shown or remembered has either.
 *
 * @module
 */

import { objectOf, textOf, timeOf } from "./fields.js";

/** @import { Why } from "./connection.js" */
/** @import { Claimed, Problem, Token } from "./client/wire.d.ts" */

/** Where a reload of the page finds it again; another tab does not. */
const KEY = "streamer.token";
/** A token of minutes that is so much shorter than the one before ends with the person's own. */
const SHORTER = 0.8;

export class Access {
  #api;
  #storage;
  #fetch;
  #asked;
  /** @type {string | null} */
  #own;
  /** @type {string | null} */
  #short = null;
  /** Milliseconds for which the last of these was good when it was made. */
  #life = 0;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {string} api the server's address
   * @param {object} options
   * @param {(why: string | null) => void} options.asked called when a person is to give a token, with one sentence,
   *   and with null when that is no longer so
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} [options.storage]
   * @param {typeof globalThis.fetch} [options.fetch]
   */
  constructor(api, { asked, storage = sessionStorage, fetch = globalThis.fetch.bind(globalThis) }) {
    this.#api = api;
    this.#asked = asked;
    this.#storage = storage;
    this.#fetch = fetch;
    this.#own = storage.getItem(KEY);
  }

  /** Whether there is a token. */
  get holds() {
    return this.#own !== null;
  }

  /** Use a token from now on. */
  give(/** @type {string} */ token) {
    this.#own = token;
    this.#short = null;
    this.#life = 0;
    this.#storage.setItem(KEY, token);
    this.#asked(null);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
    return waiting.length > 0;
  }

  /** Have no token any more. */
  forget() {
    this.#own = this.#short = null;
    this.#storage.removeItem(KEY);
  }

  /**
   * What a stream presents: a token of `topics` for minutes. Where there is none, a person is asked for one once the
   * server has asked; their answer is waited for.
   *
   * @param {Why} why
   * @param {readonly string[]} topics
   * @returns {Promise<string | null>} throws an Error where the server cannot make one just now
   */
  async token(why, topics) {
    if (why === "unauthorized" && this.#own === null) await this.#ask("This server asks who you are.");
    while (this.#own !== null) {
      const own = this.#own;
      const { status, said } = await this.#exchange(topics);
      if (own !== this.#own) {
        // Another request found that it is not good any more: a stream without one would be refused for good.
        if (this.#own === null) await this.#ask(textOf(said.detail) ?? "This server asks who you are.");
        continue;
      }
      if (status === 201) {
        const life = timeOf(said.expires_at) - Date.now();
        if (why === "expiring" && life < SHORTER * this.#life) {
          this.#asked("Your token ends in a moment. Give another to stay connected.");
        } else {
          this.#life = life;
        }
        return this.#short;
      }
      // It is one that cannot be exchanged, or not for each of these topics: which of them, the stream is told.
      if (status === 403) {
        // A job may be read by who may read its project, which no token says by its name; its files too.
        const projects = topics.filter((topic) => !topic.startsWith("jobs/"));
        if (projects.length > 0 && projects.length < topics.length) await this.#exchange(projects);
        return own;
      }
      const detail = textOf(said.detail) ?? `The server answered ${status}.`;
      if (status !== 401) throw new Error(detail);
      this.forget();
      await this.#ask(detail);
    }
    return null;
  }

  /** Have the server make a token for minutes. */
  async #exchange(/** @type {readonly string[]} */ topics) {
    const own = this.#own;
    const answer = await this.fetch(`${this.#api}/tokens`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ subscribe: topics }),
    });
    /** @type {Claimed<Token | Problem>} */
    const said = objectOf(await answer.json().catch(() => ({})));
    if (answer.status === 201 && own === this.#own) this.#short = textOf(said.token);
    return { status: answer.status, said };
  }

  /**
   * The JSON object that an address answers; a person is asked for a token where the server wants one.
   *
   * @param {string} url
   * @returns {Promise<Record<string, unknown>>} throws an Error with the server's own sentence
   */
  async get(url) {
    const answer = await this.request(url, { cache: "no-store" });
    const said = objectOf(await answer.json().catch(() => ({})));
    if (answer.ok) return said;
    throw new Error(textOf(said.detail) ?? `The server answered ${answer.status}.`);
  }

  /** As `fetch`; a person is asked for a token where the server wants one. */
  async request(/** @type {string} */ url, /** @type {RequestInit} */ init = {}) {
    for (;;) {
      const own = this.#own;
      const answer = await this.fetch(url, init);
      if (answer.status !== 401) return answer;
      const said = objectOf(await answer.json().catch(() => ({})));
      if (own !== this.#own) continue;
      this.forget();
      await this.#ask(own === null ? "This server asks who you are." : (textOf(said.detail) ?? "The server answered 401."));
    }
  }

  /** As the browser's own `fetch`, with the token. */
  async fetch(/** @type {string} */ url, /** @type {RequestInit} */ init = {}) {
    const headers = new Headers(init.headers);
    if (this.#own !== null) headers.set("Authorization", `Bearer ${this.#own}`);
    return this.#fetch(url, { ...init, headers });
  }

  /**
   * The address of a file of this server for an element that loads it, which can send no header.
   *
   * @param {string} url
   */
  source(url) {
    if (this.#short === null) return url;
    const address = new URL(url);
    address.searchParams.set("token", this.#short);
    return address.href;
  }

  /** @returns {Promise<void>} until there is a token */
  #ask(/** @type {string} */ why) {
    // Whoever was refused first knows why; the others find only that there is none.
    if (this.#waiting.length === 0) this.#asked(why);
    return new Promise((done) => this.#waiting.push(() => done()));
  }
}
