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

import { browser } from "./environment.js";
import { isBody, numberOf, textOf } from "./fields.js";
import { SeenIds } from "./seen-ids.js";
import { openSse } from "./transports/sse.js";
import { openWebSocket } from "./transports/websocket.js";

/** @import { Environment } from "./environment.js" */
/** @import { Body } from "./wire.d.ts" */

/**
 * @typedef {{reason: "lost" | "refused" | "unauthorized" | "ended", detail?: string | undefined}} Closed
 *   lost: come back; refused: the same request will be refused again; unauthorized: it will be with
 *   the same token; ended: no more will come
 *
 * @typedef {object} Sink what a transport reports to
 * @property {(text: string) => void} frame
 * @property {(outcome: Closed) => void} closed
 *
 * @typedef {object} Connection
 * @property {() => void} close silent: the sink receives nothing more
 * @property {(token: string, path: string) => void} renew continue with another token, taken at that path
 *
 * @typedef {"connect" | "expiring" | "unauthorized"} Why what a token is wanted for: a connection; one that is
 *   open, and whose token ends soon; one that was refused, with the token before or without one
 *
 * @typedef {string | ((why: Why) => string | null | Promise<string | null>)} TokenSource a token, or what is
 *   asked for one each time; null is none
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
  #token;
  /** @type {Connection | null} */
  #connection = null;
  /** Counts attempts: a token that comes for one before is for nobody. */
  #attempt = 0;
  /** Whether the last connection was refused for its token. */
  #rejected = false;
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
   * @param {TokenSource | null} [options.token] where the server wants one. A function is asked before each connection,
   *   before the token of an open one ends, and once more where one is refused; if it throws, that counts as a
   *   lost connection
   * @param {Partial<Environment>} [options.environment] clocks and connections, for tests
   */
  constructor(url, { transport = "sse", lastEventId = null, token = null, environment = {} } = {}) {
    super();
    this.#token = token;
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
    this.#begin("connect");
  }

  /** @param {Why} why */
  #begin(why) {
    this.#drop();
    this.#complaint = undefined;
    this.#enter("connecting");
    const failed = (/** @type {unknown} */ error) =>
      this.#closed({ reason: "lost", detail: error instanceof Error ? error.message : String(error) });
    this.#ask(why, (token) => this.#connect(token), failed);
  }

  /**
   * Ask for a token. One that is there is used at once; what comes after another attempt has begun, never.
   *
   * @param {Why} why
   * @param {(token: string | null) => void} use
   * @param {(error: unknown) => void} failed
   */
  #ask(why, use, failed) {
    const attempt = this.#attempt;
    const current = () => attempt === this.#attempt;
    try {
      const token = typeof this.#token === "function" ? this.#token(why) : this.#token;
      if (token === null || typeof token === "string") use(token);
      else token.then((later) => current() && use(later), (error) => current() && failed(error));
    } catch (error) {
      failed(error);
    }
  }

  /** @param {string | null} token */
  #connect(token) {
    /** @type {Connection | null} */
    let mine = null;
    const current = () => this.#connection === mine;
    mine = OPENERS[this.#transport](
      this.#url,
      this.#lastEventId,
      token,
      {
        frame: (text) => current() && this.#read(text),
        closed: (outcome) => current() && this.#closed(outcome),
      },
      this.#environment,
    );
    this.#connection = mine;
  }

  /** @param {string} path where the server takes a new token for this connection */
  #renew(path) {
    // Without another token it ends with the one that it has, and says so.
    if (typeof this.#token !== "function") return;
    this.#ask("expiring", (token) => token && this.#connection?.renew(token, path), () => {});
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
    this.#attempt += 1;
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
    } else if (reason === "unauthorized" && typeof this.#token === "function" && !this.#rejected) {
      this.#rejected = true;
      this.#begin("unauthorized");
    } else if (reason === "refused" || reason === "unauthorized") {
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
        this.#rejected = false;
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
      case "expiring":
        this.#renew(textOf(body.refresh) ?? "");
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
      // A cookie may have been renewed meanwhile, and a function has another token.
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
