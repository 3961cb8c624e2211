// The promises of `src/streamer/web/access.js`: where a person's token goes, and where it never does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Access } from "../../src/streamer/web/access.js";
import { at, known } from "./given.mjs";

/** @typedef {{status: number, body: object}} Answer */

const OWN = "own.own.own";
const SHORT = { status: 201, body: { token: "short", expires_at: at(Date.now() / 1000 + 300), subscribe: [], publish: [] } };

/** An access whose server answers what it is given, and a person who does nothing. */
function opened(/** @type {Answer[]} */ ...answers) {
  /** @type {Map<string, string>} */
  const kept = new Map();
  /** @type {{url: string, authorization: string | null, body: unknown}[]} */
  const sent = [];
  /** @type {(string | null)[]} */
  const asked = [];
  const fetch = async (/** @type {string | URL | Request} */ url, /** @type {RequestInit} */ init = {}) => {
    const authorization = new Headers(init.headers).get("Authorization");
    sent.push({ url: String(url), authorization, body: init.body ?? null });
    const { status, body } = known(answers.shift());
    return new Response(JSON.stringify(body), { status });
  };
  const storage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value),
    removeItem: (/** @type {string} */ key) => void kept.delete(key),
  };
  const open = () => new Access("http://server/api/v1", { asked: (why) => asked.push(why), storage, fetch });
  return { access: open(), again: open, asked, kept, sent };
}

const settled = () => new Promise((done) => setImmediate(() => done(null)));

test("without a token nothing is presented until the server asks", async () => {
  const { access, asked, sent } = opened({ status: 200, body: {} });
  assert.equal(await access.token("connect", ["projects/p"]), null);
  await access.fetch("http://server/x");
  assert.deepEqual([sent, asked], [[{ url: "http://server/x", authorization: null, body: null }], []]);
});

test("a person is asked once the server has, and what they give is exchanged for the stream", async () => {
  const { access, asked, sent, kept } = opened(SHORT);
  const coming = access.token("unauthorized", ["projects/p"]);
  await settled();
  assert.deepEqual(asked, ["This server asks who you are."]);
  assert.equal(access.give(OWN), true);
  assert.equal(await coming, "short");
  assert.deepEqual(sent, [{ url: "http://server/api/v1/tokens", authorization: `Bearer ${OWN}`, body: '{"subscribe":["projects/p"]}' }]);
  assert.deepEqual([asked.at(-1), [...kept.values()]], [null, [OWN]]);
});

test("a reload finds the token, and who forgets it has none", async () => {
  const { access, again, kept } = opened();
  assert.equal(access.give(OWN), false, "nobody waits");
  assert.equal(again().holds, true);
  access.forget();
  assert.deepEqual([access.holds, again().holds, kept.size], [false, false, 0]);
});

test("a token that the server refuses is asked for anew, with what the server says", async () => {
  const { access, asked } = opened({ status: 401, body: { detail: "the token's time is over" } }, SHORT);
  access.give(OWN);
  const coming = access.token("connect", ["projects/p"]);
  await settled();
  assert.deepEqual([asked.at(-1), access.holds], ["the token's time is over", false]);
  access.give("other");
  assert.equal(await coming, "short");
});

test("a token that cannot be exchanged is presented itself, and the stream is told why", async () => {
  const { access } = opened({ status: 403, body: { detail: "this token was made from another" } });
  access.give(OWN);
  assert.equal(await access.token("connect", ["projects/p"]), OWN);
  assert.equal(access.source("http://server/files/a.mp4"), "http://server/files/a.mp4");
});

test("a server that cannot make one just now is asked again later", async () => {
  const { access } = opened({ status: 503, body: { detail: "the log is away" } });
  access.give(OWN);
  await assert.rejects(access.token("connect", ["projects/p"]), /the log is away/u);
});

const lasting = (/** @type {number} */ seconds) => ({ status: 201, body: { ...SHORT.body, expires_at: at(Date.now() / 1000 + seconds) } });

test("who stays until their token ends is asked for another, and stays meanwhile", async () => {
  const { access, asked } = opened(lasting(300), lasting(60), lasting(20));
  access.give(OWN);
  await access.token("connect", ["projects/p"]);
  assert.deepEqual(asked, [null]);
  assert.equal(await access.token("expiring", ["projects/p"]), "short");
  assert.ok(/ends in a moment/u.test(known(asked.at(-1))));
  assert.equal(await access.token("expiring", ["projects/p"]), "short");
  assert.ok(/ends in a moment/u.test(known(asked.at(-1))));
});

test("a token of minutes that can be had again is no news, however short they are", async () => {
  const { access, asked } = opened(lasting(12), lasting(11), lasting(12));
  access.give(OWN);
  for (const why of /** @type {const} */ (["connect", "expiring", "expiring"])) await access.token(why, ["projects/p"]);
  assert.deepEqual(asked, [null]);
});

test("only a token of minutes is in an address", async () => {
  const { access } = opened(SHORT);
  const file = "http://server/files/a.mp4";
  access.give(OWN);
  assert.equal(access.source(file), file);
  await access.token("connect", ["projects/p"]);
  assert.equal(access.source(file), `${file}?token=short`);
  access.forget();
  assert.equal(access.source(file), file);
});
