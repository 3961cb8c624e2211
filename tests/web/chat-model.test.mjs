// What `chat-model.js` of `src/streamer/web/` makes of a conversation's events.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chatIn, placeIn } from "../../src/streamer/web/address.js";
import { ChatModel } from "../../src/streamer/web/chat-model.js";
import { hue, initials, listed } from "../../src/streamer/web/chat-list.js";

/** @import { Told } from "../../src/streamer/web/chat-model.js" */

const said = (/** @type {string} */ id, /** @type {string} */ message, user = "ada") => ({ type: "message", id, message, user, username: user.toUpperCase() });
const chunk = (/** @type {string} */ id, /** @type {string} */ text, attempt = 1) => ({ type: "ai_chunk", id, answer: "a", chunk: text, attempt, reply_to: "1-0" });
const whole = (/** @type {string} */ id, /** @type {string} */ message, attempt = 1) => ({ type: "ai_complete", id, answer: "a", message, attempt, reply_to: "1-0" });
const reset = (/** @type {string} */ id, /** @type {number} */ attempt) => ({ type: "ai_reset", id, answer: "a", attempt });

/** A conversation of these events. */
function of(/** @type {Told[]} */ ...bodies) {
  const model = new ChatModel();
  for (const body of bodies) model.hear(body);
  return model;
}

const shown = (/** @type {ChatModel} */ model) => model.items.map(({ text, state }) => `${state}: ${text}`);

test("what was said stands in its order, whatever comes first and however often", () => {
  const model = of(said("10-0", "two"), said("9-0", "one"), said("10-0", "two"), said("10-1", "three"));
  assert.deepEqual(shown(model), ["said: one", "said: two", "said: three"]);
  assert.equal(model.last, "10-1");
});

test("an answer grows at the end while it is said, and stands where its whole does", () => {
  const events = [said("1-0", "hi"), chunk("2-0", "Hel"), chunk("3-0", "lo"), said("4-0", "and?")];
  assert.deepEqual(shown(of(...events)), ["said: hi", "said: and?", "saying: Hello"]);
  const done = of(...events, whole("5-0", "Hello you"), said("6-0", "thanks"));
  assert.deepEqual(shown(done), ["said: hi", "said: and?", "whole: Hello you", "said: thanks"]);
});

test("a chunk that comes once more says nothing more, nor does one after the end", () => {
  const model = of(chunk("2-0", "a"), chunk("2-0", "a"), chunk("3-0", "b"), chunk("2-0", "a"));
  assert.deepEqual(shown(model), ["saying: ab"]);
  model.hear(whole("4-0", "ab"));
  model.hear(chunk("3-0", "b"));
  assert.deepEqual(shown(model), ["whole: ab"]);
});

test("what an attempt said is void when the next one begins, with the word of it or without", () => {
  assert.deepEqual(shown(of(chunk("2-0", "a"), reset("3-0", 2))), ["saying: "]);
  assert.deepEqual(shown(of(chunk("2-0", "a"), reset("3-0", 2), chunk("4-0", "b", 2))), ["saying: b"]);
  assert.deepEqual(shown(of(chunk("2-0", "a"), chunk("4-0", "b", 2), chunk("5-0", "late"))), ["saying: b"]);
});

test("a long answer is its segments, whichever comes first", () => {
  const of3 = (/** @type {string} */ type, /** @type {string} */ id, /** @type {number} */ segment, /** @type {object} */ more, attempt = 1) => ({ type, id, answer: "a", attempt, segment, ...more });
  const first = of3("ai_segment", "4-0", 1, { message: "one " });
  const second = of3("ai_chunk", "5-0", 2, { chunk: "two" });
  const end = of3("ai_complete", "6-0", 2, { message: "two." });
  assert.deepEqual(shown(of(of3("ai_chunk", "2-0", 1, { chunk: "on" }), first, second)), ["saying: one two"]);
  assert.deepEqual(shown(of(of3("ai_chunk", "2-0", 1, { chunk: "on" }), first, second, end)), ["whole: one two."]);
  assert.deepEqual(shown(of(end, first)), ["whole: one two."]);
  const anew = of3("ai_complete", "9-0", 1, { message: "anew" }, 2);
  assert.deepEqual(shown(of(first, second, anew)), ["whole: anew"]);
  assert.deepEqual(shown(of(anew, first)), ["whole: anew"]);
});

test("an answer that failed keeps what was said of it", () => {
  const failed = { type: "ai_failed", id: "9-0", answer: "a", attempt: 1, error: "away", reason: "error" };
  assert.deepEqual(shown(of(chunk("2-0", "half"), failed)), ["failed: half"]);
  assert.deepEqual(shown(of({ ...failed, message: "half of", reason: "cancelled" })), ["stopped: half of"]);
});

test("of what somebody thinks of a message the last counts", () => {
  const thought = (/** @type {string} */ id, added = true, user = "ada") => ({ type: "reaction", id, message_id: "1-0", reaction: "x", added, user, username: user });
  const by = (/** @type {Told[]} */ ...bodies) => of(...bodies).thoughts("1-0").map((one) => [one.reaction, ...one.by.keys()]);
  assert.deepEqual(by(thought("2-0"), thought("3-0", true, "bob")), [["x", "ada", "bob"]]);
  assert.deepEqual(by(thought("3-0", false), thought("2-0")), []);
});

test("who is there is the list, and what came after it", () => {
  const join = (/** @type {string} */ id, /** @type {string} */ user) => ({ type: "user_join", id, user, username: user });
  const model = of(join("1-0", "old"));
  model.know([{ user: "ada", username: "Ada" }], "5-0");
  for (const body of [join("4-0", "gone"), join("6-0", "bob"), { ...join("7-0", "ada"), type: "user_leave" }]) model.hear(body);
  assert.deepEqual([...model.present], [["bob", "bob"]]);
});

test("nobody has read less than before", () => {
  const model = of({ type: "read", reader: "ada", cursor: "5-0" }, { type: "read", reader: "ada", cursor: "4-0" });
  assert.deepEqual([...model.readers], [["ada", "5-0"]]);
});

test("an attachment whose address is a program is not shown", () => {
  const files = ["https://x/a", "/files/a", "javascript:alert(1)", "//evil/a", "/\\evil", 7].map((url) => ({ url, name: "a" }));
  const model = of({ ...said("1-0", ""), attachments: files });
  assert.deepEqual(model.items[0]?.files.map(({ url }) => url), ["https://x/a", "/files/a"]);
});

test("whatever somebody publishes there breaks nothing", () => {
  for (const junk of [null, 7, {}, [], "x", { toString: 1 }]) {
    for (const type of ["message", "ai_chunk", "ai_complete", "ai_failed", "ai_reset", "reaction", "user_join", "read", "typing", "x"]) {
      const model = of({ type, id: "1-0", user: junk, username: junk, message: junk, answer: junk, chunk: junk, attempt: junk, attachments: junk, reaction: junk, message_id: junk, cursor: typeof junk === "string" ? "1-0" : null, reader: junk });
      model.know(junk, null);
      assert.ok(model.items.length <= 1);
    }
  }
});

test("a conversation is opened by its address, and nothing else is", () => {
  for (const [hash, id] of [["#chats/demo", "demo"], ["#chats/a/b", null], ["#projects/demo", null], ["#new", null], ["", null]]) {
    assert.equal(chatIn(placeIn(String(hash))), id);
  }
});

test("names are listed in words, and have a face", () => {
  assert.equal(listed(["a"]), "a");
  assert.equal(listed(["a", "b", "c"]), "a, b and c");
  assert.equal(listed(["a", "b", "c", "d", "e"]), "a, b and 3 more");
  assert.deepEqual(["Ada Lovelace", "bob", "", "김 철수"].map(initials), ["AL", "B", "?", "김철"]);
  assert.equal(hue("ada"), hue("ada"));
});
