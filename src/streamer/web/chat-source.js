/**
 * One conversation at its server: what was said before, what is said now, and what is said from here.
 *
 * Whoever reads its own stream is there for the others, so that is what is read, by the client that reads all
 * else: its requests for the topic go to the conversation's address.
 *
 * @module
 */

import { createClient } from "./client/client.js";
import { NAMES } from "./connection.js";
import { objectOf, textOf } from "./fields.js";

/** @import { Access } from "./access.js" */
/** @import { State } from "./connection.js" */
/** @import { Line } from "./line.js" */
/** @import { Subscription } from "./client/subscription.js" */
/** @import { Body } from "./client/wire.d.ts" */

/** Messages of one list. */
const PAGE = 40;

export class ChatSource {
  #server;
  #access;
  #hooks;
  #client;
  /** @type {Subscription | null} */
  #subscription = null;
  /** Before which message older ones are; null: there are none. @type {string | null} */
  #next = null;
  #isClosed = false;
  /** A message that may not have been said, and by which key it is sent again. @type {{text: string, key: string} | null} */
  #unsure = null;

  /**
   * @param {string} server its address
   * @param {string} id of the conversation
   * @param {Access} access who asks
   * @param {Line} line what it is read over
   * @param {object} hooks
   * @param {string} hooks.name what we are called where nobody is asked who they are
   * @param {(body: Body, isNew: boolean) => void} hooks.heard an event; `isNew`: it is said now
   * @param {(state: State, reason: string | null, over: string) => void} hooks.entered how the connection is
   * @param {() => void} hooks.lost something that was said is not kept, and did not come
   */
  constructor(server, id, access, line, hooks) {
    this.#server = server;
    this.id = id;
    this.#access = access;
    this.#hooks = hooks;
    const own = this;
    this.#client = createClient({
      url: server,
      share: false,
      getToken: (why) => access.token(why, [this.topic]),
      environment: {
        fetch: (url, init) => line.fetch(own.#there(url), init),
        WebSocket: class extends line.WebSocket {
          /** @param {string | URL} url @param {string | string[]} [protocols] */
          constructor(url, protocols) {
            super(own.#there(url), protocols);
          }
        },
      },
    });
  }

  get topic() {
    return `chats/${this.id}`;
  }

  get #api() {
    return `${this.#server}/api/v1`;
  }

  /** Whether there are older messages than those that came. */
  get hasOlder() {
    return this.#next !== null;
  }

  /** Who we are in an address: where a token says it, no address does. */
  get #who() {
    return this.#access.holds ? "" : `?username=${encodeURIComponent(this.#hooks.name)}`;
  }

  /** The conversation's own address for its topic's. */
  #there(/** @type {RequestInfo | URL} */ url) {
    const address = new URL(url instanceof Request ? url.url : url);
    if (!address.pathname.endsWith("/api/v1/stream")) return address;
    address.pathname = address.pathname.replace(/stream$/u, `${this.topic}/stream`);
    address.searchParams.delete("topic");
    if (!this.#access.holds) address.searchParams.set("username", this.#hooks.name);
    return address;
  }

  /** Begin: what was said last, then what is said. Throws an Error with the server's own sentence. */
  async open() {
    const page = await this.#page(null);
    if (this.#isClosed) return;
    // What is listed is told once more: an answer that is being said stands among it, and is in no list.
    const oldest = this.hasOlder ? textOf(page.at(-1)?.id) : null;
    const listed = new Set(page.map(({ id }) => id));
    const one = this.#client.subscribe(this.topic, { from: oldest ?? "earliest" });
    this.#subscription = one;
    one.on("gap", () => this.#hooks.lost());
    one.on("*", (body) => this.#hooks.heard(body, one.state === "live" && !listed.has(body.id)));
    one.on("state", ({ state, reason }) => this.#hooks.entered(state, reason, NAMES[one.transport] ?? ""));
  }

  /** The id of the last event that came. */
  get lastEventId() {
    return this.#subscription?.lastEventId ?? null;
  }

  /** The line is whole again. */
  retryNow() {
    this.#client.retryNow();
  }

  /** List older messages. */
  async older() {
    if (this.#next !== null) await this.#page(this.#next);
  }

  /** Who is there, and up to where that is known. */
  async presence() {
    const said = await this.#access.get(`${this.#api}/${this.topic}/presence`);
    return { present: said.present, cursor: textOf(said.cursor) };
  }

  /** Who a token says that we are. */
  async reader() {
    return textOf((await this.#access.get(`${this.#api}/topics/${this.topic}/cursor`)).reader);
  }

  /** How far everybody has read. @returns {Promise<[string, string | null][]>} */
  async readers() {
    const said = await this.#access.get(`${this.#api}/topics/${this.topic}/cursors`);
    return Object.entries(objectOf(said.readers)).map(([reader, cursor]) => [reader, textOf(cursor)]);
  }

  /** Say something; one whose answer was lost is said once. */
  async say(/** @type {string} */ text) {
    if (this.#unsure?.text !== text) this.#unsure = { text, key: crypto.getRandomValues(new Uint32Array(4)).join("-") };
    await this.#post("messages", { message: text }, this.#unsure.key);
    this.#unsure = null;
  }

  async react(/** @type {string} */ id, /** @type {string} */ reaction, /** @type {boolean} */ added) {
    await this.#post("reactions", { message_id: id, reaction, added });
  }

  async typing(/** @type {boolean} */ isTyping) {
    await this.#post("typing", { is_typing: isTyping });
  }

  /** Stop an answer. */
  async stop(/** @type {string} */ answer) {
    const answered = await this.#access.fetch(`${this.#api}/${this.topic}/answers/${encodeURIComponent(answer)}/stop`, { method: "POST" });
    await check(answered);
  }

  /** We have read up to there. */
  async read(/** @type {string} */ cursor) {
    const body = { cursor, ...(!this.#access.holds && { reader: this.#hooks.name }) };
    await this.#access.fetch(`${this.#api}/topics/${this.topic}/cursor`, {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  }

  close() {
    this.#isClosed = true;
    this.#subscription?.close();
    this.#client.close();
  }

  async #page(/** @type {string | null} */ before) {
    const said = await this.#access.get(`${this.#api}/${this.topic}/messages?limit=${PAGE}${before === null ? "" : `&before=${before}`}`);
    const found = Array.isArray(said.messages) ? said.messages.map(objectOf) : [];
    this.#next = textOf(said.next);
    if (!this.#isClosed) for (const body of found) this.#hooks.heard(/** @type {Body} */ (body), false);
    return found;
  }

  async #post(/** @type {string} */ what, /** @type {object} */ body, /** @type {string | null} */ key = null) {
    const headers = { "Content-Type": "application/json", ...(key !== null && { "Idempotency-Key": key }) };
    const answered = await this.#access.fetch(`${this.#api}/${this.topic}/${what}${this.#who}`, { method: "POST", headers, body: JSON.stringify(body) })
      .catch(() => {
        throw new Error("The server cannot be reached. Try again when it is back.");
      });
    await check(answered);
  }
}

/** Throw an Error with the server's own sentence, if it refused. */
async function check(/** @type {Response} */ answered) {
  if (answered.ok) return;
  const said = objectOf(await answered.json().catch(() => ({})));
  throw new Error(textOf(said.detail) ?? textOf(said.title) ?? `The server answered ${answered.status}.`);
}
