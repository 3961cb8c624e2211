/**
 * A conversation on the page: people who talk, and who or what answers them.
 *
 * @module
 */

import { ChatLine } from "./chat-line.js";
import { ChatList, listed } from "./chat-list.js";
import { ChatModel } from "./chat-model.js";
import { showPresent } from "./chat-present.js";
import { ChatSource } from "./chat-source.js";
import { button, byId, element, input } from "./elements.js";
import { textOf } from "./fields.js";
import { setText } from "./template.js";

/** @import { Access } from "./access.js" */
/** @import { State } from "./connection.js" */
/** @import { Told } from "./chat-model.js" */

/** Where a reload finds what somebody is called; another tab is somebody else, until it says otherwise. */
const KEY = "streamer.name";
/** Milliseconds between two words that we are typing; the server ends it after six seconds. */
const TYPING_MS = 3000;
/** Milliseconds after which somebody is not typing, should its end not come. */
const TYPED_MS = 8000;
/** Milliseconds between two words of how far we have read. */
const READ_MS = 500;
/** Milliseconds before what was said is asked for again, where that failed: first, and at most. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 15_000;
/** Pixels from the end within which somebody is at it. */
const NEAR = 80;

export class Chat {
  #server;
  #access;
  #list;
  #line = new ChatLine({
    words: () => this.#model.words,
    after: () => this.#source?.lastEventId ?? null,
    changed: () => {
      if (!this.#line.isCut) this.#source?.retryNow();
      this.#draw();
    },
  });
  #model = new ChatModel();
  /** @type {ChatSource | null} */
  #source = null;
  /** Who we are, as far as that is known. @type {string | null} */
  #me = null;
  /** By user until when they are typing. @type {Map<string, {name: string, until: number}>} */
  #typing = new Map();
  #toldTyping = 0;
  #read = "";
  #isReading = false;
  #isAtEnd = true;
  #isListing = false;
  #isDrawing = false;
  /** @type {State} */
  #state = "connecting";
  #over = "";

  /** @param {string} server @param {Access} access who asks */
  constructor(server, access) {
    this.#server = server;
    this.#access = access;
    this.#list = new ChatList(byId("chat-items"), {
      react: (id, reaction, added) => this.#do((source) => source.react(id, reaction, added)),
      stop: (answer) => this.#do((source) => source.stop(answer)),
    });
    const text = element("chat-text", HTMLTextAreaElement);
    element("chat-form", HTMLFormElement).addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      this.#say(text);
    });
    text.addEventListener("keydown", (event) => {
      // An input method takes Enter for itself.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#say(text);
      }
    });
    text.addEventListener("input", () => {
      grow(text);
      this.#tellTyping(text.value !== "");
    });
    const name = input("chat-name");
    name.value = this.#name;
    name.addEventListener("change", () => this.#rename(name));
    const log = byId("chat-log");
    log.addEventListener("scroll", () => {
      this.#isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
      byId("chat-newer").hidden = this.#isAtEnd;
      this.#markRead();
      // The observer sees no change in who is back at the top before it looks again.
      if (log.scrollTop === 0) this.#older();
    });
    new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) this.#older();
    }, { root: log }).observe(byId("chat-top"));
    new ResizeObserver(() => this.#stay()).observe(log);
    button("chat-newer").addEventListener("click", () => {
      this.#isAtEnd = true;
      this.#stay();
      text.focus();
    });
    addEventListener("visibilitychange", () => this.#markRead());
    // What is of the moment ends by itself.
    setInterval(() => this.#source !== null && this.#draw(), 1000);
  }

  /** What the page is called while one is open. */
  get title() {
    return this.#source === null ? null : `Conversation ${this.#source.id}`;
  }

  /** How its connection is; null: none is open. */
  get condition() {
    return this.#source === null ? null : { state: this.#state, over: this.#over, isCut: this.#line.isCut };
  }

  /** Open a conversation; null: none. */
  open(/** @type {string | null} */ id) {
    if (id === (this.#source?.id ?? null)) return;
    this.#close();
    if (id === null) return;
    setText(byId("chat-title"), id);
    this.#begin(id);
  }

  /** Go on as somebody else, or as nobody. */
  restart() {
    const id = this.#source?.id ?? null;
    if (id === null) return;
    this.#close();
    this.#begin(id);
  }

  get #name() {
    let name = sessionStorage.getItem(KEY);
    if (name === null) {
      name = `Guest ${crypto.getRandomValues(new Uint16Array(1))[0] ?? 0}`;
      sessionStorage.setItem(KEY, name);
    }
    return name;
  }

  async #begin(/** @type {string} */ id) {
    this.#fail(null);
    byId("chat-name-field").hidden = this.#access.holds;
    /** @type {ChatSource} */
    const source = new ChatSource(this.#server, id, this.#access, this.#line.line, {
      name: this.#name,
      heard: (body, isNew) => source === this.#source && this.#heard(body, isNew),
      entered: (state, reason, over) => source === this.#source && this.#entered(state, reason, over),
      lost: () => source === this.#source && this.restart(),
    });
    this.#source = source;
    this.#me = this.#access.holds ? null : this.#name;
    this.#draw();
    for (let pause = FIRST_PAUSE_MS; source === this.#source; pause = Math.min(2 * pause, MAX_PAUSE_MS)) {
      try {
        await source.open();
        break;
      } catch (error) {
        if (source !== this.#source) return;
        // A browser's own words for a server that is away are of no use to anybody.
        const isAway = error instanceof TypeError;
        this.#entered(isAway ? "waiting" : "refused", isAway ? "The server cannot be reached." : /** @type {Error} */ (error).message, "");
        await new Promise((again) => setTimeout(again, pause));
      }
    }
    // Meanwhile a person may have given a token: then it is what says who we are.
    byId("chat-name-field").hidden = this.#access.holds;
    const me = this.#access.holds ? source.reader().catch(() => null) : this.#name;
    const readers = await source.readers().catch(() => []);
    if (source !== this.#source) return;
    this.#me = await me;
    for (const [reader, cursor] of readers) this.#model.read(reader, cursor);
    this.#draw();
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    this.#model = new ChatModel();
    this.#list.clear();
    this.#line.forget();
    this.#typing.clear();
    this.#read = "";
    this.#isAtEnd = true;
    this.#state = "connecting";
  }

  #heard(/** @type {Told} */ body, /** @type {boolean} */ isNew) {
    const user = textOf(body.user) ?? "";
    if (body.type === "typing") {
      if (body.is_typing === true) this.#typing.set(user, { name: textOf(body.username) ?? user, until: Date.now() + TYPED_MS });
      else this.#typing.delete(user);
    } else {
      if (body.type === "message" || body.type === "user_leave") this.#typing.delete(user);
      this.#model.hear(body);
    }
    if (isNew) this.#announce(body, user);
    this.#draw();
  }

  async #entered(/** @type {State} */ state, /** @type {string | null} */ reason, /** @type {string} */ over) {
    this.#state = state;
    this.#over = over;
    this.#fail(state === "refused" ? (reason ?? "You may not read this conversation.") : state === "waiting" && !this.#line.isCut ? (reason ?? "The server is away.") : null);
    const source = this.#source;
    if (state === "live") this.#line.caughtUp();
    if (state === "live" && source !== null) {
      const there = await source.presence().catch(() => null);
      if (there !== null && source === this.#source) this.#model.know(there.present, there.cursor);
    }
    this.#draw();
  }

  /** Say to who does not see it what came; not each word of an answer. */
  #announce(/** @type {Told} */ body, /** @type {string} */ user) {
    if (user !== "" && user === this.#me) return;
    if (body.type === "message") setText(byId("chat-announcement"), `${textOf(body.username) ?? user} says: ${textOf(body.message) ?? ""}`);
    if (body.type === "ai_complete") setText(byId("chat-announcement"), `The assistant answers: ${textOf(body.message) ?? ""}`);
    if (body.type === "ai_failed") setText(byId("chat-announcement"), "There is no answer.");
  }

  async #say(/** @type {HTMLTextAreaElement} */ text) {
    const said = text.value.trim();
    if (said === "" || button("chat-send").disabled) return;
    button("chat-send").disabled = true;
    this.#isAtEnd = true;
    const isSaid = await this.#do(async (source) => {
      await source.say(said);
    });
    button("chat-send").disabled = false;
    if (!isSaid) return;
    // What was typed meanwhile is not said yet.
    if (text.value.trim() === said) text.value = "";
    this.#toldTyping = 0;
    grow(text);
  }

  /** @param {(source: ChatSource) => Promise<void>} what */
  async #do(what) {
    const source = this.#source;
    if (source === null) return false;
    try {
      await what(source);
      this.#fail(null);
      return true;
    } catch (error) {
      if (source === this.#source) this.#fail(/** @type {Error} */ (error).message);
      return false;
    }
  }

  #tellTyping(/** @type {boolean} */ isTyping) {
    const now = Date.now();
    if (isTyping ? now - this.#toldTyping < TYPING_MS : this.#toldTyping === 0) return;
    this.#toldTyping = isTyping ? now : 0;
    // It is of the moment: one that is lost is not missed.
    this.#source?.typing(isTyping).catch(() => {});
  }

  #rename(/** @type {HTMLInputElement} */ name) {
    const given = name.value.trim();
    if (given === "") {
      name.value = this.#name;
      return;
    }
    sessionStorage.setItem(KEY, given);
    this.restart();
  }

  async #older() {
    const source = this.#source;
    if (source === null || this.#isListing || !source.hasOlder) return;
    this.#isListing = true;
    const log = byId("chat-log");
    const fromEnd = log.scrollHeight - log.scrollTop;
    await this.#do((one) => one.older());
    this.#isListing = false;
    if (source !== this.#source) return;
    this.#drawNow();
    // What somebody looks at stays where it is.
    log.scrollTop = log.scrollHeight - fromEnd;
  }

  /** Tell how far we have read, if somebody looks at it. */
  async #markRead() {
    const { last } = this.#model;
    if (this.#isReading || last === null || last === this.#read || !this.#isAtEnd || document.hidden) return;
    this.#isReading = true;
    this.#read = last;
    await this.#source?.read(last).catch(() => {});
    setTimeout(() => {
      this.#isReading = false;
      this.#markRead();
    }, READ_MS);
  }

  /* What is drawn. */

  #draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => this.#drawNow());
  }

  #drawNow() {
    this.#isDrawing = false;
    const model = this.#model;
    this.#list.show(model, this.#me);
    byId("chat-empty").hidden = model.items.length > 0 || this.#state === "connecting";
    byId("chat-top").hidden = !(this.#source?.hasOlder ?? false);
    showPresent(model.present, this.#me);
    this.#showTyping();
    this.#line.show(this.#state);
    this.#stay();
    this.#markRead();
  }

  #showTyping() {
    const now = Date.now();
    for (const [user, { until }] of this.#typing) if (until < now) this.#typing.delete(user);
    const names = [...this.#typing].filter(([user]) => user !== this.#me).map(([, { name }]) => name);
    setText(byId("chat-typing"), names.length === 0 ? "" : `${listed(names)} ${names.length === 1 ? "is" : "are"} typing…`);
  }

  /** Who is at the end stays there. */
  #stay() {
    const log = byId("chat-log");
    if (this.#isAtEnd) log.scrollTop = log.scrollHeight;
    byId("chat-newer").hidden = this.#isAtEnd;
  }

  #fail(/** @type {string | null} */ words) {
    byId("chat-failure").hidden = words === null;
    setText(byId("chat-failure"), words ?? "");
  }
}

/** As high as what is written, within what its style allows. */
function grow(/** @type {HTMLTextAreaElement} */ text) {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}
