/**
 * What was said, drawn: an element for each message and answer, changed only where it did.
 *
 * @module
 */

import { compare } from "./client/order.js";
import { instance, setText } from "./template.js";

/** @import { ChatModel, Item } from "./chat-model.js" */
/** @import { ItemParts } from "./template.js" */

/** @typedef {{root: HTMLElement, parts: ItemParts, drawn: string}} Drawn `drawn`: what is drawn, in words */

/** What may be thought of a message with one press. */
export const REACTIONS = ["👍", "❤️", "😂", "🎉", "👀"];
/** Milliseconds in which what one says is under one name. */
const TOGETHER_MS = 5 * 60_000;
/** Characters of a message that an answer to it repeats. */
const QUOTED = 60;
/** Names that are listed; of more, how many. */
const NAMED = 3;

export class ChatList {
  #container;
  #does;
  /** @type {Map<string, Drawn>} */
  #drawn = new Map();

  /**
   * @param {HTMLElement} container an ordered list
   * @param {object} does
   * @param {(id: string, reaction: string, added: boolean) => void} does.react
   * @param {(answer: string) => void} does.stop
   */
  constructor(container, does) {
    this.#container = container;
    this.#does = does;
    container.addEventListener("click", (event) => this.#pressed(event));
    container.addEventListener("keydown", (event) => {
      const open = event.target instanceof Element ? event.target.closest("details[open]") : null;
      if (event.key !== "Escape" || open === null) return;
      event.stopPropagation();
      open.removeAttribute("open");
      open.querySelector("summary")?.focus();
    });
  }

  clear() {
    this.#drawn.clear();
    this.#container.replaceChildren();
  }

  /** @param {ChatModel} model @param {string | null} me the user that we are */
  show(model, me) {
    const { items } = model;
    const seen = seenBy(model, me);
    const keys = new Set(items.map(({ key }) => key));
    for (const [key, { root }] of this.#drawn) {
      if (keys.has(key)) continue;
      root.remove();
      this.#drawn.delete(key);
    }
    let position = 0;
    /** @type {Item | null} */
    let before = null;
    for (const item of items) {
      const one = this.#drawn.get(item.key) ?? this.#add(item);
      this.#update(one, item, before, model, me, seen.get(item.key) ?? []);
      const there = this.#container.children[position++] ?? null;
      if (there !== one.root) this.#container.insertBefore(one.root, there);
      before = item;
    }
  }

  #add(/** @type {Item} */ item) {
    /** @type {Drawn} */
    const one = { ...instance("chat-item"), drawn: "" };
    one.root.dataset.key = item.key;
    for (const reaction of REACTIONS) one.parts.choices.append(choice(reaction));
    this.#drawn.set(item.key, one);
    return one;
  }

  /** @param {Drawn} one @param {Item} item @param {Item | null} before @param {ChatModel} model @param {string | null} me @param {string[]} seen */
  #update(one, item, before, model, me, seen) {
    const { root, parts } = one;
    const thoughts = model.thoughts(item.id);
    const isMine = item.user !== null && item.user === me;
    const isFirst = before === null || before.user !== item.user || later(item, before) > TOGETHER_MS;
    const quoted = item.replyTo !== null && item.replyTo !== before?.id ? model.get(item.replyTo) : null;
    const drawn = JSON.stringify([
      item.text.length, item.state, item.attempt, item.id, isMine, isFirst, quoted?.key, seen, me, thoughts.map(({ reaction, by }) => [reaction, [...by]]),
    ]);
    if (drawn === one.drawn) return;
    one.drawn = drawn;
    const isAnswer = item.user === null;
    root.className = `said${isAnswer ? " answer" : ""}${isMine ? " mine" : ""}${isFirst ? " first" : ""}`;
    root.dataset.state = item.state;
    root.dataset.id = item.id ?? "";
    setText(parts.name, isMine ? "You" : item.name);
    setText(parts.face, isAnswer ? "✦" : initials(item.name));
    parts.face.style.setProperty("--hue", String(hue(item.user ?? "")));
    const at = item.timestamp === null ? null : new Date(item.timestamp);
    setText(parts.at, at === null ? "" : at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    parts.at.setAttribute("datetime", item.timestamp ?? "");
    parts.at.title = at?.toLocaleString() ?? "";
    parts.quoted.hidden = quoted === null;
    setText(parts.quoted, quoted === null ? "" : `to ${quoted.name}: ${shortened(quoted.text)}`);
    // What is said more of it is added, so that what somebody selects of it stays selected.
    const shown = parts.text.textContent ?? "";
    if (shown !== "" && item.text.startsWith(shown)) parts.text.append(item.text.slice(shown.length));
    else setText(parts.text, item.text);
    parts.text.normalize();
    parts.files.replaceChildren(...item.files.map(link));
    setText(parts.note, noteOf(item));
    parts.note.hidden = parts.note.textContent === "";
    parts.stop.hidden = item.state !== "saying";
    parts.thoughts.hidden = item.id === null;
    parts.given.replaceChildren(...thoughts.map((thought) => pill(thought.reaction, thought.by, me)));
    setText(parts.seen, seen.length === 0 ? "" : `Seen by ${listed(seen)}`);
    parts.seen.hidden = seen.length === 0;
    parts.summary.setAttribute("aria-label", `React to what ${isMine ? "you" : item.name} said`);
  }

  #pressed(/** @type {MouseEvent} */ { target }) {
    const pressed = target instanceof Element ? target.closest("button") : null;
    const key = pressed?.closest("li[data-key]")?.getAttribute("data-key") ?? null;
    if (pressed === null || key === null) return;
    const reaction = pressed.dataset.reaction;
    if (reaction === undefined) {
      this.#does.stop(key.replace(/^answer /u, ""));
      return;
    }
    const details = pressed.closest("details");
    if (details !== null) {
      details.open = false;
      details.querySelector("summary")?.focus();
    }
    const id = pressed.closest("li[data-key]")?.getAttribute("data-id") ?? "";
    if (id !== "") this.#does.react(id, reaction, pressed.getAttribute("aria-pressed") !== "true");
  }
}

/** By item the names of those who have read up to it and no further, but us and whoever said it. */
function seenBy(/** @type {ChatModel} */ model, /** @type {string | null} */ me) {
  const items = model.items.filter(({ id }) => id !== null);
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const [reader, cursor] of model.readers) {
    if (reader === me) continue;
    const last = items.findLast(({ id, user }) => id !== null && user !== reader && compare(id, cursor) <= 0);
    if (last === undefined) continue;
    found.set(last.key, [...(found.get(last.key) ?? []), model.names.get(reader) ?? reader]);
  }
  return found;
}

function later(/** @type {Item} */ item, /** @type {Item} */ before) {
  return Date.parse(item.timestamp ?? "") - Date.parse(before.timestamp ?? "");
}

function noteOf(/** @type {Item} */ { state, error, attempt, isShort }) {
  if (state === "saying") return attempt > 1 ? `Attempt ${attempt}: what was said before was void` : "";
  if (state === "failed") return `No answer: ${error ?? "it failed"}`;
  if (state === "stopped") return "Stopped";
  return isShort ? "It had more to say than fits" : "";
}

function choice(/** @type {string} */ reaction) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.reaction = reaction;
  made.textContent = reaction;
  return made;
}

/** @param {string} reaction @param {Map<string, string>} by @param {string | null} me */
function pill(reaction, by, me) {
  const made = choice(reaction);
  const isOurs = me !== null && by.has(me);
  made.textContent = `${reaction} ${by.size}`;
  made.setAttribute("aria-pressed", String(isOurs));
  const names = [...by].map(([user, name]) => (user === me ? "you" : name));
  made.title = listed(names);
  made.setAttribute("aria-label", `${made.textContent}, ${listed(names)}`);
  return made;
}

function link(/** @type {{url: string, name: string}} */ { url, name }) {
  const made = document.createElement("a");
  made.href = url;
  made.textContent = name;
  made.rel = "noopener noreferrer";
  made.target = "_blank";
  const line = document.createElement("li");
  line.append(made);
  return line;
}

function shortened(/** @type {string} */ text) {
  const line = text.replace(/\s+/gu, " ");
  return line.length <= QUOTED ? line : `${line.slice(0, QUOTED - 1)}…`;
}

export function listed(/** @type {string[]} */ names) {
  const [first = "", ...rest] = names.length > NAMED ? [...names.slice(0, NAMED - 1), `${names.length - NAMED + 1} more`] : names;
  const last = rest.pop();
  return last === undefined ? first : `${[first, ...rest].join(", ")} and ${last}`;
}

export function initials(/** @type {string} */ name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
  const [first, second] = [words[0] ?? "?", words.length > 1 ? (words.at(-1) ?? "") : ""];
  return `${[...first][0] ?? ""}${[...second][0] ?? ""}`.toLocaleUpperCase();
}

/** The same for the same user, everywhere. */
export function hue(/** @type {string} */ user) {
  let sum = 0;
  for (const character of user) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return sum;
}
