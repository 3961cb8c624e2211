/**
 * A conversation as its events say it: what was said, by whom, who thinks what of it, who is there. Pure.
 *
 * Events may come in any order and more than once, from the list of what was said and from the stream: each is
 * known by its id. An answer is one item, whichever of its events are there.
 *
 * @module
 */

import { compare } from "./client/order.js";
import { nameOf, numberOf, objectOf, textOf } from "./fields.js";

/** @import { Body } from "./client/wire.d.ts" */

/**
 * @typedef {Body & {[name in "user" | "username" | "attachments" | "reply_to" | "answer" | "chunk" | "segment" | "finish_reason" | "message_id" | "reaction"
 *   | "added" | "reader" | "is_typing"]?: unknown}} Told an event of a conversation; its fields are whatever somebody put there
 *
 * @typedef {object} File
 * @property {string} url `http:`, `https:` or a path of the server
 * @property {string} name
 *
 * @typedef {object} Item
 * @property {string} key
 * @property {string | null} id of its event; null while an answer is said
 * @property {string | null} timestamp
 * @property {string | null} user null: an answer
 * @property {string} name what whoever said it is called
 * @property {string} text
 * @property {File[]} files
 * @property {string | null} replyTo
 * @property {"said" | "saying" | "whole" | "failed" | "stopped"} state
 * @property {string | null} error why an answer failed
 * @property {number} attempt of an answer
 * @property {boolean} isShort whether there was more than fits
 *
 * @typedef {object} Thought
 * @property {string} reaction
 * @property {Map<string, string>} by user their names
 */

/** Items that are kept: more than anybody scrolls back through in one sitting. */
const MAX_ITEMS = 2000;
/** Characters of one text that are shown; no message has more, and no answer that anybody reads. */
const MAX_TEXT = 1_000_000;

export class ChatModel {
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** By answer the id of its last chunk: one that comes once more says nothing more. @type {Map<string, string>} */
  #chunks = new Map();
  /** By answer what each of its segments says. @type {Map<string, Map<number, string>>} */
  #segments = new Map();
  /** By message, reaction and user the last that was said. @type {Map<string, {id: string, message: string, reaction: string, user: string, name: string, added: boolean}>} */
  #thoughts = new Map();
  /** By user the last position up to which they have read. @type {Map<string, string>} */
  readers = new Map();
  /** By user what they are called. @type {Map<string, string>} */
  names = new Map();
  /** @type {Map<string, string>} */
  present = new Map();
  /** Up to where `present` is the truth. @type {string | null} */
  #presentAt = null;
  /** @type {Item[] | null} */
  #sorted = null;

  /** The items in the order of the conversation; what is still being said is its end. @returns {Item[]} */
  get items() {
    this.#sorted ??= [...this.#items.values()].sort((a, b) => {
      if (a.id === null || b.id === null) return Number(a.id === null) - Number(b.id === null);
      return compare(a.id, b.id);
    });
    return this.#sorted;
  }

  /** The last event that somebody can have read. @returns {string | null} */
  get last() {
    return this.items.findLast(({ id }) => id !== null)?.id ?? null;
  }

  /** How many there are in all that was said. */
  get words() {
    return this.items.reduce((sum, { text }) => sum + (text.match(/\S+/gu)?.length ?? 0), 0);
  }

  get(/** @type {string} */ key) {
    return this.#items.get(key) ?? null;
  }

  /** What is thought of an item, in the order in which it was thought of first. @returns {Thought[]} */
  thoughts(/** @type {string | null} */ id) {
    /** @type {Map<string, Thought>} */
    const found = new Map();
    for (const { message, reaction, user, name, added } of this.#thoughts.values()) {
      if (message !== id || !added) continue;
      const thought = found.get(reaction) ?? { reaction, by: new Map() };
      thought.by.set(user, name);
      found.set(reaction, thought);
    }
    return [...found.values()];
  }

  hear(/** @type {Told} */ body) {
    const user = textOf(body.user);
    const name = nameOf(body.username) ?? user;
    if (user !== null && name !== null) this.names.set(user, name);
    switch (body.type) {
      case "message":
        return this.#said(body, user ?? "", name ?? "somebody");
      case "ai_chunk":
      case "ai_segment":
      case "ai_reset":
      case "ai_complete":
      case "ai_failed":
        return this.#answered(body);
      case "reaction":
        return this.#thought(body, user ?? "", name ?? "somebody");
      case "user_join":
      case "user_leave":
        return this.#came(body, user ?? "", name ?? "somebody");
      case "read":
        return this.read(textOf(body.reader) ?? "", textOf(body.cursor));
      default:
        return undefined;
    }
  }

  /** Somebody has read up to there; no cursor goes back. */
  read(/** @type {string} */ reader, /** @type {string | null} */ cursor) {
    const before = this.readers.get(reader);
    if (cursor !== null && (before === undefined || compare(cursor, before) > 0)) this.readers.set(reader, cursor);
  }

  /** These are there, as of a position: what came before it is in the list. */
  know(/** @type {unknown} */ present, /** @type {string | null} */ cursor) {
    this.present = new Map();
    this.#presentAt = cursor;
    for (const one of Array.isArray(present) ? present.map(objectOf) : []) {
      const user = textOf(one.user);
      if (user !== null) this.present.set(user, nameOf(one.username) ?? user);
    }
  }

  #said(/** @type {Told} */ body, /** @type {string} */ user, /** @type {string} */ name) {
    const id = String(body.id);
    this.#put({
      ...EMPTY, key: id, id, timestamp: textOf(body.timestamp), user, name, text: long(body.message), files: filesOf(body.attachments),
      replyTo: textOf(body.reply_to), state: "said",
    });
  }

  #answered(/** @type {Told} */ body) {
    const key = `answer ${textOf(body.answer)}`;
    const attempt = numberOf(body.attempt) ?? 1;
    const segment = numberOf(body.segment) ?? 1;
    const known = this.#items.get(key);
    // Whatever is told of it after its end was told before; a list has its end first.
    if (known !== undefined && known.state !== "saying" && (body.type !== "ai_segment" || attempt !== known.attempt)) return;
    const base = known ?? {
      ...EMPTY, key, id: null, timestamp: textOf(body.timestamp), user: null, name: "Assistant", replyTo: textOf(body.reply_to), state: /** @type {const} */ ("saying"), attempt,
    };
    if (body.type === "ai_complete" || body.type === "ai_failed") {
      const isWhole = body.type === "ai_complete";
      if (attempt > base.attempt) this.#segments.delete(key);
      const message = long(body.message);
      const text = isWhole || message !== "" ? this.#withSegment(key, segment, message) : base.text;
      this.#put({
        ...base,
        id: String(body.id),
        timestamp: textOf(body.timestamp),
        text,
        state: isWhole ? "whole" : body.reason === "cancelled" ? "stopped" : "failed",
        error: textOf(body.error),
        isShort: body.finish_reason === "length",
        attempt,
      });
      this.#chunks.delete(key);
      return;
    }
    if (body.type === "ai_segment" && attempt === base.attempt) {
      // All that it said, whatever of it was heard.
      this.#put({ ...base, text: this.#withSegment(key, segment, long(body.message)) });
      return;
    }
    const last = this.#chunks.get(key);
    const id = String(body.id);
    if (attempt < base.attempt || (last !== undefined && compare(id, last) <= 0)) return;
    this.#chunks.set(key, id);
    // Of another attempt all that was said before is void.
    if (attempt > base.attempt || body.type === "ai_reset") this.#segments.delete(key);
    const before = this.#segments.get(key)?.get(segment) ?? "";
    const more = body.type === "ai_segment" ? long(body.message) : body.type === "ai_chunk" ? before + long(body.chunk) : null;
    const text = more === null ? this.#textOf(key) : this.#withSegment(key, segment, more);
    this.#put({ ...base, attempt, text });
  }

  /** An answer, one of whose segments says this. */
  #withSegment(/** @type {string} */ key, /** @type {number} */ segment, /** @type {string} */ text) {
    const segments = this.#segments.get(key) ?? new Map();
    this.#segments.set(key, segments.set(segment, text));
    return this.#textOf(key);
  }

  #textOf(/** @type {string} */ key) {
    const segments = [...(this.#segments.get(key) ?? [])].sort(([one], [other]) => one - other);
    return long(segments.map(([, text]) => text).join(""));
  }

  #thought(/** @type {Told} */ body, /** @type {string} */ user, /** @type {string} */ name) {
    const message = textOf(body.message_id) ?? "";
    const reaction = textOf(body.reaction) ?? "";
    const id = String(body.id);
    const key = `${message} ${reaction} ${user}`;
    const before = this.#thoughts.get(key);
    if (before === undefined || compare(id, before.id) > 0) this.#thoughts.set(key, { id, message, reaction, user, name, added: body.added !== false });
  }

  #came(/** @type {Told} */ body, /** @type {string} */ user, /** @type {string} */ name) {
    if (this.#presentAt !== null && compare(String(body.id), this.#presentAt) <= 0) return;
    if (body.type === "user_join") this.present.set(user, name);
    else this.present.delete(user);
  }

  #put(/** @type {Item} */ item) {
    this.#items.set(item.key, item);
    this.#sorted = null;
    if (this.#items.size > MAX_ITEMS) {
      const [oldest] = this.items;
      if (oldest !== undefined) {
        this.#items.delete(oldest.key);
        this.#segments.delete(oldest.key);
      }
      this.#sorted = null;
    }
  }
}

/** @type {Item} */
const EMPTY = {
  key: "", id: null, timestamp: null, user: null, name: "", text: "", files: [], replyTo: null, state: "said", error: null, attempt: 1, isShort: false,
};

/** A text of a message, of which no part is left out as in a list. */
function long(/** @type {unknown} */ value) {
  return typeof value === "string" ? value.slice(0, MAX_TEXT) : "";
}

/** @returns {File[]} those whose address is no program */
function filesOf(/** @type {unknown} */ attachments) {
  const found = Array.isArray(attachments) ? attachments.map(objectOf) : [];
  return found
    .map(({ url, name }) => ({ url: textOf(url) ?? "", name: nameOf(name) ?? "a file" }))
    .filter(({ url }) => /^(?:https?:\/\/|\/(?![/\\]))/u.test(url));
}
