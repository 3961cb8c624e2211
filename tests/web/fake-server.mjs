// A server whose answers and a clock that a test holds: the client reads real streams of it, over a `fetch` that is not.

import { mock } from "node:test";

// There at once, as it is once it was needed.
import "../../src/streamer/web/client/more.js";

import { known, last } from "./given.mjs";

/** Let what was promised come, and what was written be read. */
export async function settled() {
  for (let n = 0; n < 12; n += 1) await new Promise((done) => setImmediate(() => done(null)));
}

// No wait is jittered, and none is a real one.
mock.method(Math, "random", () => 1);
mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });

/** Let so many milliseconds pass, in steps in which what is due can follow from what was. */
export async function pass(/** @type {number} */ ms) {
  await settled();
  for (let left = ms; left > 0; left -= 1000) {
    mock.timers.tick(Math.min(left, 1000));
    await settled();
  }
}

/** @typedef {{path: string, url: URL, headers: Headers, method: string, body: unknown, signal: AbortSignal | undefined}} Asked */

/** One event stream. */
export class FakeConnection {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  #controller;
  isOver = false;

  constructor(/** @type {Asked} */ asked) {
    const { url, headers, signal } = asked;
    this.url = url;
    this.topics = url.searchParams.getAll("topic");
    this.lastEventId = headers.get("Last-Event-ID");
    this.authorization = headers.get("Authorization");
    /** @type {any} */
    let controller;
    this.response = new Response(new ReadableStream({ start: (one) => void (controller = one) }), {
      headers: { "Content-Type": "text/event-stream; charset=utf-8" },
    });
    this.#controller = controller;
    signal?.addEventListener("abort", () => {
      if (!this.isOver) controller.error(signal.reason);
      this.isOver = true;
    });
  }

  bytes(/** @type {Uint8Array} */ chunk) {
    if (!this.isOver) this.#controller.enqueue(chunk);
  }

  write(/** @type {string} */ text) {
    this.bytes(new TextEncoder().encode(text));
  }

  async say(/** @type {any[]} */ ...bodies) {
    for (const body of bodies) this.write(`event: ${body.type}\ndata: ${JSON.stringify(body)}\n${body.id ? `id: ${body.id}\n` : ""}\n`);
    await settled();
  }

  /** As a server does that is gone, or a proxy that has waited enough. */
  async end() {
    this.isOver = true;
    this.#controller.close();
    await settled();
  }
}

export const snapshot = (/** @type {string} */ cursor, more = {}) => ({
  cursor, status: null, progress: null, message: null, result: null, error: null, attempt: null, tasks: {}, jobs: {}, ...more,
});

export const event = (/** @type {string} */ topic, /** @type {string | undefined} */ id, more = {}) => ({ id, type: "note", topic, ...more });

export class FakeServer {
  /** Every stream that was asked for, in order. @type {FakeConnection[]} */
  connections = [];
  /** Every request. @type {Asked[]} */
  asked = [];
  /** In place of a stream: an answer, or an error as of the network. @type {((asked: Asked) => Response | Error | null) | null} */
  instead = null;
  /** What is answered to other requests, by the beginning of their path. @type {Record<string, (asked: Asked) => unknown>} */
  answers = {};

  fetch = async (/** @type {string | URL | Request} */ address, /** @type {RequestInit} */ { headers, method = "GET", body, signal } = {}) => {
    const url = new URL(`${address}`);
    const asked = { path: url.href.split("/api/v1")[1] ?? "", url, headers: new Headers(headers), method, body, signal: signal ?? undefined };
    this.asked.push(asked);
    if (asked.path.startsWith("/stream?")) {
      const answer = this.instead?.(asked);
      if (answer instanceof Error) throw answer;
      if (answer) return answer;
      const connection = new FakeConnection(asked);
      this.connections.push(connection);
      return connection.response;
    }
    const [, find] = Object.entries(this.answers).find(([begin]) => asked.path.startsWith(begin)) ?? [];
    const found = await find?.(asked);
    if (found instanceof Error) throw found;
    return found instanceof Response ? found : Response.json(found ?? {});
  };

  get last() {
    return last(this.connections);
  }

  /** The last connection is answered for all its topics, from `cursor` on; `states` is of the topics by name. */
  async connected(/** @type {string} */ cursor, /** @type {{head?: string, states?: Record<string, object>}} */ { head = cursor, states = {} } = {}) {
    const { topics } = this.last;
    const snapshots = Object.fromEntries(topics.map((name) => [name, Object.hasOwn(states, name) ? states[name] : snapshot(head)]));
    const [topic = ""] = topics;
    await this.last.say({ type: "connected", cursor, ...(topics.length === 1 ? { topic, snapshot: snapshots[topic] } : { topics, snapshots }) });
  }

  /** It is connected, and has told everything. */
  async live(/** @type {string} */ cursor, more = {}) {
    await this.connected(cursor, more);
    await this.last.say({ type: "caught_up", cursor });
  }
}

/** A problem as the server has them. @param {number} status @param {string} [detail] @param {{headers?: {[name: string]: string}, topic?: string}} [more] */
export const problem = (status, detail = "no", { headers = {}, topic } = {}) =>
  Response.json({ type: "about:blank", title: "no", status, code: "x", detail, retry: [429, 503].includes(status), topic }, { status, headers });

/** What is heard of a subscription from now on, ids and gaps. */
export function heard(/** @type {import("../../src/streamer/web/client/subscription.js").Subscription} */ subscription) {
  /** @type {unknown[]} */
  const ids = [];
  subscription.on("*", (body) => ids.push(body.id ?? body.type));
  subscription.on("gap", (body) => ids.push(`gap to ${body.until}`));
  return ids;
}

export { known };
