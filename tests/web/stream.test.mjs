// The promises of `src/streamer/web/stream.js`, with a browser that the test holds.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Stream } from "../../src/streamer/web/stream.js";
import { FakeEnvironment } from "./fake-stream-environment.mjs";
import { known, last, listen } from "./given.mjs";

/** @import { StateDetail, TokenSource, Transport } from "../../src/streamer/web/stream.js" */
/** @typedef {{transport?: Transport | "auto", environment?: FakeEnvironment, token?: TokenSource}} Options */

const event = (/** @type {string | undefined} */ id, more = {}) => ({ id, type: "progress", topic: "projects/p", ...more });

function opened(/** @type {Options} */ { environment = new FakeEnvironment(), ...options } = {}) {
  const stream = new Stream("http://server/api/v1/projects/p/stream", { environment, ...options });
  const told = {
    /** @type {[unknown, boolean][]} each id, and whether it was replayed */
    events: [],
    /** @type {StateDetail[]} */
    states: [],
    /** @type {string[]} */
    controls: [],
    /** @type {unknown[]} */
    duplicates: [],
  };
  listen(stream, "event", ({ body, replayed }) => told.events.push([body.id, replayed]));
  listen(stream, "state", (detail) => told.states.push(detail));
  listen(stream, "control", ({ body }) => told.controls.push(body.type));
  listen(stream, "duplicate", ({ body }) => told.duplicates.push(body.id));
  stream.open();
  return { environment, stream, told };
}

/** @param {Options} [options] */
function live(options) {
  const all = opened(options);
  all.environment.connect();
  all.environment.say({ type: "caught_up", cursor: "1-0" });
  return all;
}

const resumedFrom = (/** @type {FakeEnvironment} */ environment) => environment.last.lastEventId;

test("what comes before caught_up was replayed, what comes after is live", () => {
  const { environment, told } = opened();
  environment.connect();
  environment.say(event("2-0"));
  environment.say({ type: "caught_up", cursor: "2-0" });
  environment.say(event("3-0"));
  assert.deepEqual(told.events, [["2-0", true], ["3-0", false]]);
});

test("a first visit asks for no position and learns it from connected", () => {
  const { environment, stream } = opened();
  assert.equal(resumedFrom(environment), null);
  environment.connect({ cursor: "7-0" });
  assert.equal(stream.lastEventId, "7-0");
});

for (const transport of /** @type {const} */ (["sse", "websocket"])) {
  test(`a lost ${transport} connection resumes after the last event`, () => {
    const { environment, told } = live({ transport });
    environment.say(event("5-0"));
    if (transport === "sse") environment.break();
    else environment.close(1006);
    assert.equal(last(told.states).cause, "lost");
    environment.advance(500);
    assert.equal(environment.connections.length, 2);
    assert.equal(resumedFrom(environment), "5-0");
  });
}

test("an event that comes twice is dispatched once, and counted", () => {
  const { environment, stream, told } = live();
  environment.say(event("5-0"));
  environment.say(event("5-0"));
  assert.deepEqual(told.events, [["5-0", false]]);
  assert.deepEqual(told.duplicates, ["5-0"]);
  assert.deepEqual(stream.counts, { received: 1, connections: 1, gaps: 0, duplicates: 1 });
});

test("ephemeral events have no id and do not move the cursor", () => {
  const { environment, stream, told } = live();
  environment.say(event(undefined, { type: "typing" }));
  environment.say(event(undefined, { type: "typing" }));
  assert.equal(told.events.length, 2);
  assert.equal(stream.lastEventId, "1-0");
});

test("a gap moves the cursor past what was lost", () => {
  const { environment, stream } = live();
  environment.say({ type: "gap", topic: "projects/p", after: "1-0", until: "9-0", reason: "trimmed", cursor: "9-0" });
  assert.deepEqual([stream.counts.gaps, stream.lastEventId], [1, "9-0"]);
});

test("attempts are further and further apart, to a limit, until one catches up", () => {
  const { environment, told } = opened();
  /** @type {number[]} */
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    environment.break();
    waits.push(known(last(told.states).retryAt) - environment.time);
    environment.advance(last(waits));
    environment.connect();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  environment.say({ type: "caught_up", cursor: "1-0" });
  environment.break();
  assert.equal(known(last(told.states).retryAt) - environment.time, 500);
});

test("waits are jittered down to half", () => {
  const environment = Object.assign(new FakeEnvironment(), { random: () => 0 });
  const { told } = opened({ environment });
  environment.break();
  assert.equal(known(last(told.states).retryAt) - environment.time, 250);
});

test("a server that drains says when to come back", () => {
  const { environment, told } = live();
  environment.say({ type: "reconnect", retry_ms: 1234 });
  assert.deepEqual(told.states.at(-1), { state: "waiting", cause: "draining", detail: undefined, retryAt: environment.time + 1234 });
  environment.advance(1233);
  assert.equal(environment.connections.length, 1);
  environment.advance(1);
  assert.equal(environment.connections.length, 2);
});

test("a server that is full, or has lost its log, says so and when to come back", () => {
  const { environment, told } = opened();
  environment.say({ type: "reconnect", retry_ms: 1234, code: "log_unavailable", detail: "no log" });
  assert.deepEqual(told.states.at(-1), { state: "waiting", cause: "lost", detail: "no log", retryAt: environment.time + 1234 });
  environment.advance(1234);
  assert.equal(environment.connections.length, 2);
});

test("a warning that the token ends soon changes nothing", () => {
  const { environment, stream } = live();
  environment.say({ type: "expiring", expires_at: "2026-01-01T00:00:00.000Z", refresh: "/api/v1/streams/a.b/token" });
  environment.advance(1e6);
  assert.deepEqual([stream.state, environment.connections.length], ["live", 1]);
});

for (const transport of /** @type {const} */ (["sse", "websocket"])) {
  test(`a ${transport} stream whose token has expired is asked for once more, and not in a loop`, async () => {
    const { environment, stream, told } = live({ transport });
    environment.say({ type: "expired", code: "token_expired", detail: "the token has expired" });
    assert.deepEqual(told.states.at(-1), { state: "waiting", cause: "lost", detail: "the token has expired", retryAt: environment.time + 500 });
    environment.advance(500);
    assert.equal(environment.connections.length, 2);
    if (transport === "sse") {
      environment.refuse("unauthorized", "come back with a new one");
    } else {
      environment.say({ type: "refused", code: "token_expired", detail: "come back with a new one", retry: false });
      environment.close(1008, "Unauthorized");
    }
    environment.advance(1e6);
    assert.deepEqual([stream.state, environment.connections.length], ["refused", 2]);
    assert.equal(last(told.states).detail, "come back with a new one");
  });
}

test("after end nothing is asked for again", () => {
  const { environment, stream } = live();
  environment.say({ type: "end", topic: "projects/p", reason: "completed" });
  environment.advance(1e6);
  assert.deepEqual([stream.state, environment.connections.length], ["ended", 1]);
});

test("a stream of two topics ends with the second", () => {
  const { environment, stream } = opened();
  environment.connect({ topic: undefined, topics: ["jobs/a", "jobs/b"] });
  environment.say({ type: "end", topic: "jobs/a", reason: "completed" });
  assert.equal(stream.state, "replaying");
  environment.say({ type: "end", topic: "jobs/b", reason: "completed" });
  assert.equal(stream.state, "ended");
});

test("an end that names a topic which was not asked for ends the stream if nothing remains", () => {
  const { environment, stream } = opened();
  environment.connect({ topic: "jobs/a" });
  environment.say({ type: "end", topic: "projects/p", reason: "completed", remaining: 0 });
  assert.equal(stream.state, "ended");
});

test("a stream of several jobs goes on after an end while others remain", () => {
  const { environment, stream } = opened();
  environment.connect({ topic: undefined, topics: ["jobs/a", "jobs/b"] });
  environment.say({ type: "end", topic: "jobs/a", reason: "completed", remaining: 1 });
  assert.equal(stream.state, "replaying");
  environment.say({ type: "end", topic: "jobs/b", reason: "completed", remaining: 0 });
  assert.equal(stream.state, "ended");
});

/** @type {[number, string][]} */
const CODES = [
  [1000, "ended"], [1001, "waiting"], [1008, "refused"], [1009, "refused"],
  [1012, "waiting"], [1013, "waiting"], [4408, "waiting"],
];
for (const [code, state] of CODES) {
  test(`a WebSocket that is closed with ${code} leaves the stream ${state}`, () => {
    const { environment, stream } = opened({ transport: "websocket" });
    environment.close(code);
    assert.equal(stream.state, state);
  });
}

for (const refusal of [
  { type: "refused", code: "invalid_cursor", detail: "'x' is not an event id" },
  { type: "error", code: "invalid_cursor", error: "'x' is not an event id" },
]) {
  test(`a refusal over WebSocket (${refusal.type}) is told in the server's whole sentence, and is no event`, () => {
    const { environment, told } = opened({ transport: "websocket" });
    environment.say(refusal);
    environment.close(1008, "'x' is not");
    assert.equal(last(told.states).detail, "'x' is not an event id");
    assert.deepEqual(told.events, []);
  });
}

test("a WebSocket that answers no ping is given up", () => {
  const { environment, stream } = live({ transport: "websocket" });
  environment.advance(15_000);
  assert.deepEqual(environment.last.sent, ['{"type":"ping"}']);
  environment.say({ type: "pong" });
  environment.advance(15_000);
  assert.equal(stream.state, "live");
  environment.advance(15_000);
  assert.equal(stream.state, "waiting");
});

test("a switch of transport goes on from the same event", () => {
  const { environment, stream } = live();
  environment.say(event("5-0"));
  stream.use("websocket");
  assert.equal(environment.connections[0]?.closed, true);
  assert.equal(environment.last.url.protocol, "ws:");
  assert.equal(resumedFrom(environment), "5-0");
});

test("a cut is silent and ends by itself, from the same event", () => {
  const { environment, stream, told } = live();
  environment.say(event("5-0"));
  stream.cut(4000);
  assert.equal(last(told.states).cause, "cut");
  environment.advance(4000);
  assert.equal(resumedFrom(environment), "5-0");
});

test("what an old connection still says is not heard", () => {
  const { environment, stream, told } = live();
  const hear = known(environment.last.onmessage);
  stream.open();
  hear({ data: JSON.stringify(event("5-0")) });
  assert.deepEqual(told.events, []);
});

test("a closed stream stays closed", () => {
  const { environment, stream } = live();
  environment.break();
  stream.close();
  environment.advance(1e6);
  assert.deepEqual([stream.state, environment.connections.length], ["idle", 1]);
});

/** @typedef {import("../../src/streamer/web/stream.js").Why} Why */

/** Let what was promised come. */
const settled = () => new Promise((done) => setImmediate(() => done(null)));

/** A source that is asked, and hands out what it is given, in order. */
function source(/** @type {(string | null | Error)[]} */ ...given) {
  /** @type {Why[]} */
  const asked = [];
  const token = async (/** @type {Why} */ why) => {
    asked.push(why);
    const next = given.shift();
    if (next instanceof Error) throw next;
    return next ?? null;
  };
  return { asked, token };
}

test("a token is a subprotocol of a WebSocket, if it can be one", () => {
  const jwt = opened({ token: "a.b-_c", transport: "websocket" }).environment.last;
  assert.deepEqual([jwt.protocols, jwt.url.searchParams.get("token")], [["streamer", "bearer", "a.b-_c"], null]);
  const other = opened({ token: "a/b=", transport: "websocket" }).environment.last;
  assert.deepEqual([other.protocols, other.url.searchParams.get("token")], [[], "a/b="]);
  assert.deepEqual(opened({ transport: "websocket" }).environment.last.protocols, []);
});

test("a function is asked for a token before each connection", async () => {
  const { asked, token } = source("one", "two");
  const { environment, told } = opened({ token });
  assert.deepEqual([environment.connections.length, last(told.states).state], [0, "connecting"]);
  await settled();
  assert.equal(environment.last.token, "one");
  environment.break();
  environment.advance(500);
  await settled();
  assert.equal(environment.last.token, "two");
  assert.deepEqual(asked, ["connect", "connect"]);
});

test("who is refused without a token is asked for one, once", async () => {
  const { asked, token } = source(null, "late");
  const { environment, stream, told } = opened({ token });
  await settled();
  assert.equal(environment.last.token, null);
  environment.refuse("unauthorized", "no token");
  await settled();
  assert.equal(environment.last.token, "late");
  environment.refuse("unauthorized", "the signature is wrong");
  await settled();
  environment.advance(1e6);
  assert.deepEqual([asked, stream.state, environment.connections.length], [["connect", "unauthorized"], "refused", 2]);
  assert.equal(last(told.states).detail, "the signature is wrong");
});

test("a WebSocket that is closed as Unauthorized asks for another token, and for no other reason", async () => {
  const { asked, token } = source("old", "new", "newer");
  const { environment, stream } = opened({ token, transport: "websocket" });
  await settled();
  environment.close(1008, "Unauthorized");
  await settled();
  assert.deepEqual(environment.last.protocols, ["streamer", "bearer", "new"]);
  environment.connect();
  environment.close(1008, "Forbidden");
  await settled();
  assert.deepEqual([asked, stream.state], [["connect", "unauthorized"], "refused"]);
});

test("a connection that was accepted earns another token when it is refused later", async () => {
  const { asked, token } = source("a", "b", "c");
  const { environment, stream } = opened({ token });
  for (const expected of ["a", "b", "c"]) {
    await settled();
    assert.equal(environment.last.token, expected);
    environment.connect();
    if (expected !== "c") environment.refuse("unauthorized");
  }
  assert.deepEqual([asked, stream.state], [["connect", "unauthorized", "unauthorized"], "replaying"]);
});

test("a function that has no token to give just now is asked again later", async () => {
  const { asked, token } = source(new Error("the application is away"), "one");
  const { environment, told } = opened({ token });
  await settled();
  assert.deepEqual([last(told.states).cause, last(told.states).detail], ["lost", "the application is away"]);
  environment.advance(500);
  await settled();
  assert.deepEqual([asked.length, environment.connections.length], [2, 1]);
});

test("a token that comes when nobody waits for it opens nothing", async () => {
  const { token } = source("one");
  const { environment, stream } = opened({ token });
  stream.close();
  await settled();
  assert.deepEqual([stream.state, environment.connections.length], ["idle", 0]);
});

const EXPIRING = { type: "expiring", expires_at: "2026-01-01T00:00:00.000Z", refresh: "/api/v1/streams/a.b/token" };

test("an event stream whose token ends soon goes on with another, without a new connection", async () => {
  const { asked, token } = source("one", "two");
  const { environment, stream } = opened({ token });
  await settled();
  environment.connect();
  environment.say(EXPIRING);
  await settled();
  assert.deepEqual(asked, ["connect", "expiring"]);
  assert.deepEqual(environment.renewed, [{ token: "two", path: EXPIRING.refresh }]);
  assert.deepEqual([stream.state, environment.connections.length], ["replaying", 1]);
});

test("a WebSocket whose token ends soon is sent another", async () => {
  const { token } = source("one", "two");
  const { environment } = opened({ token, transport: "websocket" });
  await settled();
  environment.connect();
  environment.say(EXPIRING);
  await settled();
  assert.deepEqual(environment.last.sent, ['{"type":"token","token":"two"}']);
  environment.say({ type: "refreshed", expires_at: "2026-01-01T01:00:00.000Z" });
});

test("without another token a stream lives on until it is ended", async () => {
  for (const token of ["fixed", source("one", null).token, source("one", new Error("away")).token]) {
    const { environment, stream } = opened({ token });
    await settled();
    environment.connect();
    environment.say(EXPIRING);
    await settled();
    assert.deepEqual([stream.state, environment.renewed], ["replaying", []]);
  }
});

/** Let it be lost, and wait for the next attempt. */
function fail(/** @type {FakeEnvironment} */ environment, /** @type {{states: StateDetail[]}} */ told) {
  if (environment.last.kind === "websocket") environment.close(1006);
  else environment.break();
  environment.advance(known(last(told.states).retryAt) - environment.time);
}

test("where SSE cannot be had a WebSocket is tried, then polling, then SSE again", () => {
  const { environment, told } = opened({ transport: "auto" });
  /** @type {string[]} */
  const tried = [];
  for (let n = 0; n < 6; n += 1) {
    tried.push(environment.last.kind);
    fail(environment, told);
  }
  assert.deepEqual(tried, ["sse", "sse", "websocket", "poll", "sse", "sse"]);
});

test("a stream that says nothing for ten seconds is held back by somebody", () => {
  const { environment, stream } = opened({ transport: "auto" });
  environment.advance(10_000);
  assert.equal(stream.state, "waiting");
  environment.advance(500);
  environment.advance(10_000);
  environment.advance(1000);
  assert.equal(environment.last.kind, "websocket");
});

test("who polls goes back to a stream once there is one, and misses nothing", () => {
  const { environment, stream, told } = opened({ transport: "auto" });
  for (let n = 0; n < 3; n += 1) fail(environment, told);
  environment.connect();
  environment.say({ type: "caught_up", cursor: "1-0" });
  assert.equal(stream.transport, "poll");
  const poll = environment.last;
  environment.advance(60_000);
  assert.deepEqual([environment.last.kind, poll.closed, stream.state], ["sse", false, "live"]);
  environment.break();
  assert.deepEqual([stream.transport, stream.state], ["poll", "live"]);
  environment.advance(60_000);
  known(poll.onmessage)({ data: JSON.stringify(event("2-0")) });
  environment.connect({ cursor: "1-0" });
  assert.deepEqual([stream.transport, poll.closed], ["sse", true]);
  environment.say(event("2-0"));
  environment.say(event("3-0"));
  assert.deepEqual(told.events.map(([id]) => id), ["2-0", "3-0"]);
});

test("a connection from before the machine slept is not believed in", () => {
  const { environment, stream } = live();
  environment.time += 60_000;
  stream.wake();
  assert.equal(stream.state, "waiting");
  stream.wake();
  assert.equal(stream.state, "connecting");
});

test("a stream moves to other topics without a moment of no connection", () => {
  const { environment, stream } = live();
  const before = environment.last;
  stream.move("http://server/api/v1/stream?topic=a&topic=b", "1-0");
  assert.deepEqual([before.closed, environment.connections.length, stream.state], [false, 2, "live"]);
  environment.connect({ topics: ["a", "b"] });
  assert.equal(before.closed, true);
  assert.equal(stream.state, "replaying");
});

test("a last attempt is made only where it was asked for", () => {
  const environment = new FakeEnvironment();
  const stream = new Stream("http://server/api/v1/stream?topic=a", { environment, maxAttempts: 2 });
  stream.open();
  environment.break();
  assert.equal(stream.state, "waiting");
  environment.advance(500);
  environment.break();
  assert.equal(stream.state, "refused");
});
