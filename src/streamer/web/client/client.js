/**
 * The client: subscriptions of any number of components, on one connection.
 *
 * ```js
 * const client = createClient();
 * const subscription = client.subscribe("jobs/8f3c");
 * subscription.on("progress", (event) => console.log(event.progress));
 * ```
 *
 * @module
 */

import { browser } from "./environment.js";
import { fold } from "./fold.js";
import { isAfter } from "./order.js";
import { openLink } from "./source.js";
import { Subscription } from "./subscription.js";

/** @import { Environment } from "./environment.js" */
/** @import { Hooks, LinkState, Source, Wants } from "./source.js" */
/** @import { Transport, Why } from "./stream.js" */
/** @import { Body, Snapshot } from "./wire.d.ts" */

/**
 * @typedef {object} ClientOptions
 * @property {string} [url] the server, with the prefix that a proxy gave it; by default the page's own origin
 * @property {(why: Why) => string | null | Promise<string | null>} [getToken] asked for a token before each
 *   connection ("connect"), before an open one's token ends ("expiring"), and once where it was refused
 *   ("unauthorized"); null is none
 * @property {"auto" | Transport} [transport] auto: SSE, else WebSocket, else poll, and back
 * @property {boolean | string} [share] one connection for all tabs of this origin; a text instead: only with
 *   those that give the same, as where tabs have different users
 * @property {Record<string, string>} [headers] sent with each request; a WebSocket can have none
 * @property {number} [maxAttempts] failures in a row after which it gives up; by default it never does
 * @property {Partial<Environment>} [environment] clocks and connections, for tests
 *
 * @typedef {object} SubscribeOptions
 * @property {string} [from] "latest" (the default): the snapshot, then what is new; "earliest": from the first
 *   event that is kept; an id: what came after it
 * @property {false | "session" | "device"} [persist] keep the position over a reload ("session", of this tab) or
 *   for as long as the browser keeps its data ("device"), and go on from there
 */

/** Milliseconds after which a topic that nobody listens to is left: a component may only be drawn anew. */
const LINGER_MS = 1000;
/** Topics of one connection: a server's limit. */
const MAX_TOPICS = 100;

const TOPIC = /^[\w.~-]{1,64}(\/[\w.~-]{1,64}){0,7}$/u;
const ID = /^\d{1,15}-\d{1,20}$/u;

/** @param {ClientOptions} [options] @returns {Client} */
export const createClient = (options) => new Client(options);

export class Client {
  #environment;
  #options;
  #link;
  /** @type {Set<Subscription>} */
  #subscriptions = new Set();
  /** Those whose position is still being looked up. @type {Set<Subscription>} */
  #unready = new Set();
  /** By topic: its state, and how far it was heard. @type {Map<string, {snapshot: Snapshot, cursor: string}>} */
  #known = new Map();
  /** @type {Promise<Source> | null} */
  #source = null;
  /** @type {LinkState} */
  #state = { state: "connecting", cause: null, transport: "sse" };
  /** Whether what is open is being extended: those who are live stay so. */
  #moving = false;
  #planned = false;
  #timer = 0;
  #closed = false;
  /** @type {(() => void)[]} */
  #off;
  /** @type {Promise<import("./publish.js").Outbox> | null} */
  #outbox = null;

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    const { url = "", getToken = null, transport = "auto", headers = {}, maxAttempts = Infinity, environment = {} } = options;
    this.#options = options;
    this.#environment = { ...browser(), ...environment };
    const { location } = globalThis;
    if (!location && !/^https?:/u.test(url)) throw new TypeError(`url must be http(s)://…, not ${JSON.stringify(url)}`);
    const api = new URL(`${url.replace(/\/+$/u, "")}/api/v1`, location?.href).href;
    this.#link = { api, transport, token: getToken, headers, maxAttempts, environment };
    const wake = async () => (await this.#source)?.wake();
    const sleep = async () => (await this.#source)?.sleep();
    const rise = () => this.retryNow();
    const { listen } = this.#environment;
    this.#off = [
      listen("online", wake),
      listen("offline", () => this.#tellAll()),
      listen("visibilitychange", () => globalThis.document?.hidden || wake()),
      // A page that is left is kept for "back", which it is not while it has a connection; one that is frozen
      // reads nothing, and could lead no other tab.
      listen("pagehide", sleep),
      listen("freeze", sleep),
      listen("resume", rise),
      listen("pageshow", (event) => /** @type {PageTransitionEvent} */ (event).persisted && rise()),
    ];
  }

  /**
   * @param {string | readonly string[]} topics such as "projects/demo" or "jobs/8f3c"
   * @param {SubscribeOptions} [options]
   * @returns {Subscription}
   */
  subscribe(topics, { from = "latest", persist = false } = {}) {
    const names = [...new Set([topics].flat())];
    for (const name of names) if (!TOPIC.test(name)) throw new TypeError(`${JSON.stringify(name)} is not a topic`);
    if (names.length < 1 || names.length > MAX_TOPICS) throw new RangeError(`1 to ${MAX_TOPICS} topics, not ${names.length}`);
    if (!["latest", "earliest"].includes(from) && !ID.test(from)) throw new TypeError(`from is "latest", "earliest" or an id, not ${JSON.stringify(from)}`);
    if (this.#closed) throw new Error("the client is closed");
    const owner = { left: (/** @type {Subscription} */ one) => this.#left(one), retry: () => this.#again(one) };
    /** @type {Subscription} */
    const one = new Subscription(owner, names, from === "latest" ? null : from === "earliest" ? "0-0" : from);
    this.#subscriptions.add(one);
    if (persist) {
      this.#unready.add(one);
      import("./storage.js")
        .then((storage) => storage.keep(one, `${this.#link.api} ${names.join(" ")}`, persist, this.#environment))
        // Without a store it begins where it would without the option.
        .catch(() => {})
        .then(() => {
          this.#unready.delete(one);
          this.#join(one);
        });
    } else {
      this.#join(one);
    }
    return one;
  }

  /**
   * The events, for `for await`; leaving the loop ends it. Gaps are among them, as what they are.
   *
   * @param {string | readonly string[]} topics
   * @param {SubscribeOptions} [options]
   * @returns {AsyncGenerator<Body, void, void>} ends where no more will come; throws where it is refused
   */
  async *stream(topics, options) {
    const { iterate } = await import("./iterate.js");
    yield* iterate(this, topics, options);
  }

  /**
   * Publish an event, now or once there is a connection, once.
   *
   * @param {string} topic
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @param {{idempotencyKey?: string}} [options]
   * @returns {Promise<{id: string | null}>} rejected where it is refused, or too many wait
   */
  async publish(topic, type, fields = {}, { idempotencyKey } = {}) {
    if (this.#closed) throw new Error("the client is closed");
    const { api, token, headers } = this.#link;
    this.#outbox ??= import("./publish.js").then(({ Outbox }) => new Outbox({ api, token, headers, environment: this.#environment }));
    return (await this.#outbox).add({ ...fields, topic, type }, idempotencyKey);
  }

  /** Connect at once where it waits to. */
  async retryNow() {
    (await this.#source)?.retry();
  }

  /** End all of it. What was not published yet is not. */
  close() {
    this.#closed = true;
    for (const off of this.#off) off();
    for (const one of [...this.#subscriptions]) one.close();
    this.#environment.clearTimeout(this.#timer);
    this.#source?.then((source) => source.close());
    this.#outbox?.then((outbox) => outbox.close());
    this.#source = null;
  }

  #join(/** @type {Subscription} */ one) {
    const [topic = ""] = one.topics;
    const known = one.topics.map((name) => this.#known.get(name));
    if (known.every((entry) => entry !== undefined) && this.#isOpen()) {
      if (one.lastEventId === null) {
        one.covered = true;
        for (const { cursor } of known) one.reached(cursor);
      }
      const snapshot = this.#known.get(topic)?.snapshot;
      // Told once whoever subscribes has had the time to listen.
      queueMicrotask(() => {
        if (one.topics.length === 1 && snapshot) one.shows(snapshot);
        this.#tell(one);
      });
    }
    this.#plan();
  }

  #left(/** @type {Subscription} */ one) {
    this.#subscriptions.delete(one);
    this.#environment.clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = this.#environment.setTimeout(() => this.#plan(), LINGER_MS);
  }

  /** Ask for what is wanted now, once everybody who asks in this moment has. */
  #plan() {
    if (this.#planned || this.#closed) return;
    this.#planned = true;
    queueMicrotask(async () => {
      this.#planned = false;
      /** @type {Wants} */
      const wants = new Map();
      let isFresh = false;
      for (const one of this.#subscriptions) {
        if (this.#unready.has(one) || one.isRefused) continue;
        for (const topic of one.open) {
          const cursor = wants.get(topic);
          const own = one.lastEventId;
          isFresh ||= own === null;
          if (!cursor || (own !== null && isAfter(cursor, own))) wants.set(topic, own);
        }
      }
      for (const topic of this.#known.keys()) if (!wants.has(topic)) this.#known.delete(topic);
      if (wants.size === 0 && this.#source === null) return;
      this.#moving = this.#isOpen();
      this.#source ??= this.#open();
      const source = await this.#source;
      if (!this.#closed) source.want(wants, isFresh);
    });
  }

  /** @returns {Promise<Source>} */
  async #open() {
    /** @type {Hooks} */
    const hooks = {
      receive: (body) => this.#receive(body),
      state: (state) => {
        this.#state = state;
        if (!["connecting", "replaying"].includes(state.state)) this.#moving = false;
        if (state.state === "refused") this.#refused();
        else this.#tellAll();
      },
    };
    const { share = true } = this.#options;
    const { locks, BroadcastChannel } = this.#environment;
    if (share && locks && BroadcastChannel) {
      const tabs = await import("./tabs.js").catch(() => null);
      if (tabs) return tabs.openShared(this.#link, hooks, { name: `${this.#link.api} ${share}`, locks, BroadcastChannel, environment: this.#environment });
    }
    return openLink(this.#link, hooks);
  }

  /** Ask again, also what was refused. */
  #again(/** @type {Subscription} */ one) {
    if (one.isRefused) {
      one.isRefused = false;
      this.#plan();
    } else {
      this.retryNow();
    }
  }

  /** A connection of several topics is refused for one of them: the others go on without. */
  async #refused() {
    const those = [...this.#subscriptions].filter((one) => !one.isRefused);
    const topics = new Set(those.flatMap((one) => [...one.open]));
    if (topics.size > 1) {
      try {
        const { refusedOf } = await import("./refusals.js");
        const refused = await refusedOf([...topics], this.#link, this.#environment);
        if (this.#closed) return;
        for (const one of those) {
          const named = one.topics.find((topic) => refused.has(topic));
          if (named === undefined) continue;
          one.enter("refused", { reason: refused.get(named) ?? null });
          one.isRefused = true;
        }
        if (refused.size > 0 && refused.size < topics.size) return this.#plan();
      } catch {
        // What cannot be asked is told as it was: all of it is refused.
      }
    }
    if (this.#state.state === "refused") this.#tellAll();
  }

  #isOpen() {
    return this.#state.state === "live" || this.#state.state === "replaying";
  }

  #tellAll() {
    for (const one of this.#subscriptions) this.#tell(one);
  }

  #tell(/** @type {Subscription} */ one) {
    const { state, detail, retryAt, transport, cause } = this.#state;
    if (one.isRefused) return;
    if (this.#moving && (one.state === "live" || one.state === "polling")) return;
    if (state === "live") {
      one.enter(one.lastEventId === null ? "connecting" : transport === "poll" ? "polling" : "live", { transport });
    } else if (state === "waiting") {
      const reason = !this.#environment.online() ? "This device is offline."
        : cause === "draining" ? "The server is restarting."
        : detail ?? "The server cannot be reached.";
      one.enter("waiting", { reason, retryAt: retryAt ?? null, transport });
    } else if (state === "refused") {
      one.enter("refused", { reason: detail ?? "The server refuses this stream.", transport });
    } else if (state === "ended") {
      this.#end(one);
    } else {
      one.enter(state === "idle" ? "connecting" : state, { transport });
    }
  }

  #end(/** @type {Subscription} */ one) {
    one.open.clear();
    one.enter("ended");
  }

  #receive(/** @type {Body} */ body) {
    const { type } = body;
    const named = /** @type {string[]} */ (Array.isArray(body.topics) ? body.topics : body.topic ? [body.topic] : []);
    const concerned = () => [...this.#subscriptions].filter((one) => one.topics.some((topic) => named.includes(topic)));
    if (type === "connected") this.#connected(/** @type {any} */ (body));
    else if (type === "caught_up") for (const one of this.#subscriptions) one.reached(body.cursor);
    else if (type === "gap") for (const one of named.length ? concerned() : this.#subscriptions) one.lost(body);
    else if (type === "end") this.#over(named);
    else if (named.length && !ANSWERS.has(type)) {
      for (const topic of named) {
        const entry = this.#known.get(topic);
        if (entry === undefined || typeof body.id !== "string" || !isAfter(body.id, entry.snapshot.cursor)) continue;
        this.#known.set(topic, { snapshot: fold(entry.snapshot, topic, body), cursor: body.id });
      }
      // Ids increase over all topics: whoever heard nothing has had all up to here.
      const told = concerned();
      for (const one of this.#subscriptions) if (!told.includes(one)) one.reached(body.id);
      for (const one of told) {
        const [topic = ""] = one.topics;
        const snapshot = this.#known.get(topic)?.snapshot;
        if (one.topics.length === 1 && snapshot) one.snapshot === snapshot || one.shows(snapshot);
        one.take(body);
      }
      // On a connection of other topics too the server does not say that a job is over.
      const isEnd = ["completed", "error"].includes(type) || (type === "status" && body.status === "cancelled");
      if (isEnd) this.#over(named.filter((topic) => typeof body.job_id === "string" && topic === `jobs/${body.job_id}`));
    }
  }

  /** @param {{cursor: string, topic?: string, snapshot?: Snapshot, snapshots?: Record<string, Snapshot>}} body */
  #connected({ cursor, topic = "", snapshot, snapshots: many = snapshot ? { [topic]: snapshot } : {} }) {
    const snapshots = Object.fromEntries(Object.entries(many ?? {}).filter(([, state]) => typeof state?.cursor === "string"));
    if (typeof cursor !== "string") return;
    for (const [name, state] of Object.entries(snapshots)) this.#known.set(name, { snapshot: state, cursor: state.cursor });
    for (const one of this.#subscriptions) {
      const states = [...one.open].map((name) => snapshots[name]);
      const [first] = states;
      const isAll = !this.#unready.has(one) && states.every((state) => state !== undefined);
      const isNew = one.lastEventId === null;
      if (isAll && isNew) {
        // What the states have in them already is not told once more.
        one.lastEventId = states.reduce((low, state) => (state && isAfter(low, state.cursor) ? state.cursor : low), first?.cursor ?? "0-0");
      }
      one.covered = isAll && (isNew || !isAfter(cursor, one.lastEventId ?? cursor));
      if (one.topics.length === 1 && first) one.shows(first);
    }
  }

  #over(/** @type {string[]} */ topics) {
    for (const one of this.#subscriptions) {
      for (const topic of topics) one.open.delete(topic);
      if (one.open.size === 0) this.#end(one);
    }
  }
}

/** Answers to a connection, which are no events though they name a topic. */
const ANSWERS = new Set(["subscribed", "unsubscribed", "expiring", "expired", "moved", "reconnect", "refreshed", "refused", "pong"]);
