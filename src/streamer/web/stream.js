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
import { SeenIds } from "./seen-ids.js";
import { openSse } from "./stream-sse.js";

/** @import { Environment } from "./environment.js" */
/** @import { Body } from "./client/wire.d.ts" */

/**
 * @typedef {object} Closed
 * @property {"lost" | "refused" | "unauthorized" | "foreign" | "ended"} reason
 *   lost: come back; refused: the same request will be refused again; unauthorized: it will be with
 *   the same token; foreign: what answered is no Streamer server, maybe a proxy; ended: no more will come
 * @property {string | undefined} [detail] one sentence
 * @property {number | undefined} [retryAfter] milliseconds
 *
 * @typedef {object} Sink what a transport reports to
 * @property {(text: string, id?: string, retry?: number) => void} frame
 * @property {() => void} [heard] anything came, be it a heartbeat
 * @property {(outcome: Closed) => void} closed
 *
 * @typedef {object} Connection
 * @property {() => void} close silent: the sink receives nothing more
 * @property {(token: string, path: string) => void} [renew] continue with another token, taken at that path
 *
 * @typedef {object} Asked
 * @property {string | null} lastEventId the position to resume after
 * @property {string | null} token
 * @property {Record<string, string>} headers
 * @property {Sink} sink receives the frames, and once the end
 * @property {Environment} environment
 * @property {number} [silence] milliseconds after which a connection is dead
 *
 * @typedef {(url: URL, asked: Asked) => Connection} Opener opens one connection
 *
 * @typedef {"connect" | "expiring" | "unauthorized"} Why what a token is wanted for: a connection; one that is
 *   open, and whose token ends soon; one that was refused, with the token before or without one
 *
 * @typedef {string | ((why: Why) => string | null | Promise<string | null>)} TokenSource a token, or what is
 *   asked for one each time; null is none
 *
 * @typedef {"sse" | "websocket" | "poll"} Transport
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
 * @property {undefined} heard
 */

/** Types that only the server sends. */
const CONTROLS = new Set(
  "caught_up connected end expired expiring gap moved open pong reconnect refreshed refused subscribed unsubscribed".split(" "),
);

/** Milliseconds before the first new attempt, unless the server said; doubled for each that fails. */
const FIRST_RETRY_MS = 500;
/** Milliseconds between attempts at most: a server that is back is found within this time. */
const MAX_RETRY_MS = 15_000;
/** Milliseconds of silence after which a connection is dead: three heartbeats. */
const SILENCE_MS = 45_000;
/** Milliseconds for the first frame where there is another way: a proxy may hold a stream back for ever. */
const FIRST_FRAME_MS = 10_000;
/** Milliseconds after which one that polls asks whether a stream is possible again. */
const BACK_MS = 60_000;
/** Failures in a row of a transport before the next is tried: one may be the network's. */
const PATIENCE = 2;

/** @type {Transport[]} */
const AUTO = ["sse", "websocket", "poll"];

/** The ways to open a connection; those that are rarely needed are loaded when they are. @type {Record<string, Opener>} */
export const openers = { sse: openSse };

/** @type {Record<string, () => Promise<Opener>>} */
const LOADERS = {
  websocket: async () => (await import("./stream-websocket.js")).openWebSocket,
};

const textIn = (/** @type {unknown} */ value) => (typeof value === "string" ? value : undefined);

/** Dispatches what {@link StreamEvents} lists. */
export class Stream extends EventTarget {
  #url;
  #environment;
  #headers;
  #auto;
  #maxAttempts;
  /** @type {Transport} */
  #transport;
  /** @type {string | null} */
  #lastEventId;
  /** @type {State} */
  #state = "idle";
  #token;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Connection | null} one that takes the place of the other once it is `connected` */
  #next = null;
  /** Counts attempts: a token that comes for one before is for nobody. */
  #attempt = 0;
  /** Whether the last connection was refused for its token. */
  #rejected = false;
  #timer = 0;
  #firstFrame = 0;
  #back = 0;
  #failures = 0;
  /** Of this transport, without a frame. */
  #silent = 0;
  #retry = FIRST_RETRY_MS;
  #heardAt = 0;
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
   * @param {Transport | "auto"} [options.transport] auto: SSE, where that is not possible a WebSocket, else poll
   * @param {string | null} [options.lastEventId] resume after this event
   * @param {TokenSource | null} [options.token] where the server wants one. A function is asked before each connection,
   *   before the token of an open one ends, and once more where one is refused; if it throws, that counts as a
   *   lost connection
   * @param {Record<string, string>} [options.headers] sent with each request, but that of a WebSocket
   * @param {number} [options.maxAttempts] failures in a row after which it gives up; by default it never does
   * @param {Partial<Environment>} [options.environment] clocks and connections, for tests
   */
  constructor(url, { transport = "sse", lastEventId = null, token = null, headers = {}, maxAttempts = Infinity, environment = {} } = {}) {
    super();
    this.#token = token;
    this.#url = new URL(url, globalThis.location?.href);
    this.#auto = transport === "auto";
    this.#transport = transport === "auto" ? "sse" : transport;
    this.#lastEventId = lastEventId;
    this.#headers = headers;
    this.#maxAttempts = maxAttempts;
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

  /**
   * Go on at another address, from another position. The connection there is kept until the other is open.
   *
   * @param {string | URL} url
   * @param {string | null} lastEventId
   */
  move(url, lastEventId) {
    this.#url = new URL(url, globalThis.location?.href);
    if (this.#state === "replaying" || this.#state === "live") {
      this.#replace(this.#transport, lastEventId);
    } else {
      this.#lastEventId = lastEventId;
      this.#seen = new SeenIds();
      if (this.#state !== "waiting") this.open();
    }
  }

  /** The network or the page is back: look at once. */
  wake() {
    const { now } = this.#environment;
    if (this.#state === "waiting") this.open();
    // While the machine slept no timer ran.
    else if (this.#connection && now() - this.#heardAt > SILENCE_MS) this.#closed({ reason: "lost" });
  }

  /** @param {Why} why */
  #begin(why) {
    this.#drop();
    this.#complaint = undefined;
    this.#enter("connecting");
    this.#ask(
      why,
      (token) => this.#connect(this.#transport, this.#lastEventId, token, (mine) => (this.#connection = mine)),
      (error) => this.#closed({ reason: "lost", detail: error instanceof Error ? error.message : String(error) }),
    );
  }

  /** @param {Transport} transport @param {string | null} lastEventId */
  #replace(transport, lastEventId) {
    this.#next?.close();
    this.#next = null;
    const use = (/** @type {string | null} */ token) =>
      this.#connect(transport, lastEventId, token, (mine) => (this.#next = mine));
    this.#ask("connect", use, () => {});
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

  /**
   * @param {Transport} transport
   * @param {string | null} lastEventId
   * @param {string | null} token
   * @param {(mine: Connection) => void} keep
   */
  #connect(transport, lastEventId, token, keep) {
    const environment = this.#environment;
    const open = environment.openers?.[transport] ?? openers[transport];
    if (open === undefined) {
      const attempt = this.#attempt;
      LOADERS[transport]?.().then(
        (loaded) => {
          openers[transport] = loaded;
          if (attempt === this.#attempt) this.#connect(transport, lastEventId, token, keep);
        },
        () => attempt === this.#attempt && this.#closed({ reason: "lost" }),
      );
      return;
    }
    /** @type {Connection | null} */
    let mine = null;
    const current = () => mine !== null && (mine === this.#connection || mine === this.#next);
    this.#heardAt = environment.now();
    environment.clearTimeout(this.#firstFrame);
    this.#firstFrame = environment.setTimeout(
      () => current() && sink.closed({ reason: "lost", detail: "The server does not answer." }),
      this.#auto ? FIRST_FRAME_MS : SILENCE_MS,
    );
    /** @type {Sink} */
    const sink = {
      frame: (text, id, retry) => {
        if (!current()) return;
        if (mine === this.#next) {
          this.#connection?.close();
          this.#connection = mine;
          this.#next = null;
          if (transport === this.#transport) {
            this.#lastEventId = lastEventId;
            this.#seen = new SeenIds();
          }
          this.#transport = transport;
        }
        environment.clearTimeout(this.#firstFrame);
        this.#retry = retry ?? this.#retry;
        this.#read(text, id);
      },
      heard: () => {
        this.#heardAt = environment.now();
        this.#dispatch("heard", undefined);
      },
      closed: (outcome) => {
        if (!current()) return;
        // What was only tried leaves what is there as it is.
        if (mine === this.#next && transport !== this.#transport) {
          mine?.close();
          this.#next = null;
          this.#lookBack();
        } else {
          if (mine === this.#next) this.#lastEventId = lastEventId;
          this.#closed(outcome);
        }
      },
    };
    mine = open(this.#url, { lastEventId, token, headers: this.#headers, sink, environment });
    keep(mine);
  }

  /** Whoever polls asks at times whether there is something better. */
  #lookBack() {
    this.#environment.clearTimeout(this.#back);
    if (!this.#auto || this.#transport !== "poll") return;
    this.#back = this.#environment.setTimeout(() => {
      if (this.#connection) this.#replace("sse", this.#lastEventId);
    }, BACK_MS);
  }

  /** @param {string} path where the server takes a new token for this connection */
  #renew(path) {
    // Without another token it ends with the one that it has, and says so.
    if (typeof this.#token !== "function") return;
    this.#ask("expiring", (token) => token && this.#connection?.renew?.(token, path), () => {});
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
    for (const timer of [this.#timer, this.#firstFrame, this.#back]) this.#environment.clearTimeout(timer);
    this.#connection?.close();
    this.#next?.close();
    this.#connection = this.#next = null;
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
  #closed({ reason, detail, retryAfter }) {
    const answered = ["replaying", "live"].includes(this.#state);
    this.#drop();
    if (reason === "ended") {
      this.#enter("ended");
    } else if (reason === "unauthorized" && typeof this.#token === "function" && !this.#rejected) {
      this.#rejected = true;
      this.#begin("unauthorized");
    } else if (reason === "refused" || reason === "unauthorized" || (reason === "foreign" && !this.#auto)) {
      this.#enter("refused", { detail: this.#complaint ?? detail });
    } else if (this.#failures + 1 >= this.#maxAttempts) {
      this.#enter("refused", { detail: `No connection after ${this.#maxAttempts} attempts.` });
    } else {
      if (!answered && this.#auto && (++this.#silent >= PATIENCE || this.#transport !== "sse")) {
        this.#silent = 0;
        this.#transport = AUTO[(AUTO.indexOf(this.#transport) + 1) % AUTO.length] ?? "sse";
      }
      const delay = Math.min(MAX_RETRY_MS, this.#retry * 2 ** this.#failures++);
      // Jitter, or all readers of a server that was away come back in the same instant.
      this.#wait(retryAfter ?? delay * (0.5 + this.#environment.random() / 2), "lost", detail);
    }
  }

  /**
   * @param {string} text one frame: a JSON object, or the sender is not a Streamer server
   * @param {string} [id] the cursor once it was received
   */
  #read(text, id) {
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      body = null;
    }
    if (typeof body?.type !== "string") {
      this.#closed({ reason: "lost", detail: "What was received is not an event." });
      return;
    }
    const known = this.#attempt;
    this.#receive(body);
    if (known === this.#attempt) this.#moveTo(id);
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
        this.#silent = 0;
        this.#moveTo(body.cursor);
        this.#topics = new Set(Array.isArray(body.topics) ? body.topics : [body.topic]);
        this.#enter("replaying");
        this.#lookBack();
        break;
      case "caught_up":
        // Only now: a server that accepts and fails at once must not be asked in a tight loop.
        this.#failures = 0;
        this.#moveTo(body.cursor);
        this.#enter("live");
        break;
      case "expiring":
        this.#renew(textIn(body.refresh) ?? "");
        break;
      case "refused":
        this.#complaint = textIn(body.detail);
        break;
      case "error": // the same, at the older address
        this.#complaint = textIn(body.error);
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
      this.#wait(typeof body.retry_ms === "number" ? body.retry_ms : FIRST_RETRY_MS, cause, textIn(body.detail));
    } else if (body.type === "expired") {
      // A cookie may have been renewed meanwhile, and a function has another token.
      this.#closed({ reason: "lost", detail: textIn(body.detail) });
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
