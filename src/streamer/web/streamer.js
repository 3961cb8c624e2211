/**
 * A stream of events that survives its connections.
 *
 * ```js
 * const stream = new Stream("/api/v1/projects/demo/stream");
 * stream.addEventListener("event", ({ detail }) => console.log(detail.body));
 * stream.open();
 * ```
 *
 * However often the connection is lost, switched or cut, each event is
 * dispatched once, in the order of the log; a `gap` control says so when the
 * server could not keep that promise.
 *
 * @module
 */

import { isBody, numberOf, textOf } from "./fields.js";
import { SeenIds } from "./seen-ids.js";
import { openSse } from "./transports/sse.js";
import { openWebSocket } from "./transports/websocket.js";

/** @import { Body } from "./wire.d.ts" */

/**
 * @typedef {{reason: "lost" | "refused" | "ended", detail?: string | undefined}} Closed
 *   lost: come back; refused: the same request will be refused again; ended: no more will come
 *
 * @typedef {object} Sink what a transport reports to
 * @property {(text: string) => void} frame
 * @property {(outcome: Closed) => void} closed
 *
 * @typedef {"sse" | "websocket"} Transport
 *
 * @typedef {"idle" | "connecting" | "replaying" | "live" | "waiting" | "ended" | "refused"} State
 *
 * @typedef {object} StateDetail the detail of a `state` event
 * @property {State} state
 * @property {"lost" | "cut" | "draining" | null} cause why it is waiting
 * @property {string | undefined} [detail] one sentence from the server, where it gave one
 * @property {number} [retryAt] when it tries again; milliseconds since 1970
 *
 * @typedef {object} StreamEvents the detail of each event that a stream dispatches, by its type
 * @property {{body: Body, replayed: boolean}} event
 * @property {{body: Body}} control
 * @property {StateDetail} state
 * @property {{body: Body}} duplicate
 *
 * @typedef {object} Environment the browser, as much of it as a stream needs
 * @property {new (url: string) => Pick<EventSource, "close" | "onerror" | "onmessage" | "readyState">} EventSource
 * @property {new (url: string) => Pick<WebSocket, "close" | "onclose" | "onmessage" | "readyState" | "send">} WebSocket
 * @property {(url: string, init: RequestInit) => Promise<Pick<Response, "json" | "ok" | "status">>} fetch
 * @property {(call: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 * @property {(call: () => void, ms: number) => number} setInterval
 * @property {(timer: number) => void} clearInterval
 * @property {() => number} random from 0 to 1
 * @property {() => number} now milliseconds since 1970
 */

/** Types that only the server sends. */
const CONTROLS = new Set([
  "caught_up", "connected", "end", "expired", "expiring", "gap", "open", "pong", "reconnect",
  "refreshed", "refused", "subscribed", "unsubscribed",
]);

/** Milliseconds before the first new attempt; doubled for each that fails. */
const FIRST_RETRY_MS = 500;
/** Milliseconds between attempts at most: a server that is back is found within this time. */
const MAX_RETRY_MS = 15_000;

const OPENERS = { sse: openSse, websocket: openWebSocket };

/** @returns {Environment} the browser's own */
function browser() {
  return {
    EventSource: globalThis.EventSource,
    WebSocket: globalThis.WebSocket,
    // Bound: a browser refuses these as methods of any other object.
    fetch: globalThis.fetch.bind(globalThis),
    setTimeout: globalThis.setTimeout.bind(globalThis),
    clearTimeout: globalThis.clearTimeout.bind(globalThis),
    setInterval: globalThis.setInterval.bind(globalThis),
    clearInterval: globalThis.clearInterval.bind(globalThis),
    random: Math.random,
    now: Date.now,
  };
}

/** Dispatches what {@link StreamEvents} lists. */
export class Stream extends EventTarget {
  #url;
  #environment;
  /** @type {Transport} */
  #transport;
  /** @type {string | null} */
  #lastEventId;
  /** @type {State} */
  #state = "idle";
  /** @type {{close: () => void} | null} */
  #connection = null;
  #timer = 0;
  #failures = 0;
  #seen = new SeenIds();
  /** @type {Set<unknown>} topics that have not ended */
  #topics = new Set();
  /** @type {string | undefined} why the server is about to refuse; a close code has no room for it */
  #complaint;

  /** What happened so far. `duplicates` stays 0 while the server keeps its word. */
  counts = { received: 0, connections: 0, gaps: 0, duplicates: 0 };

  /**
   * @param {string | URL} url any stream of the server; relative to the page
   * @param {object} [options]
   * @param {Transport} [options.transport]
   * @param {string | null} [options.lastEventId] resume after this event
   * @param {Partial<Environment>} [options.environment] clocks and connections, for tests
   */
  constructor(url, { transport = "sse", lastEventId = null, environment = {} } = {}) {
    super();
    this.#url = new URL(url, globalThis.location?.href);
    this.#transport = transport;
    this.#lastEventId = lastEventId;
    this.#environment = { ...browser(), ...environment };
  }

  /** The position to resume after: everything up to here has been dispatched. */
  get lastEventId() {
    return this.#lastEventId;
  }

  get state() {
    return this.#state;
  }

  get transport() {
    return this.#transport;
  }

  /** Connect, or reconnect at once where it is waiting to. */
  open() {
    this.#drop();
    this.#complaint = undefined;
    this.#enter("connecting");
    /** @type {{close: () => void} | null} */
    let mine = null;
    const current = () => this.#connection === mine;
    mine = OPENERS[this.#transport](
      this.#url,
      this.#lastEventId,
      {
        frame: (text) => current() && this.#read(text),
        closed: (outcome) => current() && this.#closed(outcome),
      },
      this.#environment,
    );
    this.#connection = mine;
  }

  /** Disconnect, and stay so until `open`. */
  close() {
    this.#drop();
    this.#enter("idle");
  }

  /**
   * Continue over another transport, from where this one is.
   *
   * @param {Transport} transport
   */
  use(transport) {
    if (transport === this.#transport) return;
    this.#transport = transport;
    if (!["idle", "ended"].includes(this.#state)) this.open();
  }

  /**
   * Drop the connection without a word to the server, as a tunnel would.
   *
   * @param {number} ms until it connects again
   */
  cut(ms) {
    this.#drop();
    this.#wait(ms, "cut");
  }

  #drop() {
    this.#environment.clearTimeout(this.#timer);
    this.#connection?.close();
    this.#connection = null;
  }

  /**
   * @param {State} state
   * @param {Partial<StateDetail>} [more]
   */
  #enter(state, more = {}) {
    this.#state = state;
    this.#dispatch("state", { state, cause: null, ...more });
  }

  /**
   * @param {number} ms
   * @param {StateDetail["cause"]} cause
   * @param {string} [detail]
   */
  #wait(ms, cause, detail) {
    this.#timer = this.#environment.setTimeout(() => this.open(), ms);
    this.#enter("waiting", { cause, detail, retryAt: this.#environment.now() + ms });
  }

  /** @param {Closed} outcome */
  #closed({ reason, detail }) {
    this.#drop();
    if (reason === "ended") {
      this.#enter("ended");
    } else if (reason === "refused") {
      this.#enter("refused", { detail: this.#complaint ?? detail });
    } else {
      const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
      // Jitter, or all readers of a server that was away come back in the same instant.
      this.#wait(delay * (0.5 + this.#environment.random() / 2), "lost", detail);
    }
  }

  /** @param {string} text one frame: a JSON object, or the sender is not a Streamer server */
  #read(text) {
    /** @type {unknown} */
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      body = null;
    }
    if (isBody(body)) this.#receive(body);
    else this.#closed({ reason: "lost", detail: "what was received is not an event" });
  }

  /** @param {Body} body */
  #receive(body) {
    // Every event names its topic; an `error` that does not is the server's answer to us.
    if (CONTROLS.has(body.type) || body.topic === undefined) {
      this.#control(body);
    } else if (typeof body.id === "string" && !this.#seen.add(body.id)) {
      this.counts.duplicates += 1;
      this.#dispatch("duplicate", { body });
    } else {
      this.#moveTo(body.id);
      this.counts.received += 1;
      this.#dispatch("event", { body, replayed: this.#state === "replaying" });
    }
  }

  /** @param {Body} body */
  #control(body) {
    switch (body.type) {
      case "connected":
        this.counts.connections += 1;
        this.#moveTo(body.cursor);
        this.#topics = new Set(Array.isArray(body.topics) ? body.topics : [body.topic]);
        this.#enter("replaying");
        break;
      case "caught_up":
        // Only now: a server that accepts and fails at once must not be asked in a tight loop.
        this.#failures = 0;
        this.#moveTo(body.cursor);
        this.#enter("live");
        break;
      case "refused":
        this.#complaint = textOf(body.detail) ?? undefined;
        break;
      case "error": // the same, at the older address
        this.#complaint = textOf(body.error) ?? undefined;
        break;
      case "gap":
        this.counts.gaps += 1;
        this.#moveTo(body.cursor);
        break;
    }
    this.#dispatch("control", { body });
    if (body.type === "reconnect") {
      this.#drop();
      const cause = (body.code ?? "draining") === "draining" ? "draining" : "lost";
      this.#wait(numberOf(body.retry_ms) ?? FIRST_RETRY_MS, cause, textOf(body.detail) ?? undefined);
    } else if (body.type === "expired") {
      // A cookie may have been renewed meanwhile. If not, the next attempt is refused, and is the last.
      this.#closed({ reason: "lost", detail: textOf(body.detail) ?? undefined });
    } else if (body.type === "end") {
      // Of several jobs each has an end; an older server does not say how many remain.
      this.#topics.delete(body.topic);
      if ((body.remaining ?? this.#topics.size) === 0) this.#closed({ reason: "ended" });
    }
  }

  /** Ephemeral events have no id, and move nothing. */
  #moveTo(/** @type {unknown} */ cursor) {
    if (typeof cursor === "string") this.#lastEventId = cursor;
  }

  /**
   * @template {keyof StreamEvents} T
   * @param {T} type
   * @param {StreamEvents[T]} detail
   */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
