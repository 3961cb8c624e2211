// The promises of `src/streamer/web/upload.js`, with a server that the test holds.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Upload } from "../../src/streamer/web/upload.js";
import { known, last } from "./given.mjs";

/** @import { Progress } from "../../src/streamer/web/upload.js" */

const SIZE = 20 * 1024 * 1024;

/** A server that takes uploads, and what an upload told; `faults` are met one by one before an answer. */
function serving(/** @type {((method: string) => Response | Error | null)[]} */ ...faults) {
  let there = 0;
  /** @type {{method: string, url: string, offset: string | null, metadata: string | null}[]} */
  const asked = [];
  /** @type {Progress[]} */
  const told = [];
  const fetch = async (/** @type {string} */ url, /** @type {RequestInit} */ init = {}) => {
    const headers = new Headers(init.headers);
    const method = init.method ?? "GET";
    assert.equal(headers.get("Tus-Resumable"), "1.0.0");
    asked.push({ method, url, offset: headers.get("Upload-Offset"), metadata: headers.get("Upload-Metadata") });
    const fault = faults.shift()?.(method) ?? null;
    if (fault instanceof Error) throw fault;
    if (fault !== null) return fault;
    const body = init.body instanceof Blob ? init.body.size : 0;
    if (method === "PATCH") {
      assert.equal(Number(headers.get("Upload-Offset")), there);
      there += body;
    }
    const answered = { "Upload-Offset": String(there), ...(method === "POST" && { Location: "/prefix/api/v1/uploads/u1" }) };
    return new Response(null, { status: method === "POST" ? 201 : 204, headers: answered });
  };
  const file = Object.assign(new Blob([new Uint8Array(SIZE)]), { name: "Катя.mp4" });
  /** @type {number[]} */
  const waits = [];
  const upload = new Upload("http://server/live/api/v1", file, "p", {
    access: { fetch },
    told: (progress) => told.push(progress),
    wait: async (ms) => void waits.push(ms),
  });
  return { upload, asked, told, waits, stored: () => there };
}

const nothing = () => null;
const lost = () => new TypeError("Failed to fetch");

test("a file is sent in pieces, beneath the page's own prefix, and it is told how far it is", async () => {
  const { upload, asked, told, stored } = serving();
  await upload.start();
  assert.equal(stored(), SIZE);
  assert.deepEqual(asked.map(({ method, url }) => `${method} ${url}`), [
    "POST http://server/live/api/v1/uploads",
    ...Array(3).fill("PATCH http://server/live/api/v1/uploads/u1"),
  ]);
  const [, name] = known(known(asked[0]).metadata?.match(/filename (\S+)/u));
  assert.equal(new TextDecoder().decode(Uint8Array.from(atob(known(name)), (one) => known(one.codePointAt(0)))), "Катя.mp4");
  assert.deepEqual([...new Set(told.map(({ sent }) => sent))], [0, 8, 16, 20].map((mib) => mib * 1024 * 1024));
  assert.deepEqual([last(told).state, last(told).id], ["done", "u1"]);
});

test("a lost connection continues where the server stands, after longer and longer waits", async () => {
  const { upload, asked, told, waits, stored } = serving(nothing, nothing, lost, lost, nothing, lost);
  await upload.start();
  assert.equal(stored(), SIZE);
  assert.deepEqual(asked.map(({ method }) => method).join(" "), "POST PATCH PATCH HEAD HEAD PATCH HEAD PATCH PATCH");
  assert.deepEqual(waits, [1000, 2000, 4000].slice(0, waits.length));
  assert.match(known(told.find(({ state }) => state === "waiting")?.said), /cannot be reached\. It goes on by itself/u);
});

test("what is paused goes on from where it was", async () => {
  const { upload, asked, stored } = serving(nothing, () => {
    upload.pause();
    return new DOMException("aborted", "AbortError");
  });
  await upload.start();
  assert.equal(upload.progress.state, "paused");
  await upload.start();
  assert.equal(stored(), SIZE);
  assert.deepEqual(asked.map(({ method }) => method).slice(0, 4), ["POST", "PATCH", "HEAD", "PATCH"]);
});

test("what is cancelled is removed from the server, and nothing more is sent", async () => {
  const { upload, asked, told } = serving(nothing, () => {
    upload.cancel();
    return new DOMException("aborted", "AbortError");
  });
  await upload.start();
  await upload.start();
  assert.deepEqual(asked.map(({ method }) => method), ["POST", "PATCH", "DELETE"]);
  assert.equal(last(told).state, "cancelled");
});

for (const [status, body, words] of /** @type {const} */ ([
  [400, '{"detail":"it is no video"}', "it is no video"],
  [413, '{"detail":"too large"}', "too large"],
  [404, "", "The server does not have this upload any more: it has ended, or took too long."],
  [500, "<html>", null],
])) {
  test(`an answer of ${status} is told in words${words === null ? ", and tried again" : ", and is final"}`, async () => {
    const { upload, told, waits } = serving(nothing, () => new Response(body, { status }));
    await upload.start();
    assert.equal(last(told).state, words === null ? "done" : "failed");
    if (words !== null) assert.equal(last(told).said, words);
    assert.equal(waits.length, words === null ? 1 : 0);
  });
}
