/**
 * One connection that is made again and again: the topics that are wanted, from the position where it is.
 *
 * @module
 */

import { positionIn } from "./order.js";
import { openSse } from "./sse.js";

/** @import { Authorize, Outcome, Why } from "./access.js" */

/**
 * @typedef {"sse" | "websocket" | "poll"} Transport
 *
 * @typedef {object} LinkOptions
 * @property {string} api the server's address, up to /api/v1
 * @property {Authorize} authorize
 * @property {Transport | "auto"} transport
 * @property {number} maxAttempts
 * @property {typeof globalThis.WebSocket} WebSocket
 *
 * @typedef {Awaited<ReturnType<Authorize>> & LinkOptions & {
 *   query: string, cursor: string | undefined, signal: AbortSignal, heard: () => void, frame: (body: any, retry?: number) => void,
 * }} Asked `query`: the topics; `heard`: anything came, be it a heartbeat; `frame`: an event or a control
 *
 * @typedef {(asked: Asked) => Promise<0 | void>} Opener opens one connection; resolves where it was lost, with 0 where
 *   a better way may be tried again; throws an `Outcome`, or whatever broke it
 *
 * @typedef {object} LinkState
 * @property {"connecting" | "replaying" | "live" | "polling" | "waiting" | "ended" | "refused"} state
 * @property {Transport} transport
 * @property {string | undefined} [reason] one sentence for people
 * @property {number | undefined} [retryAt] milliseconds since 1970
 * @property {string | undefined} [cursor] where it is
 * @property {Map<string, string> | undefined} [refusals] by topic the server's sentence; of none where that is not known
 *
 * @typedef {object} Hooks
 * @property {(body: any) => void} receive every event and control
 * @property {(state: LinkState) => void} enter
 *
 * @typedef {object} Source
 * @property {(topics: string[], first: () => string | undefined) => void} want these topics, one at least; `first`: from where
 *   it begins
 * @property {() => void} wake connect at once where it waits to, or was refused
 * @property {() => void} close
 */

/** Milliseconds before the first new attempt, unless the server said; doubled for each that fails. */
const FIRST_RETRY_MS = 500;
/** Milliseconds between attempts at most: a server that is back is found within this time. */
const MAX_RETRY_MS = 15_000;
/** Milliseconds of silence after which a connection is dead: three heartbeats. */
const SILENCE_MS = 45_000;
/** Milliseconds for the first word where there is another way: a proxy may hold a stream back for ever. */
const FIRST_WORD_MS = 10_000;
/** Milliseconds between looks at the clock, by which a machine that slept notices as well. */
const LOOK_MS = 1000;

/**
 * @param {LinkOptions} options
 * @param {Hooks} hooks
 * @returns {Source}
 */
export function openLink(options, { receive, enter }) {
  /** @type {Transport[]} */
  const ways = options.transport === "auto" ? ["sse", "websocket", "poll"] : [options.transport];
  let way = 0;
  /** @type {string | undefined} */
  let cursor;
  let query = "";
  /** @type {LinkState["state"] | undefined} */
  let state;
  let current = new AbortController();
  let failures = 0;
  /** Failures without a frame: the first may be the network's, after the second another way is tried. */
  let silent = 0;
  let isRejected = false;
  let retry = FIRST_RETRY_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {LinkState["state"]} name @param {Partial<LinkState>} [more] */
  const set = (name, more) => enter({ state: (state = name), transport: /** @type {Transport} */ (ways[way]), cursor, ...more });

  function drop() {
    clearTimeout(timer);
    current.abort();
  }

  /** Where it only goes on with other topics, nobody is told that it is not live for a moment. */
  async function connect(/** @type {Why} */ why = "connect", isQuiet = false) {
    drop();
    const mine = (current = new AbortController());
    const { signal } = mine;
    if (!isQuiet) set("connecting");
    let isOpen = false;
    let heardAt = 0;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let watchdog;
    signal.onabort = () => clearInterval(watchdog);

    function over(/** @type {Outcome} */ { reason, message, wait }) {
      if (signal.aborted) return;
      drop();
      if (reason === "unauthorized" && !isRejected) {
        isRejected = true;
        connect(reason);
      } else if (reason === "ended") {
        query = "";
        set(reason);
      } else if (reason) {
        const tell = (/** @type {Map<string, string> | undefined} */ refusals) => mine === current && set("refused", { reason: message, refusals });
        import("./poll.js").then(({ refusalsOf }) => refusalsOf(query, options.authorize)).then(tell, () => tell(undefined));
      } else if (++failures >= options.maxAttempts) {
        set("refused", { reason: `No connection after ${failures} attempts.` });
      } else {
        if (!isOpen && (way || ++silent > 1)) {
          silent = 0;
          way = (way + 1) % ways.length;
        }
        // Jitter, or all readers of a server that was away come back in the same instant.
        const ms = wait || Math.min(MAX_RETRY_MS, retry * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
        timer = setTimeout(connect, ms);
        const isOffline = globalThis.navigator?.onLine === false;
        set("waiting", { reason: isOffline ? "This device is offline." : message || "The server cannot be reached.", retryAt: Date.now() + ms });
      }
    }

    function frame(/** @type {any} */ body, /** @type {number | undefined} */ wait) {
      if (signal.aborted) return;
      const { type, detail: message } = body;
      isOpen = true;
      retry = wait || retry;
      cursor = positionIn(body) ?? cursor;
      if (type === "connected") {
        isRejected = false;
        silent = 0;
        if (!isQuiet) set("replaying");
      }
      receive(body);
      if (type === "caught_up") {
        // Only now: a server that accepts and fails at once must not be asked in a tight loop.
        failures = 0;
        set(ways[way] === "poll" ? "polling" : "live");
      } else if (type === "expiring") {
        // The path is the server's own, and may be beneath a proxy's. Without another token it ends, and says so.
        options.authorize(type)
          .then(({ token, ask }) => (token ? ask(body.refresh.replace("/api/v1", ""), { method: "POST", signal }) : null))
          .catch(() => {});
      } else if (type === "reconnect" || type === "expired") {
        over({ wait: body.retry_ms, message: body.code === "draining" ? "The server is restarting." : message });
      } else if (type === "end" && !body.remaining) {
        over({ reason: "ended" });
      }
    }

    try {
      const access = await options.authorize(why);
      if (signal.aborted) return;
      const begunAt = Date.now();
      const heard = () => (heardAt = Date.now());
      watchdog = setInterval(() => {
        if (Date.now() - (heardAt || begunAt) > (heardAt || !ways[1] ? SILENCE_MS : FIRST_WORD_MS)) over({ message: "The connection went silent." });
      }, LOOK_MS);
      const open = ways[way] === "sse" ? openSse : (await (ways[way] === "poll" ? import("./poll.js") : import("./websocket.js"))).open;
      way = (await open({ ...options, ...access, query, cursor, signal, heard, frame })) ?? way;
      over({});
    } catch (error) {
      const { name, message, reason, wait } = /** @type {Error & Outcome} */ (error);
      // What a browser or Node throws is a TypeError and the like, and tells people nothing.
      over({ message: name === "Error" ? message : "", reason, wait });
    }
  }

  return {
    want(topics, first) {
      // No character of a topic has a meaning in an address.
      const wanted = `topic=${topics.sort().join("&topic=")}`;
      if (wanted === query) return;
      // What begins anew begins where it is wanted from.
      cursor = (query && cursor) || first();
      query = wanted;
      if (state !== "waiting") connect("connect", /live|polling|replaying/u.test(`${state}`) && !current.signal.aborted);
    },
    wake() {
      if (state === "waiting" || state === "refused") connect();
    },
    close: drop,
  };
}
