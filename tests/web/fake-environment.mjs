// A browser whose connections and clock a test holds.

import { known, last } from "./given.mjs";

/** @import { Environment } from "../../src/streamer/web/environment.js" */

/** An EventSource or a WebSocket. */
class FakeConnection {
  /** @type {0 | 1 | 2} */
  readyState = 1;
  closed = false;
  /** @type {string[]} */
  sent = [];
  /** @type {((message: {data: string}) => void) | null} */
  onmessage = null;
  /** @type {(() => void) | null} */
  onerror = null;
  /** @type {((outcome: {code: number, reason: string}) => void) | null} */
  onclose = null;

  /** @param {string} url @param {string[]} [protocols] */
  constructor(url, protocols = []) {
    this.url = new URL(url);
    this.protocols = protocols;
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
    this.EventSource = Connection;
    this.WebSocket = Connection;
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

  /** @param {{cursor?: string, topic?: string | undefined, topics?: string[]}} [fields] */
  connect({ cursor = "1-0", topic = "projects/p", ...more } = {}) {
    this.say({ type: "connected", topic, cursor, resumed: false, ...more });
  }

  /** The connection breaks as it does when the server is gone. */
  break() {
    this.last.readyState = 0;
    known(this.last.onerror)();
  }

  /** The answer to the request is no stream. */
  async refuse(/** @type {Error | {status: number, problem?: object}} */ answer) {
    this.answer = answer;
    this.last.readyState = 2;
    known(this.last.onerror)();
    // Let the question that the client asks of the same address be answered.
    await new Promise((done) => setImmediate(() => done(null)));
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
