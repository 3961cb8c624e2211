// The promises of `src/streamer/web/stream-sse.js` and `poll.js`, with answers that the test gives.

import assert from "node:assert/strict";
import { test } from "node:test";

import { framesTo, openSse } from "../../src/streamer/web/stream-sse.js";
import { FakeEnvironment } from "./fake-stream-environment.mjs";
import { known } from "./given.mjs";

/** @import { Closed, Opener } from "../../src/streamer/web/stream.js" */

const settled = async () => {
  for (let n = 0; n < 20; n += 1) await new Promise((done) => setImmediate(() => done(null)));
};

/** @param {Opener} open @param {(Response | Error)[]} answers */
async function asked(open, answers, { lastEventId = /** @type {string | null} */ (null), token = /** @type {string | null} */ (null), url = "http://server/api/v1/stream?topic=a" } = {}) {
  const environment = new FakeEnvironment();
  /** @type {{url: string, headers: Headers, signal: AbortSignal, method: string}[]} */
  const requests = [];
  environment.fetch = async (address, { headers, signal, method = "GET" }) => {
    requests.push({ url: address, headers: new Headers(headers), signal: known(signal), method });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer ?? new Promise(() => {});
  };
  /** @type {string[]} */
  const frames = [];
  /** @type {Closed[]} */
  const closed = [];
  let heard = 0;
  const sink = {
    frame: (/** @type {string} */ text) => frames.push(text),
    heard: () => (heard += 1),
    closed: (/** @type {Closed} */ outcome) => closed.push(outcome),
  };
  const connection = open(new URL(url), { lastEventId, token, headers: { "X-Mine": "1" }, sink, environment });
  await settled();
  return { environment, requests, frames, closed, connection, heard: () => heard };
}

/** A stream that the test writes. */
function written() {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let controller;
  const body = new ReadableStream({ start: (one) => void (controller = one) });
  const answer = new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
  const bytes = (/** @type {Uint8Array} */ chunk) => controller.enqueue(chunk);
  return { answer, bytes, say: (/** @type {string} */ text) => bytes(new TextEncoder().encode(text)), end: () => controller.close() };
}

test("frames are the same however the stream is cut into pieces", () => {
  const text = ':\nevent: said\r\nid: 0-9\r\ndata: {"a":\r\ndata:  1}\r\n\r\n:\n\nretry: 7\ndata: é\nother: x\nid: 1-0\n\ndata: never complete\n';
  for (let size = 1; size < text.length; size += 1) {
    /** @type {unknown[]} */
    const frames = [];
    const feed = framesTo((...frame) => frames.push(frame));
    for (let at = 0; at < text.length; at += size) feed(text.slice(at, at + size));
    assert.deepEqual(frames, [['{"a":\n 1}', "0-9", undefined], ["é", "1-0", 7]], `in pieces of ${size}`);
  }
});

test("a request has the position and the token in its head, and nothing of them in its address", async () => {
  const { requests } = await asked(openSse, [], { lastEventId: "5-0", token: "a.b" });
  const [{ url, headers }] = /** @type {[typeof requests[0] & {}]} */ (requests);
  assert.equal(url, "http://server/api/v1/stream?topic=a");
  assert.deepEqual(
    ["Last-Event-ID", "Authorization", "Accept", "X-Mine"].map((name) => headers.get(name)),
    ["5-0", "Bearer a.b", "text/event-stream", "1"],
  );
});

test("a character that is cut in two is whole, and a half frame is not told", async () => {
  const { answer, bytes, say, end } = written();
  const { frames, closed } = await asked(openSse, [answer]);
  const [first = 0, second = 0] = new TextEncoder().encode("é");
  say("data: ");
  bytes(new Uint8Array([first]));
  bytes(new Uint8Array([second]));
  say("\n\ndata: half\nid: 9-0\n");
  await settled();
  end();
  await settled();
  assert.deepEqual([frames, closed], [["é"], [{ reason: "lost" }]]);
});

test("a silent connection is given up after three heartbeats, and one with heartbeats is not", async () => {
  const { answer, say } = written();
  const { environment, closed, heard, requests } = await asked(openSse, [answer]);
  for (let n = 0; n < 5; n += 1) {
    environment.advance(40_000);
    say(":\n");
    await settled();
  }
  assert.deepEqual([closed, heard()], [[], 5]);
  environment.advance(45_000);
  assert.equal(closed[0]?.detail, "The connection went silent.");
  assert.equal(known(requests[0]).signal.aborted, true);
});

const problem = (/** @type {number} */ status) => Response.json({ code: "x", detail: "why" }, { status });
/** @type {[string, () => Response | Error, Closed][]} */
const ANSWERS = [
  ["204", () => new Response(null, { status: 204 }), { reason: "ended" }],
  ["401", () => problem(401), { reason: "unauthorized", detail: "why" }],
  ["403", () => problem(403), { reason: "refused", detail: "why" }],
  ["a proxy's 403", () => new Response("<html>", { status: 403 }), { reason: "foreign", detail: "The server answered 403." }],
  ["a login page", () => new Response("<html>"), { reason: "foreign", detail: "The server answered 200." }],
  ["503 with Retry-After", () => new Response("", { status: 503, headers: { "Retry-After": "7" } }), { reason: "lost", detail: "The server answered 503.", retryAfter: 7000 }],
  ["no network", () => new TypeError("network"), { reason: "lost" }],
];
for (const [name, answer, outcome] of ANSWERS) {
  test(`${name} is: ${outcome.reason}`, async () => {
    const { closed } = await asked(openSse, [answer()]);
    assert.deepEqual(closed.map((one) => JSON.stringify(one)), [JSON.stringify(outcome)]);
  });
}

test("another token is posted beneath the prefix that a proxy gave the server", async () => {
  const { connection, requests } = await asked(openSse, [], { url: "http://server/live/api/v1/stream?topic=a" });
  connection.renew?.("new", "/api/v1/streams/a.b/token");
  const { url, method, headers } = known(requests[1]);
  assert.deepEqual([url, method, headers.get("Authorization")], ["http://server/live/api/v1/streams/a.b/token", "POST", "Bearer new"]);
});

test("a closed connection is quiet", async () => {
  const { answer, say } = written();
  const { connection, frames, closed, environment } = await asked(openSse, [answer]);
  connection.close();
  say("data: 1\n\n");
  environment.advance(1e6);
  await settled();
  assert.deepEqual([frames, closed, environment.timers.size], [[], [], 0]);
});
