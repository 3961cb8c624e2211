// A browser whose connections and clock a test holds.

import { openers } from "../../src/streamer/web/stream.js";
import { openWebSocket } from "../../src/streamer/web/stream-websocket.js";
import { known, last } from "./given.mjs";

/** @import { Environment } from "../../src/streamer/web/environment.js" */
/** @import { Opener, Sink, Transport } from "../../src/streamer/web/stream.js" */

// There at once, as it is once it was needed.
openers.websocket = openWebSocket;

/** An event stream, a poll or a WebSocket. */
class FakeConnection {
  /** @type {0 | 1 | 2} */
  readyState = 1;
  closed = false;
  /** @type {string[]} */
  sent = [];
  /** @type {((message: {data: string}) => void) | null} */
  onmessage = null;
  /** @type {Sink | null} of an event stream or a poll */
  sink = null;
  /** @type {Transport} */
  kind = "websocket";
  /** @type {string | null} */
  lastEventId = null;
  /** @type {string | null} */
  token = null;
  /** @type {((outcome: {code: number, reason: string}) => void) | null} */
  onclose = null;

  /** @param {string} url @param {string[]} [protocols] */
  constructor(url, protocols = []) {
    this.url = new URL(url);
    this.protocols = protocols;
    this.lastEventId = this.url.searchParams.get("last_event_id");
  }
  send(/** @type {string} */ text) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
}

/** @implements {Environment} */
export class FakeEnvironment {
  /** @type {FakeConnection[]} */
  connections = [];
  time = 1_000_000;
  /** @type {Map<number, {call: () => void, at: number, every: number | null}>} */
  timers = new Map();
  /** @type {Error | {status: number, problem?: object}} */
  answer = { status: 200 };
  #next = 1;

  constructor() {
    const { connections } = this;
    class Connection extends FakeConnection {
      /** @param {string} url @param {string[]} [protocols] */
      constructor(url, protocols) {
        super(url, protocols);
        connections.push(this);
      }
    }
    this.WebSocket = Connection;
    const opener = (/** @type {Transport} */ kind) => /** @type {Opener} */ ((url, { lastEventId, token, sink }) => {
      const one = new Connection(url.href);
      Object.assign(one, { kind, lastEventId, token, sink });
      one.onmessage = ({ data }) => sink.frame(data);
      return {
        close: () => one.close(),
        renew: (other, path) => this.renewed.push({ token: other, path }),
      };
    });
    /** @type {{[name: string]: Opener}} */
    this.openers = { sse: opener("sse"), poll: opener("poll") };
  }

  /** @type {{token: string, path: string}[]} tokens that event streams were told to go on with */
  renewed = [];
  isOnline = true;
  online = () => this.isOnline;
  /** @type {Map<string, Set<(event: Event) => void>>} */
  listeners = new Map();
  listen = (/** @type {string} */ type, /** @type {(event: Event) => void} */ fn) => {
    const all = this.listeners.get(type) ?? new Set();
    this.listeners.set(type, all.add(fn));
    return () => all.delete(fn);
  };
  /** What happens to the window. */
  happen(/** @type {string} */ type, more = {}) {
    for (const fn of this.listeners.get(type) ?? []) fn(Object.assign(new Event(type), more));
  }

  random = () => 1;
  now = () => this.time;
  setTimeout = (/** @type {() => void} */ call, /** @type {number} */ ms) => this.#timer(call, ms, null);
  setInterval = (/** @type {() => void} */ call, /** @type {number} */ ms) => this.#timer(call, ms, ms);
  clearTimeout = (/** @type {number} */ id) => this.timers.delete(id);
  clearInterval = (/** @type {number} */ id) => this.timers.delete(id);
  /** @type {{url: string, method: string, authorization: string | undefined}[]} */
  asked = [];
  /** @type {Environment["fetch"]} */
  fetch = async (url, { method = "GET", headers }) => {
    const { Authorization: authorization } = /** @type {Record<string, string>} */ (headers ?? {});
    this.asked.push({ url, method, authorization });
    if (this.answer instanceof Error) throw this.answer;
    const { status, problem } = this.answer;
    return { status, ok: status < 300, json: async () => problem };
  };

  get last() {
    return last(this.connections);
  }

  /** What the server sends on the newest connection. */
  say(/** @type {object} */ body) {
    known(this.last.onmessage)({ data: JSON.stringify(body) });
  }

  /** @param {{cursor?: string, topic?: string | undefined, topics?: string[], snapshot?: object}} [fields] */
  connect({ cursor = "1-0", topic = "projects/p", ...more } = {}) {
    this.say({ type: "connected", topic, cursor, resumed: false, ...more });
  }

  /** The connection breaks as it does when the server is gone. */
  break() {
    known(this.last.sink).closed({ reason: "lost" });
  }

  /** The server refuses it, for its token or for another reason. */
  refuse(/** @type {"unauthorized" | "refused" | "foreign" | "ended"} */ reason, /** @type {string} */ detail = "no") {
    known(this.last.sink).closed({ reason, detail });
  }

  /** The server closes the WebSocket. */
  close(/** @type {number} */ code, reason = "") {
    known(this.last.onclose)({ code, reason });
  }

  advance(/** @type {number} */ ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers.entries()].filter(([, timer]) => timer.at <= end);
      const [first] = due.sort(([, a], [, b]) => a.at - b.at);
      if (first === undefined) break;
      const [id, timer] = first;
      this.time = timer.at;
      if (timer.every === null) this.timers.delete(id);
      else timer.at += timer.every;
      timer.call();
    }
    this.time = end;
  }

  #timer(/** @type {() => void} */ call, /** @type {number} */ ms, /** @type {number | null} */ every) {
    this.timers.set(this.#next, { call, at: this.time + ms, every });
    return this.#next++;
  }
}
