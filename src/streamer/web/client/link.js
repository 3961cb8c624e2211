/**
 * One connection that is made again and again: the topics that are wanted, from the position where it is.
 *
 * @module
 */

import { FIRST_RETRY_MS, backOff } from "./access.js";
import { positionIn } from "./order.js";

/** @import { Authorize, Outcome, Why } from "./access.js" */
/** @import { Environment } from "./client.js" */
/** @import { More } from "./more.js" */

/**
 * @typedef {"sse" | "websocket" | "poll"} Transport
 *
 * @typedef {object} LinkOptions
 * @property {string} api the server's address, up to /api/v1
 * @property {Authorize} authorize
 * @property {() => Promise<More>} load what is needed once there is an answer
 * @property {Transport | "auto"} transport
 * @property {number} maxAttempts
 * @property {number | undefined} rate batches of events a second at most
 * @property {Environment} environment
 *
 * @typedef {Awaited<ReturnType<Authorize>> & LinkOptions & {
 *   answer: Response | false, query: string, cursor: string | undefined, signal: AbortSignal, heard: () => void,
 *   frame: (body: any, retry?: number) => void,
 * }} Asked `answer`: a stream's, over SSE; `query`: the topics; `heard`: anything came, be it a heartbeat; `frame`: an
 *   event or a control
 *
 * @typedef {(asked: Asked) => Promise<0 | void>} Opener opens one connection; resolves where it was lost, with 0 where
 *   a better way may be tried again; throws an `Outcome`, or whatever broke it
 *
 * @typedef {object} LinkState
 * @property {"connecting" | "replaying" | "live" | "polling" | "waiting" | "ended" | "refused"} state
 * @property {Transport} transport
 * @property {string | undefined} [reason] one sentence for people
 * @property {number | undefined} [retryAt] milliseconds since 1970
 * @property {string | undefined} [topic] the one that is refused, where others may not be
 *
 * @typedef {object} Hooks
 * @property {(body: any, signal?: AbortSignal) => Outcome | void} receive every event and control, and the `signal` of a
 *   connection of one's own; returns how the connection ends with it
 * @property {(state: LinkState) => void} enter
 *
 * @typedef {object} Source
 * @property {(topics: string[], first: () => string | undefined) => void} want these topics, one at least; `first`: from where
 *   it begins
 * @property {() => void} wake connect at once where it waits to, or was refused
 * @property {() => void} close
 */

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
  /** Of the next attempt, or of the looks at an open connection. @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {LinkState["state"]} name @param {Partial<LinkState>} [more] */
  const set = (name, more) => enter({ state: (state = name), transport: /** @type {Transport} */ (ways[way]), ...more });

  function drop() {
    clearTimeout(timer);
    current.abort();
  }

  /** Where it only goes on with other topics, nobody is told that it is not live for a moment. */
  async function connect(/** @type {Why} */ why = "connect", isQuiet = false) {
    drop();
    const { signal } = (current = new AbortController());
    if (!isQuiet) set("connecting");
    const name = /** @type {Transport} */ (ways[way]);
    let isOpen = false;

    function over(/** @type {Outcome} */ { reason, message, wait, topic }) {
      if (signal.aborted) return;
      drop();
      if (reason === "unauthorized" && !isRejected) {
        isRejected = true;
        connect(reason);
      } else if (reason === "ended" && cursor && !isOpen) {
        // What it resumes is over. Who has nothing yet is told how, and then the same.
        cursor = "";
        connect();
      } else if (reason === "ended") {
        query = "";
        set(reason);
      } else if (reason) {
        set("refused", { reason: message, topic });
      } else if (++failures >= options.maxAttempts) {
        set("refused", { reason: `No connection after ${failures} attempts.` });
      } else {
        if (!isOpen && (way || ++silent > 1)) {
          silent = 0;
          way = (way + 1) % ways.length;
        }
        const ms = wait || backOff(failures, retry);
        timer = setTimeout(connect, ms);
        const isOffline = globalThis.navigator?.onLine === false;
        set("waiting", { reason: isOffline ? "This device is offline." : message || "The server cannot be reached.", retryAt: Date.now() + ms });
      }
    }

    function frame(/** @type {any} */ body, /** @type {number | undefined} */ wait) {
      if (signal.aborted) return;
      const { type } = body;
      isOpen ||= type !== "end";
      retry = wait || retry;
      cursor = positionIn(body) ?? cursor;
      if (type === "connected") {
        isRejected = false;
        silent = 0;
        if (!isQuiet) set("replaying");
      }
      const outcome = receive(body, signal);
      if (outcome) over(outcome);
      if (type === "caught_up") {
        // Only now: a server that accepts and fails at once must not be asked in a tight loop.
        failures = 0;
        set(name === "poll" ? "polling" : "live");
      }
    }

    try {
      const access = await options.authorize(why);
      if (signal.aborted) return;
      let most = ways[1] ? FIRST_WORD_MS : SILENCE_MS;
      let heardAt = Date.now();
      const heard = () => {
        most = SILENCE_MS;
        heardAt = Date.now();
      };
      timer = setInterval(() => {
        if (Date.now() - heardAt > most) over({ message: "The connection went silent." });
      }, LOOK_MS);
      const headers = { Accept: "text/event-stream", ...(cursor && { "Last-Event-ID": cursor }) };
      // What comes waits in the stream until there is what knows what to do with it.
      const [answer, more] = await Promise.all([name === "sse" && access.ask(`/stream?${query}`, { headers, signal }), options.load()]);
      way = (await more[name]({ ...options, ...access, answer, query, cursor, signal, heard, frame })) ?? way;
      over({});
    } catch (error) {
      const { name, message, reason, wait, topic } = /** @type {Error & Outcome} */ (error);
      // What a browser or Node throws is a TypeError and the like, and tells people nothing.
      over({ message: name === "Error" ? message : "", reason, wait, topic });
    }
  }

  return {
    want(topics, first) {
      // No character of a topic has a meaning in an address.
      const wanted = `topic=${topics.sort().join("&topic=")}${options.rate ? `&rate=${options.rate}` : ""}`;
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
