/**
 * The client: subscriptions of any number of components, on one connection.
 *
 * ```js
 * const client = createClient();
 * const subscription = client.subscribe("jobs/8f3c");
 * subscription.on("progress", (event) => console.log(event.progress));
 * ```
 *
 * `link.js` has the connection, and here it is known how far it is (`position`) and what it told of each topic
 * (`known`). A subscription that is no further behind than the connection is `covered`: what comes is all that it
 * misses, and it drops what it has by its id. One that is further behind is caught up by requests of its own first.
 *
 * @module
 */

import { accessTo } from "./access.js";
import { fold, isOver } from "./fold.js";
import { openLink } from "./link.js";
import { ORIGIN, earliest, isAfter, positionIn } from "./order.js";
import { Subscription } from "./subscription.js";

/** @import { Why } from "./access.js" */
/** @import { Hooks, LinkState, Source, Transport } from "./link.js" */
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
 * one that could not be caught up is tried again.
 */
const LINGER_MS = 1000;

const check = (/** @type {unknown} */ value, /** @type {RegExp} */ shape, /** @type {string} */ what) => {
  if (!shape.test(`${value}`)) throw new TypeError(`${JSON.stringify(value)} is not ${what}`);
};

export function createClient(/** @type {ClientOptions} */ { url = "", getToken, transport = "auto", share = true, headers, maxAttempts = Infinity, environment = {} } = {}) {
  const { location, document, addEventListener, fetch, WebSocket } = globalThis;
  if (!location) check(url, /^https?:/u, "the url of a server: http(s)://…");
  const api = new URL(`${url.replace(/\/$/u, "")}/api/v1`, location?.href).href;
  const authorize = accessTo(api, getToken, headers, environment.fetch ?? fetch);

  /** Those of which more may come. @type {Set<Subscription>} */
  const subscriptions = new Set();
  /** What the connection told of each of its topics, and what came since. @type {{[topic: string]: any}} */
  let known = Object.create(null);
  /** Up to where it told. */
  let position = ORIGIN;
  /** @type {LinkState | undefined} */
  let now;
  /** @type {Promise<Source> | undefined} */
  let source;
  /** @type {Promise<ReturnType<typeof import("./publish.js").openOutbox>> | undefined} */
  let outbox;
  let isAsleep = false;
  const closed = new AbortController();
  const { signal } = closed;

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
    const positions = [...subscriptions].flatMap(({ lastEventId }) => lastEventId ?? []);
    return earliest(positions.filter((id) => id !== ORIGIN)) ?? positions[0];
  }

  /** @returns {Promise<Source>} */
  async function open() {
    const connect = (/** @type {Hooks} */ hooks) => openLink({ api, authorize, transport, maxAttempts, WebSocket: environment.WebSocket ?? WebSocket }, hooks);
    const hooks = { receive, enter, told };
    // A worker and Node have no tabs; nor have those that have no locks, or may not use them.
    const shared = share && (document || environment.locks)
      && (await import("./tabs.js").then(({ openShared }) => openShared(connect, hooks, `${api} ${share}`, environment)).catch(() => null));
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
    known = Object.create(null);
  }

  /** A page that is kept for "back" is not while it has a connection; one that is frozen could lead no other tab. */
  function sleep() {
    isAsleep = true;
    stop();
  }

  /* What comes. */

  /** What one that comes later is told first. */
  const told = () => Object.keys(known)[0] && { type: "connected", cursor: position, snapshots: known };

  function receive(/** @type {any} */ body) {
    const { type, id, topic, topics = [topic], snapshot, snapshots = { [topic]: snapshot } } = body;
    position = positionIn(body) ?? position;
    if (type === "connected") {
      known = Object.assign(Object.create(null), snapshots);
      subscriptions.forEach(cover);
    } else if (type !== "end" && (topic || /^(gap|caught_up)$/u.test(type))) {
      for (const name of topics) if (id && known[name] && isAfter(id, known[name].cursor)) known[name] = fold(known[name], name, body);
      for (const one of subscriptions) if (one.covered) hear(one, body);
    }
  }

  /** One that has no position yet is behind every other. */
  const isBehind = (/** @type {Subscription} */ { lastEventId }, /** @type {string} */ id) => !lastEventId || isAfter(id, lastEventId);

  /** @param {Subscription} one @param {any} [body] an event, a `gap` or a `caught_up` */
  function hear(one, body = {}) {
    const { type, topic, topics = [topic] } = body;
    const isGap = type === "gap";
    const isReset = isGap && body.reason === "reset";
    const until = isGap ? body.until : body.id;
    const isNew = isReset || !until || isBehind(one, until);
    // Ids increase over all topics: whoever is not concerned has had all up to here. At a reset they went back; at
    // another gap events up to `until` may come, those of another topic.
    const at = isReset ? until : positionIn(body);
    if (isReset || (at && isBehind(one, at))) one.lastEventId = at;
    const state = known[`${one.topics}`];
    if (state && state !== one.snapshot) one.tell("snapshot", (one.snapshot = state));
    if (isNew && type && type !== "caught_up" && (!topic || one.topics.some((name) => topics.includes(name)))) {
      // An event that somebody named so is not taken for ours.
      if (!/^(state|snapshot)$/u.test(type)) one.tell(type, body);
      if (!isGap) one.tell("*", body);
    }
    // On a connection of other topics too the server does not say that a job is over.
    one.open = one.open.filter((name) => !/^jobs\//u.test(name) || !known[name] || !isOver(known[name]) || isBehind(one, known[name].cursor));
    if (!one.open[0]) end(one);
  }

  /** See whether the connection brings all that a subscription misses. */
  function cover(/** @type {Subscription} */ one) {
    const cursors = one.open.map((topic) => known[topic]?.cursor);
    one.covered = false;
    if (cursors.includes(undefined) || !subscriptions.has(one)) return;
    // What the states have in them already is not told once more.
    const first = /** @type {string} */ (earliest(cursors));
    one.lastEventId ??= isAfter(position, first) ? position : first;
    one.covered = !isBehind(one, position);
    hear(one);
    if (!one.covered) {
      import("./poll.js")
        .then(({ catchUp }) => catchUp(one, authorize, () => isBehind(one, position) && subscriptions.has(one), hear))
        .then(() => cover(one), () => setTimeout(cover, LINGER_MS, one));
    }
    tell(one);
  }

  /* What is told of the connection. */

  function enter(/** @type {LinkState} */ state) {
    now = state;
    const { refusals } = state;
    for (const one of subscriptions) {
      const named = one.open.find((topic) => refusals?.has(topic));
      // A connection of several topics is refused for one of them: the others go on without.
      if (!refusals?.size) tell(one);
      else if (named) {
        subscriptions.delete(one);
        become(one, "refused", refusals.get(named));
        plan();
      }
    }
  }

  function tell(/** @type {Subscription} */ one) {
    if (!now || !subscriptions.has(one)) return;
    const { state, cursor, transport, reason, retryAt } = now;
    one.transport = transport;
    if (state !== "ended") become(one, /live|polling/u.test(state) && !one.covered ? "replaying" : state, reason, retryAt);
    else if (!cursor || !isBehind(one, cursor)) end(one);
    else if (!known[one.open[0] ?? ""]) plan();
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

  for (const type of "online visibilitychange pageshow resume pagehide freeze".split(" ")) {
    // A page may be frozen and resumed without being seen.
    const happened = () => (/hide|freeze/u.test(type) ? sleep() : (type !== "resume" && document?.hidden) || wake());
    // While they are captured: some are the document's, and do not bubble.
    addEventListener?.(type, happened, { capture: true, signal });
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
      check(from, /^(latest|earliest|\d+-\d+)$/u, '"latest", "earliest" or an id');
      signal.throwIfAborted();
      const begin = async () => {
        if (one.closed) return;
        subscriptions.add(one);
        plan();
        // Whoever subscribes has had the time to listen.
        await null;
        tell(one);
        cover(one);
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
      if (persist) import("./storage.js").then(({ keep }) => keep(one, `${api} ${names}`, persist, signal)).then(begin, begin);
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
      yield* (await import("./iterate.js")).iterate(this, topics, options);
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
    async publish(topic, type, fields, { idempotencyKey } = {}) {
      /** It may be the first thing that is wanted without a network. @returns {Promise<typeof import("./publish.js")>} */
      const load = () => import("./publish.js").catch(async () => {
        await new Promise((again) => setTimeout(again, LINGER_MS));
        signal.throwIfAborted();
        return load();
      });
      outbox ??= load().then(({ openOutbox }) => openOutbox(authorize, signal));
      return (await outbox)({ ...fields, topic, type }, idempotencyKey);
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
