/**
 * The page's one connection: over what it goes, as whom, and how it is.
 *
 * It is shared with no other tab: each has a token of its own, and a line that it may cut.
 *
 * @module
 */

import { createClient } from "./client/client.js";
import { Lasting } from "./lasting.js";
import { Line } from "./line.js";

/** @import { Client, ClientOptions } from "./client/client.js" */
/** @import { Feed } from "./feed.js" */

/** @typedef {"auto" | "sse" | "websocket"} Transport what may be chosen */
/** @typedef {Parameters<NonNullable<ClientOptions["getToken"]>>[0]} Why */
/** @typedef {"idle" | "connecting" | "replaying" | "live" | "polling" | "waiting" | "ended" | "refused"} State */

/**
 * @typedef {object} Condition
 * @property {State} state idle: nothing is watched
 * @property {string | null} reason one sentence, why it is not live
 * @property {number | null} retryAt milliseconds since 1970
 * @property {string} over such as `SSE`
 * @property {boolean} isCut
 */

/** @type {State[]} what says most about a connection of several topics, first */
const RANKS = ["waiting", "live", "polling", "replaying", "connecting", "refused", "ended", "idle"];
/** What a person calls each way. @type {Record<string, string>} */
export const NAMES = { sse: "SSE", websocket: "WebSocket", poll: "polling" };

export class Connection {
  #url;
  #token;
  #line;
  /** @type {Transport} */
  #transport = "auto";
  /** @type {Client} */
  #client;
  /** @type {Set<Lasting>} */
  #lasting = new Set();
  /** @type {Map<string, Feed>} by topic */
  feeds = new Map();

  /**
   * @param {string} url the server
   * @param {(why: Why) => Promise<string | null>} token
   * @param {() => void} changed called when the line is cut or whole
   */
  constructor(url, token, changed) {
    this.#url = url;
    this.#token = token;
    this.#line = new Line(() => {
      if (!this.#line.isCut) this.#client.retryNow();
      changed();
    });
    this.#client = this.#open();
  }

  get transport() {
    return this.#transport;
  }

  /** All that is watched. */
  get topics() {
    return [...this.feeds.keys(), ...[...this.#lasting].flatMap(({ topics }) => topics)];
  }

  /** As a client's, of one that goes on when another client takes its place. */
  subscribe(/** @type {readonly string[]} */ topics, /** @type {{from: string}} */ { from }) {
    const one = new Lasting(topics, from, () => this.#lasting.delete(one));
    this.#lasting.add(one);
    one.attach(this.#client);
    return one;
  }

  /** Watch just these topics: those that are watched already go on as they are. */
  watch(/** @type {Iterable<string>} */ topics, /** @type {(topic: string) => Feed} */ begin) {
    const wanted = new Set(topics);
    for (const [topic, feed] of this.feeds) {
      if (wanted.has(topic)) continue;
      feed.close();
      this.feeds.delete(topic);
    }
    for (const topic of wanted) {
      if (this.feeds.has(topic)) continue;
      const feed = begin(topic);
      this.feeds.set(topic, feed);
      feed.attach(this.#client);
    }
  }

  /** Go on over another transport, or as somebody else, where each topic is. */
  reopen(/** @type {Transport} */ transport = this.#transport) {
    this.#transport = transport;
    const before = this.#client;
    this.#client = this.#open();
    for (const one of [...this.feeds.values(), ...this.#lasting]) one.attach(this.#client);
    before.close();
  }

  /** Hear more of a topic that had ended. */
  again(/** @type {Feed} */ feed) {
    feed.attach(this.#client);
  }

  cut() {
    this.#line.cut();
  }

  retryNow() {
    this.#client.retryNow();
  }

  /** How it is, of all topics or of one. @returns {Condition} */
  condition(/** @type {Iterable<Feed>} */ feeds = this.feeds.values()) {
    const all = [...feeds].map(({ subscription }) => subscription).filter((one) => one !== null);
    const state = RANKS.find((rank) => all.some((one) => one.state === rank)) ?? "idle";
    const one = all.find((each) => each.state === state);
    return {
      state,
      reason: one?.reason ?? null,
      retryAt: one?.retryAt ?? null,
      over: NAMES[one?.transport ?? "sse"] ?? "",
      isCut: this.#line.isCut,
    };
  }

  #open() {
    return createClient({
      url: this.#url,
      getToken: this.#token,
      transport: this.#transport,
      share: false,
      environment: { fetch: this.#line.fetch, WebSocket: this.#line.WebSocket },
    });
  }
}
