// A server that keeps notifications, beside the streams of a fake one.

import { isAfter } from "../../src/streamer/web/client/unread.js";
import { FakeServer, problem } from "./fake-server.mjs";

const COUNTED = { only: ["system_message", "transcode_complete", "transcode_failed", "invited"] };

export class InboxServer extends FakeServer {
  /** The oldest first. @type {any[]} */
  events = [];
  /** By topic. @type {Record<string, string | null>} */
  cursors;
  /** Requests, such as `list`, `list before 5-0` and `read 5-0`. @type {string[]} */
  said = [];
  /** Whether it asks who comes: then it is 7. */
  isOpen = false;
  /** Up to where is counted, if not up to the last event. @type {string | undefined} */
  countedTo;
  /** What is answered in place of it. @type {(() => Response | Error) | null} */
  refusal = null;

  constructor(reader = "7") {
    super();
    this.reader = reader;
    this.cursors = { [`users/${reader}`]: null, system: null };
    this.answers["/notifications/read"] = ({ body }) => {
      const { cursor } = JSON.parse(`${body}`);
      this.said.push(`read ${cursor}`);
      if (this.refusal) return this.refusal();
      for (const [topic, before] of Object.entries(this.cursors)) if (!before || isAfter(cursor, before)) this.cursors[topic] = cursor;
      this.connections.at(-1)?.say({ type: "read", topic: `users/${this.reader}`, reader: this.reader, cursor });
      return { reader: this.reader, cursor, unread: this.unread.length };
    };
    this.answers["/notifications"] = ({ url }) => {
      const before = url.searchParams.get("before");
      const named = url.searchParams.get("reader");
      this.said.push(before ? `list before ${before}` : "list");
      if (this.refusal) return this.refusal();
      if (!this.isOpen && named && named !== this.reader) return problem(403, "somebody else's");
      const limit = Number(url.searchParams.get("limit"));
      const found = this.events.filter((one) => COUNTED.only.includes(one.type) && (!before || isAfter(before, one.id))).reverse();
      const page = found.slice(0, limit);
      return {
        reader: this.reader,
        notifications: page.map((one) => ({ ...one, unread: this.unread.includes(one) })),
        next: found.length > limit ? page.at(-1).id : null,
        unread: this.unread.length,
        counted: Object.fromEntries(Object.keys(this.cursors).map((topic) => [topic, COUNTED])),
        counted_to: this.countedTo ?? this.events.at(-1)?.id ?? "1-0",
        cursors: { ...this.cursors },
      };
    };
    this.answers["/ws/stats"] = () => ({ total_users: 2, total_connections: 3 });
    this.answers["/ws/health"] = () => ({ status: "healthy" });
  }

  get unread() {
    return this.events.filter(({ id, type, topic }) => COUNTED.only.includes(type) && (!this.cursors[topic] || isAfter(id, this.cursors[topic])));
  }

  /** Append a notification; who is connected is told of it. */
  async tell(/** @type {number} */ n, type = "invited", /** @type {any} */ more = {}) {
    const event = { id: `${n}-0`, type, topic: `users/${this.reader}`, timestamp: "2026-11-28T10:00:00.000Z", ...more };
    this.events.push(event);
    await this.connections.at(-1)?.say(event);
  }
}
