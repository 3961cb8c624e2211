/**
 * The client: subscriptions of any number of components, on one connection.
 *
 * ```js
 * const client = createClient();
 * const subscription = client.subscribe("jobs/8f3c");
 * subscription.on("progress", (event) => console.log(event.progress));
 * ```
 *
 * Here is what is wanted, and how the connection is, which `link.js` makes. What comes of it is for `feed.js`; that, and
 * whatever else no first request needs, is in `more.js`, which is loaded beside it.
 *
 * @module
 */

import { accessTo } from "./access.js";
import { openLink } from "./link.js";
import { ORIGIN, compare } from "./order.js";
import { Subscription } from "./subscription.js";

/** @import { Why } from "./access.js" */
/** @import { Hooks, LinkState, Source, Transport } from "./link.js" */
/** @import { More } from "./more.js" */
/** @import { Body } from "./wire.d.ts" */

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
 * @property {number} [rate] batches of events a second at most, 0.1 to 50: progress the newest, an answer's pieces joined
 * @property {Environment} [environment] in place of the browser's own
 *
 * @typedef {object} Environment
 * @property {typeof globalThis.fetch} [fetch]
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {Pick<LockManager, "request">} [locks]
 * @property {new (name: string) => Pick<BroadcastChannel, "close" | "onmessage" | "postMessage">} [BroadcastChannel]
 *
 * @typedef {object} SubscribeOptions
 * @property {string | undefined} [from] "latest" (the default): the snapshot, then what is new; "earliest": from the
 *   first event that is kept; an id: what came after it
 * @property {false | "session" | "device" | undefined} [persist] keep the position over a reload ("session", of this
 *   tab) or for as long as the browser keeps its data ("device"), and go on from there
 *
 * @typedef {ReturnType<typeof createClient>} Client
 */

/**
 * Milliseconds after which a topic that nobody listens to is left, for a component may only be drawn anew; and until
 * what could not be loaded is asked for again.
 */
const LINGER_MS = 1000;

const check = (/** @type {unknown} */ value, /** @type {RegExp} */ shape, /** @type {string} */ what) => {
  if (!shape.test(`${value}`)) throw new TypeError(`${JSON.stringify(value)} is not ${what}`);
};

export function createClient(/** @type {ClientOptions} */ { url = "", getToken, transport = "auto", share = true, headers, maxAttempts = Infinity, rate, environment = {} } = {}) {
  const { location, document } = globalThis;
  if (!location) check(url, /^https?:/u, "a url, http(s)://");
  const api = new URL(`${url.replace(/\/$/u, "")}/api/v1`, location?.href).href;
  const authorize = accessTo(api, getToken, headers, environment.fetch ?? fetch);

  /** Those of which more may come. @type {Set<Subscription>} */
  const subscriptions = new Set();
  /** @type {LinkState | undefined} */
  let now;
  /** @type {Promise<Source> | undefined} */
  let source;
  /** @type {More | undefined} */
  let more;
  let isAsleep = false;
  const closed = new AbortController();
  const { signal } = closed;

  async function load() {
    const { openMore } = await import("./more.js");
    return (more ??= openMore({ subscriptions, authorize, tell, end, wake, sleep, signal }));
  }

  /** It may be the first thing that is wanted, and without a network. @returns {Promise<More>} */
  const loadAtLast = () => load().catch(async () => {
    await new Promise((again) => setTimeout(again, LINGER_MS));
    signal.throwIfAborted();
    return loadAtLast();
  });

  /* What is wanted. */

  /** Ask for what is wanted now, once everybody who asks in this moment has. */
  async function plan() {
    await null;
    if (isAsleep || signal.aborted) return;
    const topics = [...new Set([...subscriptions].flatMap((one) => one.open))];
    if (topics[0]) (await (source ??= open())).want(topics, first);
    else stop();
  }

  /** Relative to the origin nothing is lost: from there others would not be told what they missed. */
  function first() {
    const positions = [...subscriptions].flatMap(({ lastEventId }) => lastEventId ?? []).sort(compare);
    return positions.find((id) => id !== ORIGIN) ?? positions[0];
  }

  /** @returns {Promise<Source>} */
  async function open() {
    const connect = (/** @type {Hooks} */ hooks) => openLink({ api, authorize, load, transport, maxAttempts, rate, environment }, hooks);
    /** @type {Hooks} */
    const hooks = { receive: (body, signal) => more?.receive(body, signal), enter };
    // A worker and Node have no tabs; nor have those that have no locks, or may not use them.
    const shared = share && (document || environment.locks)
      && (await load().then(({ openShared, told }) => openShared(connect, { ...hooks, told }, `${api} ${share}`, environment)).catch(() => null));
    return shared || connect(hooks);
  }

  /** Connect at once where it waits to, or was refused. */
  async function wake() {
    isAsleep = false;
    plan();
    (await source)?.wake();
  }

  function stop() {
    source?.then((one) => one.close());
    source = now = undefined;
    more?.forget();
  }

  /** A page that is kept for "back" is not while it has a connection; one that is frozen could lead no other tab. */
  function sleep() {
    isAsleep = true;
    stop();
  }

  /* How the connection is. */

  function enter(/** @type {LinkState} */ state) {
    now = state;
    const { topic, reason } = state;
    for (const one of subscriptions) {
      if (!topic) tell(one);
      else if (one.open.includes(topic)) {
        // A connection of several topics is refused for one of them: the others go on without.
        subscriptions.delete(one);
        become(one, "refused", reason);
        plan();
      }
    }
  }

  function tell(/** @type {Subscription} */ one) {
    if (!now || !subscriptions.has(one)) return;
    const { state, transport, reason, retryAt } = now;
    one.transport = transport;
    const isBehind = one.covered === false && /live|polling|ended/u.test(state);
    if (state === "ended" && !isBehind) end(one);
    else become(one, isBehind ? "replaying" : state, reason, retryAt);
  }

  /** @param {Subscription} one @param {LinkState["state"]} state @param {string | null} [reason] @param {number | null} [retryAt] */
  function become(one, state, reason = null, retryAt = null) {
    if (one.state === state && one.retryAt === retryAt) return;
    const told = { state, reason, retryAt };
    one.tell("state", Object.assign(one, told) && told);
  }

  function end(/** @type {Subscription} */ one) {
    subscriptions.delete(one);
    become(one, "ended");
    if (!subscriptions.size) plan();
  }

  return {
    /**
     * @param {string | readonly string[]} topics such as "projects/demo" or "jobs/8f3c"
     * @param {SubscribeOptions} [options]
     * @returns {Subscription}
     */
    subscribe(topics, { from = "latest", persist } = {}) {
      const names = [...new Set([topics].flat())];
      // One at least; how long one may be, and how many, the server says.
      for (const name of names[0] ? names : [""]) check(name, /^[\w.~-]+(\/[\w.~-]+)*$/u, "a topic");
      check(from, /^(latest|earliest|\d+-\d+)$/u, "latest, earliest or an id");
      signal.throwIfAborted();
      const begin = async () => {
        if (one.closed) return;
        subscriptions.add(one);
        plan();
        // Whoever subscribes has had the time to listen.
        await null;
        tell(one);
        more?.cover(one);
      };
      const one = new Subscription(
        names,
        from === "latest" ? null : from === "earliest" ? ORIGIN : from,
        () => {
          if (one.state === "refused") begin();
          wake();
        },
        () => {
          subscriptions.delete(one);
          if (!signal.aborted) setTimeout(plan, LINGER_MS);
        },
      );
      // Without a store it begins where it would without the option.
      if (persist) load().then(({ keep }) => keep(one, `${api} ${names}`, persist, signal)).then(begin, begin);
      else begin();
      return one;
    },

    /**
     * The events, for `for await`; leaving the loop ends it. Gaps are among them, as what they are.
     *
     * @param {string | readonly string[]} topics
     * @param {SubscribeOptions} [options]
     * @returns {AsyncGenerator<Body, void, void>} ends where no more will come; throws where it is refused
     */
    async *stream(topics, options) {
      yield* (await loadAtLast()).iterate(this, topics, options);
    },

    /**
     * Publish an event, now or once there is a connection, once.
     *
     * @param {string} topic
     * @param {string} type
     * @param {Record<string, unknown>} [fields]
     * @param {{idempotencyKey?: string}} [options]
     * @returns {Promise<{id: string | null}>} rejected where it is refused, or too many wait
     */
    async publish(topic, type, fields, options) {
      return (await loadAtLast()).publish({ ...fields, topic, type }, options);
    },

    /** Connect at once where it waits to. */
    retryNow: wake,

    /** End all of it. What was not published yet is not. */
    close() {
      closed.abort(new Error("the client is closed"));
      for (const one of subscriptions) one.close();
      sleep();
    },
  };
}
