// The words of `src/streamer/web/describe.js`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, describe, percent } from "../../src/streamer/web/describe.js";

/** @import { Body } from "../../src/streamer/web/client/wire.d.ts" */

/** @type {[Body & Record<string, unknown>, string][]} */
const WORDS = [
  [{ type: "progress", task_name: "encode", progress: 0.57, message: "4x" }, "encode · 57 % · 4x"],
  [{ type: "status", task_name: "encode", status: "started", attempt: 2 }, "encode · started · attempt 2"],
  [{ type: "error", task_name: "encode", error: "<b>no</b>" }, "encode · <b>no</b>"],
  [{ type: "completed", task_name: "encode", result: { url: "/files/a.mp4" } }, "encode · /files/a.mp4"],
  [{ type: "completed", task_name: "encode", result: null, result_omitted: "no JSON" }, "encode · its result is left out: no JSON"],
  [{ type: "log", task_name: "encode", lines: [{ text: "page 1" }, { text: "page 2" }] }, "encode · page 1 · page 2"],
  [{ type: "log", task_name: "encode", left_out: 3, lines: [{ text: "page 4" }] }, "encode · 3 lines left out · page 4"],
  [{ type: "log", lines: ["of somebody else"] }, '{"lines":["of somebody else"]}'],
  [{ type: "gap", after: "1-0", until: "9-0", reason: "trimmed" }, "Lost, trimmed: the events after 1-0 up to 9-0"],
  [{ type: "chat", id: "1-0", topic: "chats/1", timestamp: "…", text: "hi" }, '{"text":"hi"}'],
];
for (const [body, words] of WORDS) {
  test(`${body.type} reads ${words}`, () => assert.equal(describe(body), words));
}

test("a long text with line ends is one line of limited length", () => {
  const line = describe({ type: "error", error: "a\n".repeat(500) });
  assert.equal(line.length, 240);
  assert.doesNotMatch(line, /\n/u);
});

test("a percentage is never rounded up to done", () => {
  assert.deepEqual([0, 0.57, 0.9999, 1].map(percent), ["0 %", "57 %", "99 %", "100 %"]);
});

test("a time is minutes and seconds, and hours where there are any", () => {
  assert.deepEqual([7.9, 65, 3723].map(clock), ["0:07", "1:05", "1:02:03"]);
});
