// What `src/streamer/web/results.js`, `pace.js` and `earlier.js` make of results, speeds and pages.

import assert from "node:assert/strict";
import { test } from "node:test";

import { earlierEvents } from "../../src/streamer/web/earlier.js";
import { NO_PACES, foldPace } from "../../src/streamer/web/pace.js";
import { shownResult } from "../../src/streamer/web/results.js";
import { at, known } from "./given.mjs";

/** @import { Body, Claimed } from "../../src/streamer/web/client/wire.d.ts" */

const BASE = "http://server/live/";

for (const [result, link, video, text] of [
  [null, null, null, ""],
  [undefined, null, null, ""],
  [{ url: "/files/a.mp4" }, "http://server/live/files/a.mp4", "http://server/live/files/a.mp4", ""],
  ["/files/a.MP4", "http://server/live/files/a.MP4", "http://server/live/files/a.MP4", ""],
  [{ url: "/files/a.zip" }, "http://server/live/files/a.zip", null, ""],
  ["https://cdn.example/a.mp4", "https://cdn.example/a.mp4", null, ""],
  [{ url: "https://cdn.example/a", size: 5 }, "https://cdn.example/a", null, '{\n  "url": "https://cdn.example/a",\n  "size": 5\n}'],
  ["javascript:alert(1)", null, null, "javascript:alert(1)"],
  [{ url: "javascript:alert(1)" }, null, null, '{\n  "url": "javascript:alert(1)"\n}'],
  ["data:text/html,x", null, null, "data:text/html,x"],
  ["http://[", null, null, "http://["],
  ["done", null, null, "done"],
  [0, null, null, "0"],
  [false, null, null, "false"],
  [[1, "a"], null, null, '[\n  1,\n  "a"\n]'],
  [{ frames: 12 }, null, null, '{\n  "frames": 12\n}'],
  [{ url: 5 }, null, null, '{\n  "url": 5\n}'],
]) {
  test(`a result of ${JSON.stringify(result)} is shown`, () => {
    assert.deepEqual(shownResult(result, BASE), { link, video, poster: null, text });
  });
}

test("a poster is shown where it is a picture of this server", () => {
  const posters = ["/files/a.jpg", "https://cdn.example/a.jpg", "javascript:alert(1)", "/files/a.svg", 5].map(
    (poster) => shownResult({ url: "/files/a.mp4", poster }, BASE).poster,
  );
  assert.deepEqual(posters, ["http://server/live/files/a.jpg", null, null, null, null]);
});

test("a long result is cut", () => {
  assert.equal(shownResult("x".repeat(9000), BASE).text.length, 2000);
});

const paced = (/** @type {(Claimed<Body> & {type?: string})[]} */ ...bodies) =>
  bodies.reduce((paces, body) => foldPace(paces, "j", { type: "progress", ...body }), NO_PACES).get("j")?.words;

test("a speed and a time that are told are shown", () => {
  assert.equal(paced({ progress: 0.1, timestamp: at(0), metadata: { speed: 2.468, eta: 61 } }), "2.5× · about 1:01 left");
  assert.equal(paced({ progress: 0.1, timestamp: at(0), metadata: { speed: "12 MB/s", eta_seconds: 5 } }), "12 MB/s · about 0:05 left");
});

test("the time that a job of ours tells in every event is shown, unless its metadata says another", () => {
  assert.equal(paced({ progress: 0.1, timestamp: at(0), eta_seconds: 61 }), "about 1:01 left");
  assert.equal(paced({ progress: 0.1, timestamp: at(0), eta_seconds: 61, metadata: { eta: 5 } }), "about 0:05 left");
});

test("a time that is not told is estimated once enough was seen", () => {
  const steps = [{ progress: 0.2, timestamp: at(0) }, { progress: 0.3, timestamp: at(1) }, { progress: 0.6, timestamp: at(10) }];
  assert.deepEqual([1, 2, 3].map((n) => paced(...steps.slice(0, n))), ["", "", "about 0:10 left"]);
});

test("a new attempt is measured anew, and what is over has no pace", () => {
  const started = [{ progress: 0.9, timestamp: at(0) }, { progress: 0.1, timestamp: at(50) }, { progress: 0.2, timestamp: at(60) }];
  assert.equal(paced(...started), "about 1:20 left");
  assert.equal(paced(...started, { type: "completed", timestamp: at(70) }), undefined);
});

test("metadata that is anything else says nothing", () => {
  for (const metadata of [null, 5, [], { speed: -1, eta: -1 }, { speed: {}, eta: "soon" }, { speed: NaN, eta: Infinity }]) {
    assert.equal(paced({ progress: 0.1, timestamp: at(0), metadata }), "");
  }
});

/** A server that keeps `kept` ids and answers `page` of them at a time. */
function server(/** @type {string[]} */ kept, /** @type {number} */ page) {
  /** @type {string[]} */
  const asked = [];
  const fetch = async (/** @type {string} */ url) => {
    const after = known(new URL(url).searchParams.get("after"));
    asked.push(after);
    const from = kept.indexOf(after) + 1;
    const events = kept.slice(from, from + page).map((id) => ({ id, type: "note" }));
    return { ok: true, status: 200, json: async () => ({ events, cursor: events.at(-1)?.id ?? after, gap: null }) };
  };
  return { asked, fetch };
}

const ids = (/** @type {number} */ count) => Array.from({ length: count }, (_, n) => `${n + 1}-0`);
/**
 * @param {string[]} kept
 * @param {number} page
 * @param {Partial<Parameters<typeof earlierEvents>[1]>} [options]
 */
const load = (kept, page, options) => {
  const { asked, fetch } = server(kept, page);
  const found = earlierEvents("http://server/e?", { most: 500, isKnown: () => false, until: null, fetch, ...options });
  return found.then(({ events, complete }) => ({ ids: events.map(({ id }) => id), complete, asked }));
};

test("all that is kept from before the first known event is loaded, whatever the pages", async () => {
  const isKnown = (/** @type {string} */ id) => ["6-0", "7-0"].includes(id);
  for (const page of [1, 3, 1000]) {
    const found = await load(ids(7), page, { isKnown });
    assert.deepEqual([found.ids, found.complete], [ids(5), true]);
  }
});

test("one who saw nothing yet is given all, to where it came", async () => {
  const found = await load(ids(5), 2, { until: "4-0" });
  assert.deepEqual([found.ids, found.asked], [ids(4), ["0-0", "2-0"]]);
  assert.deepEqual((await load([], 10)).ids, []);
});

test("the newest are kept where there is no room for all, and that is said", async () => {
  const { ids: found, complete } = await load(ids(10), 4, { most: 3 });
  assert.deepEqual([found, complete], [["8-0", "9-0", "10-0"], false]);
  assert.deepEqual((await load(ids(3), 4, { most: 0 })).ids, []);
});

test("it asks no more than so often", async () => {
  const { asked, complete } = await load(ids(50), 1);
  assert.deepEqual([asked.length, complete], [20, false]);
});

test("a refusal is the server's own sentence", async () => {
  const fetch = async () => ({ ok: false, status: 503, json: async () => ({ detail: "the log is away" }) });
  await assert.rejects(earlierEvents("http://server/e", { most: 1, isKnown: () => false, until: null, fetch }), /the log is away/u);
});
