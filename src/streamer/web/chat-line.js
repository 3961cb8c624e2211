/**
 * The line that a conversation is read over, which a person cuts on purpose, and what they are told of it.
 *
 * @module
 */

import { button, byId } from "./elements.js";
import { CUT_MS, Line } from "./line.js";
import { setText } from "./template.js";

/** @import { State } from "./connection.js" */

/** Milliseconds for which it is said what came when the line was whole again. */
const TOLD_MS = 8000;

export class ChatLine {
  #hooks;
  /** Words that were shown when it was cut, and the event up to which; null: what was missed is there. @type {{words: number, after: string | null} | null} */
  #cut = null;
  #told = "";
  #toldUntil = 0;

  /**
   * @param {object} hooks
   * @param {() => number} hooks.words how many are shown
   * @param {() => string | null} hooks.after the id of the last event that came
   * @param {() => void} hooks.changed it was cut, or is whole again
   */
  constructor(hooks) {
    this.#hooks = hooks;
    this.line = new Line(hooks.changed);
    button("chat-cut").addEventListener("click", () => {
      if (button("chat-cut").getAttribute("aria-disabled") === "true") return;
      this.#cut = { words: hooks.words(), after: hooks.after() };
      this.line.cut();
    });
  }

  get isCut() {
    return this.line.isCut;
  }

  /** Another conversation: nothing was missed of it. */
  forget() {
    this.#cut = null;
    this.#told = "";
  }

  /** All that was said before is there. */
  caughtUp() {
    if (this.#cut === null || this.isCut) return;
    this.#told = toldOf(this.#hooks.words() - this.#cut.words, this.#cut.after);
    this.#toldUntil = Date.now() + TOLD_MS;
    this.#cut = null;
  }

  /** @param {State} state how the conversation's connection is */
  show(state) {
    const words = this.isCut
      ? `The line is cut for ${CUT_MS / 1000} s. What is said meanwhile is kept, and comes when it is whole again.`
      : Date.now() < this.#toldUntil ? this.#told : "";
    byId("chat").dataset.line = this.isCut ? "cut" : "whole";
    setText(byId("chat-notice"), words);
    byId("chat-notice").hidden = words === "";
    // Who cut it by a key stays there.
    button("chat-cut").setAttribute("aria-disabled", String(this.isCut || state !== "live"));
  }
}

/** @param {number} words that came @param {string | null} after which event */
function toldOf(words, after) {
  if (words <= 0) return "The line is whole again. Nothing was said meanwhile.";
  const from = after === null ? "" : `, from after ${after}`;
  return `The line is whole again: ${words === 1 ? "1 word" : `${words} words`} came at once${from}. None is missing, none came twice.`;
}
