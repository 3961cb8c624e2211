// A server that keeps how far a reader has read, beside the streams of a fake one: what it counts it counts of its events.

import { isAfter } from "../../src/streamer/web/client/unread.js";
import { FakeServer, problem, settled } from "./fake-server.mjs";

export class ReadingServer extends FakeServer {
  /** @type {{id: string, type: string}[]} */
  events = [];
  /** @type {string | null} */
  cursor = null;
  /** What is answered in place of it. @type {(() => Response | Error) | null} */
  refusal = null;
  /** Requests about the cursor, such as `GET` and `PUT 5-0`. @type {string[]} */
  reads = [];
  /** Held back until it is released. @type {Promise<void> | null} */
  held = null;

  /** @param {string} topic */
  constructor(topic) {
    super();
    this.topic = topic;
    this.answers[`/topics/${topic}/cursor`] = async ({ method, body, url, headers, signal }) => {
      const { cursor, reader } = method === "PUT" ? JSON.parse(`${body}`) : { cursor: null, reader: url.searchParams.get("reader") };
      this.reads.push(cursor ? `${method} ${cursor}` : method);
      this.authorization = headers.get("Authorization");
      const found = this.counted(reader);
      await Promise.race([this.held, new Promise((_, failed) => signal?.addEventListener("abort", () => failed(new TypeError("aborted"))))]);
      if (this.refusal) return this.refusal();
      if (!cursor) return found;
      if (isAfter(cursor, this.head)) return problem(400, "the cursor is ahead of the log");
      if (!this.cursor || isAfter(cursor, this.cursor)) {
        this.cursor = cursor;
        this.connections.at(-1)?.say({ type: "read", topic: this.topic, reader: reader ?? "ada", cursor });
      }
      return this.counted(reader);
    };
  }

  get head() {
    return this.events.at(-1)?.id ?? "1-0";
  }

  /** @param {string | null} reader */
  counted(reader) {
    const unread = this.events.filter(({ id, type }) => type === "message" && (!this.cursor || isAfter(id, this.cursor))).length;
    return { topic: this.topic, reader: reader ?? "ada", cursor: this.cursor, unread, counted: { only: ["message"] }, counted_to: this.head };
  }

  /** Append an event; who is connected is told of it. */
  async append(/** @type {string} */ id, type = "message", isTold = true) {
    this.events.push({ id, type });
    if (isTold) await this.last.say({ id, type, topic: this.topic });
  }

  /** Move the cursor, as another device does. */
  async read(/** @type {string} */ cursor, isTold = true) {
    this.cursor = cursor;
    if (isTold) await this.last.say({ type: "read", topic: this.topic, reader: "ada", cursor });
  }

  /** Hold what is asked back; what it returns lets it go. */
  hold() {
    /** @type {() => void} */
    let release = () => {};
    this.held = new Promise((done) => (release = () => done()));
    return async () => {
      this.held = null;
      release();
      await settled();
    };
  }
}
