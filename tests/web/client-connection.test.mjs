// How the client keeps its connection: over event streams, WebSockets and polls of a server that the test holds.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { createClient } from "../../src/streamer/web/client/client.js";
import { FakeServer, event, heard, known, pass, problem, settled, snapshot } from "./fake-server.mjs";

/** @import { ClientOptions } from "../../src/streamer/web/client/client.js" */
/** @import { Why } from "../../src/streamer/web/client/access.js" */

class FakeWebSocket {
  /** @type {FakeWebSocket[]} */
  static all = [];
  readyState = 1;
  /** @type {unknown[]} */
  sent = [];
  /** @type {((message: {data: string}) => void) | undefined} */
  onmessage;
  /** @type {((closed: {code: number, reason: string}) => void) | undefined} */
  onclose;

  constructor(/** @type {string} */ url, /** @type {string[]} */ protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
    FakeWebSocket.all.push(this);
  }
  send(/** @type {unknown} */ text) {
    this.sent.push(text);
  }
  close() {
    this.readyState = 3;
  }
  async say(/** @type {object[]} */ ...bodies) {
    for (const body of bodies) this.onmessage?.({ data: JSON.stringify(body) });
    await settled();
  }
  async end(/** @type {number} */ code, reason = "") {
    this.onclose?.({ code, reason });
    await settled();
  }
}

const WebSocket = /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (FakeWebSocket));
const socket = () => known(FakeWebSocket.all.at(-1));

/** @param {ClientOptions} [options] */
async function opened(options = {}) {
  const server = new FakeServer();
  FakeWebSocket.all = [];
  const client = createClient({ url: "http://server", environment: { fetch: server.fetch, WebSocket }, ...options });
  const subscription = client.subscribe("a");
  await settled();
  return { client, server, subscription };
}

/** @param {ClientOptions} [options] */
async function live(options = {}) {
  const all = await opened(options);
  await all.server.live("1-0");
  return all;
}

const waits = (/** @type {{retryAt: number | null}} */ { retryAt }) => known(retryAt) - Date.now();

test("frames are the same however the stream is cut into pieces", async () => {
  const text = 'event: connected\r\nretry: 700\r\ndata: {"type":"connected","topic":"a","cursor":"1-0","snapshot":{"cursor":"1-0"}}\r\nid: 1-0\r\n\r\n:\n'
    + 'event: note\ndata: {"id":"2-0","type":"note","topic":"a","text":"é: data: x"}\nid: 2-0\n\n:\ndata: {"type":"note","topic":"a","id":"3-0"}\nid: 3-0\n';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, 50, bytes.length]) {
    const { client, server, subscription } = await opened();
    /** @type {unknown[]} */
    const texts = [];
    subscription.on("*", (body) => texts.push(/** @type {any} */ (body).text));
    for (let at = 0; at < bytes.length; at += size) server.last.bytes(bytes.slice(at, at + size));
    await settled();
    await server.last.end();
    // The last frame lacks its end, and is as if it had not come.
    assert.deepEqual([texts, subscription.lastEventId, waits(subscription)], [["é: data: x"], "2-0", 700], `in pieces of ${size}`);
    client.close();
  }
});

test("a request has the position and the token in its head, and nothing of them in its address", async () => {
  const { client, server } = await live({ getToken: () => "a.b", headers: { "X-Mine": "1" } });
  await server.last.end();
  await pass(500);
  const { path, headers } = known(server.asked.at(-1));
  assert.equal(path, "/stream?topic=a");
  assert.deepEqual(["Last-Event-ID", "Authorization", "Accept", "X-Mine"].map((name) => headers.get(name)), ["1-0", "Bearer a.b", "text/event-stream", "1"]);
  client.close();
});

test("a rate is asked of a stream, of a WebSocket and of polls, and of nothing else", async () => {
  const { client, server } = await live({ rate: 10 });
  assert.equal(server.asked[0]?.path, "/stream?topic=a&rate=10");
  client.close();
  const over = await opened({ rate: 0.5, transport: "websocket" });
  assert.equal(socket().url.search, "?topic=a&rate=0.5");
  over.client.close();
  const polls = new FakeServer();
  polls.answers = { "/status": () => snapshot("1-0"), "/events": () => new Promise(() => {}) };
  const poller = createClient({ url: "http://server", environment: { fetch: polls.fetch }, transport: "poll", rate: 10 });
  poller.subscribe(["a", "b/c"]);
  await settled();
  const asked = polls.asked.map(({ path }) => path);
  assert.deepEqual(asked, ["/status?topic=a", "/status?topic=b/c", "/events?topic=a&topic=b/c&rate=10&after=1-0&limit=500&wait=0"]);
  poller.close();
});

test("attempts are further and further apart, to a limit, until one catches up", async () => {
  const { client, server, subscription } = await opened();
  /** @type {number[]} */
  const all = [];
  for (let n = 0; n < 8; n += 1) {
    await server.connected("1-0");
    await server.last.end();
    all.push(waits(subscription));
    await pass(all.at(-1) ?? 0);
  }
  assert.deepEqual(all, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  await server.live("1-0");
  await server.last.end();
  assert.equal(waits(subscription), 500);
  client.close();
});

test("waits are jittered down to half", async () => {
  const { client, server, subscription } = await live();
  const random = mock.method(Math, "random", () => 0);
  await server.last.end();
  random.mock.mockImplementation(() => 1);
  assert.equal(waits(subscription), 250);
  client.close();
});

for (const [code, reason] of [["draining", "The server is restarting."], ["log_unavailable", "no log"]]) {
  test(`a server that is ${code} says why and when to come back`, async () => {
    const { client, server, subscription } = await live();
    await server.last.say({ type: "reconnect", retry_ms: 1234, code, detail: reason });
    assert.deepEqual([subscription.reason, waits(subscription), server.last.isOver], [reason, 1234, true]);
    await pass(1233);
    assert.equal(server.connections.length, 1);
    await pass(1);
    assert.equal(server.connections.length, 2);
    client.close();
  });
}

test("what comes after the word to reconnect is left to the next connection", async () => {
  const { client, server, subscription } = await live();
  const ids = heard(subscription);
  server.last.write(`data: {"type":"reconnect","retry_ms":5}\n\ndata: ${JSON.stringify(event("a", "2-0"))}\n\n`);
  await settled();
  assert.deepEqual([ids, subscription.lastEventId, subscription.state], [[], "1-0", "waiting"]);
  client.close();
});

test("a silent connection is given up after three heartbeats, and one with heartbeats is not", async () => {
  const { client, server, subscription } = await live();
  for (let n = 0; n < 5; n += 1) {
    await pass(40_000);
    server.last.write(":\n");
    await settled();
  }
  assert.equal(subscription.state, "live");
  await pass(46_000);
  assert.deepEqual([subscription.reason, server.connections[0]?.isOver], ["The connection went silent.", true]);
  client.close();
});

test("a connection from before the machine slept is not believed in", async () => {
  const { client, server, subscription } = await live();
  mock.timers.setTime(Date.now() + 3_600_000);
  await pass(1000);
  assert.deepEqual([server.connections[0]?.isOver, subscription.reason], [true, "The connection went silent."]);
  client.close();
});

/** @type {[string, () => Response | Error, string, string | null, number][]} */
const ANSWERS = [
  ["403", () => problem(403, "why"), "refused", "why", 0],
  ["a proxy's 403", () => new Response("<html>", { status: 403 }), "waiting", "The server answered 403.", 500],
  ["a login page", () => new Response("<html>"), "waiting", "What answers is no Streamer server.", 500],
  ["503 with Retry-After", () => problem(503, "full", { headers: { "Retry-After": "7" } }), "waiting", "full", 7000],
  ["no network", () => new TypeError("fetch failed"), "waiting", "The server cannot be reached.", 500],
  ["204", () => new Response(null, { status: 204 }), "ended", null, 0],
];
for (const [name, answer, state, reason, ms] of ANSWERS) {
  test(`${name} leaves it ${state}`, async () => {
    const server = new FakeServer();
    server.instead = answer;
    const client = createClient({ url: "http://server", transport: "sse", environment: { fetch: server.fetch } });
    const subscription = client.subscribe("a");
    await settled();
    const { retryAt } = subscription;
    assert.deepEqual([subscription.state, subscription.reason, retryAt && retryAt - Date.now()], [state, reason, ms || null]);
    client.close();
  });
}

test("what is no event loses the connection and not the client", async () => {
  const { client, server, subscription } = await live();
  for (const text of ["data: <html>\n\n", "data: null\n\n", "x".repeat(8_000_001)]) {
    server.last.write(text);
    await settled();
    assert.equal(subscription.state, "waiting");
    client.retryNow();
    await settled();
    await server.live("1-0");
  }
  assert.equal(subscription.state, "live");
  client.close();
});

test("a last attempt is made only where it was asked for", async () => {
  const { client, server, subscription } = await opened({ maxAttempts: 2 });
  await server.last.end();
  assert.equal(subscription.state, "waiting");
  await pass(500);
  await server.last.end();
  await settled();
  assert.deepEqual([subscription.state, subscription.reason], ["refused", "No connection after 2 attempts."]);
  client.close();
});

/* Tokens. */

/** A source that is asked, and hands out what it is given, in order. */
function source(/** @type {(string | null | Error)[]} */ ...given) {
  /** @type {Why[]} */
  const asked = [];
  const getToken = async (/** @type {Why} */ why) => {
    asked.push(why);
    const next = given.shift();
    if (next instanceof Error) throw next;
    return next ?? null;
  };
  return { asked, getToken };
}

test("a token is asked for before each connection", async () => {
  const { asked, getToken } = source("one", "two");
  const { client, server } = await live({ getToken });
  assert.equal(server.last.authorization, "Bearer one");
  await server.last.end();
  await pass(500);
  assert.deepEqual([server.last.authorization, asked], ["Bearer two", ["connect", "connect"]]);
  client.close();
});

test("who is refused for a token is asked for another, once, until one is accepted", async () => {
  const { asked, getToken } = source("old", "new", "x", "y");
  const { client, server, subscription } = await live({ getToken });
  server.instead = ({ headers }) => (headers.get("Authorization") === "Bearer new" ? null : problem(401, "the signature is wrong"));
  await server.last.end();
  await pass(500);
  await settled();
  // It had "old", was lost, and is told 401 for "new"'s predecessor no more.
  assert.deepEqual([asked, server.last.authorization], [["connect", "connect"], "Bearer new"]);
  await server.live("1-0");
  await server.last.end();
  await pass(500);
  await settled();
  assert.deepEqual([asked.slice(2, 4), subscription.state, subscription.reason], [["connect", "unauthorized"], "refused", "the signature is wrong"]);
  client.close();
});

test("a connection that was accepted earns another token when it is refused later", async () => {
  const { asked, getToken } = source("a", "b", "c", "d");
  const { client, server, subscription } = await live({ getToken });
  for (const next of ["c", "d"]) {
    server.instead = ({ headers }) => (headers.get("Authorization") === `Bearer ${next}` ? null : problem(401));
    await server.last.end();
    await pass(500);
    await settled();
    if (next === "c") await server.live("1-0");
  }
  assert.deepEqual([asked, subscription.state], [["connect", "connect", "unauthorized", "connect"], "connecting"]);
  client.close();
});

test("a function that has no token to give just now is asked again later, and says why", async () => {
  const { asked, getToken } = source(new Error("the application is away"), "one");
  const { client, server, subscription } = await opened({ getToken });
  assert.deepEqual([subscription.state, subscription.reason], ["waiting", "the application is away"]);
  await pass(500);
  assert.deepEqual([asked.length, server.connections.length], [2, 1]);
  client.close();
});

test("a token that comes when nobody waits for it opens nothing", async () => {
  /** @type {(token: string) => void} */
  let give = () => {};
  const { client, server } = await opened({ getToken: () => new Promise((done) => (give = done)) });
  client.close();
  give("late");
  await settled();
  assert.equal(server.asked.length, 0);
});

const EXPIRING = { type: "expiring", expires_at: "2026-01-01T00:00:00.000Z", refresh: "/api/v1/streams/a.b/token" };

test("a stream whose token ends soon goes on with another, beneath the prefix of a proxy too", async () => {
  const { asked, getToken } = source("one", "two");
  const { client, server, subscription } = await live({ getToken, url: "http://server/live/" });
  await server.last.say(EXPIRING);
  const { url, method, headers } = known(server.asked.at(-1));
  assert.deepEqual([url.href, method, headers.get("Authorization")], ["http://server/live/api/v1/streams/a.b/token", "POST", "Bearer two"]);
  assert.deepEqual([asked, subscription.state, server.connections.length], [["connect", "expiring"], "live", 1]);
  client.close();
});

test("without another token a stream lives on until it is ended, and comes back", async () => {
  for (const getToken of [undefined, source("one", null).getToken, source("one", new Error("away")).getToken]) {
    const { client, server, subscription } = await live(getToken ? { getToken } : {});
    await server.last.say(EXPIRING);
    assert.deepEqual([subscription.state, server.asked.length], ["live", 1]);
    await server.last.say({ type: "expired", code: "token_expired", detail: "the token has expired" });
    assert.deepEqual([subscription.state, subscription.reason], ["waiting", "the token has expired"]);
    client.close();
  }
});

/* Other ways. */

/** It fails as often as it must for the next way. */
async function without(/** @type {FakeServer} */ server) {
  server.instead = () => new Response("<html>", { status: 403 });
  server.answers["/status"] = () => snapshot("1-0");
  server.answers["/events"] = () => new Promise(() => {});
  const client = createClient({ url: "http://server", environment: { fetch: server.fetch, WebSocket } });
  FakeWebSocket.all = [];
  const subscription = client.subscribe("a", { from: "1-0" });
  await settled();
  await pass(500);
  await pass(1000);
  return { client, subscription };
}

test("where no event stream passes a WebSocket is tried, then polls, then streams again", async () => {
  const server = new FakeServer();
  server.answers["/events"] = () => new TypeError("no");
  const { client, subscription } = await without(server);
  server.answers["/status"] = () => new TypeError("no");
  assert.deepEqual([server.asked.length, FakeWebSocket.all.length, subscription.transport], [2, 1, "websocket"]);
  await socket().end(1006);
  await pass(2000);
  assert.equal(server.asked.at(-1)?.path, "/status?topic=a");
  await pass(4000);
  assert.equal(server.asked.at(-1)?.path, "/stream?topic=a");
  client.close();
});

test("a stream that says nothing for ten seconds is held back by somebody", async () => {
  const { client, server } = await opened();
  await pass(11_000);
  await pass(1000);
  await pass(11_000);
  await pass(1000);
  assert.deepEqual([server.connections.length, FakeWebSocket.all.length], [2, 1]);
  client.close();
});

test("a WebSocket has the position in its address, and the token as a subprotocol, however that is written", async () => {
  for (const [token, protocols] of [["a.b-_c", ["streamer", "bearer", "a.b-_c"]], ["a/b=", ["streamer", "bearer", "a%2Fb%3D"]], [null, []]]) {
    const { client, subscription } = await opened({ transport: "websocket", getToken: () => /** @type {string | null} */ (token) });
    assert.deepEqual([socket().protocols, socket().url.searchParams.get("token")], [protocols, null]);
    assert.equal(socket().url.href.split("?")[0], "ws://server/api/v1/stream");
    await socket().say({ type: "connected", topic: "a", cursor: "1-0", snapshot: snapshot("1-0") }, event("a", "2-0"), { type: "caught_up", cursor: "3-0" });
    assert.deepEqual([subscription.state, subscription.lastEventId], ["live", "3-0"]);
    await socket().end(1006);
    await pass(500);
    assert.equal(socket().url.searchParams.get("last_event_id"), "3-0");
    client.close();
  }
});

const refused = (/** @type {number} */ status, detail = "no", more = {}) => ({ type: "refused", status, code: "x", detail, retry: status === 503, ...more });

/** @type {[number, object | null, string, string | null, number][]} the code, what was said before, and what comes of it */
const CODES = [
  [1000, { type: "end", topic: "a", remaining: 0 }, "ended", null, 0],
  [1001, null, "waiting", "The server cannot be reached.", 500],
  [1008, refused(403, "why"), "refused", "why", 0],
  [1009, refused(431, "too large"), "refused", "too large", 0],
  [1011, null, "waiting", "The server cannot be reached.", 500],
  [1012, { type: "reconnect", retry_ms: 1234, detail: "soon" }, "waiting", "soon", 1234],
  [1013, refused(503, "full", { retry_after: 7 }), "waiting", "full", 7000],
  [4408, null, "waiting", "The server cannot be reached.", 500],
];
for (const [code, said, state, reason, ms] of CODES) {
  test(`a WebSocket that is closed with ${code} leaves it ${state}`, async () => {
    const { client, subscription } = await opened({ transport: "websocket" });
    if (said) await socket().say(said);
    await socket().end(code);
    const { retryAt } = subscription;
    assert.deepEqual([subscription.state, subscription.reason, retryAt && retryAt - Date.now()], [state, reason, ms || null]);
    client.close();
  });
}

test("a WebSocket that is refused for its token asks for another one", async () => {
  const { asked, getToken } = source("old", "new");
  const { client } = await opened({ transport: "websocket", getToken });
  await socket().say(refused(401));
  await socket().end(1008, "Unauthorized");
  assert.deepEqual([asked, socket().protocols.at(-1)], [["connect", "unauthorized"], "new"]);
  client.close();
});

test("a refusal over WebSocket is told in the server's whole sentence, and is no event", async () => {
  const { client, subscription } = await opened({ transport: "websocket" });
  const ids = heard(subscription);
  await socket().say(refused(400, "'x' is not an event id"));
  await socket().end(1008, "'x' is not");
  assert.deepEqual([subscription.reason, ids], ["'x' is not an event id", []]);
  client.close();
});

test("a WebSocket is asked for a word, and given up where it has none", async () => {
  const { client, subscription } = await opened({ transport: "websocket" });
  await socket().say({ type: "connected", topic: "a", cursor: "1-0", snapshot: snapshot("1-0") }, { type: "caught_up", cursor: "1-0" });
  const first = socket();
  await pass(30_000);
  await first.say({ type: "pong" });
  await pass(44_000);
  assert.deepEqual([subscription.state, first.sent.slice(0, 2)], ["live", ["ping", "ping"]]);
  await pass(2000);
  assert.deepEqual([subscription.state === "live", first.readyState], [false, 3]);
  client.close();
});

test("a poll begins with the state, is live once there is nothing more at once, and goes back to a stream", async () => {
  const server = new FakeServer();
  const { client, subscription } = await without(server);
  const ids = heard(subscription);
  /** @type {string[]} */
  const paths = [];
  /** @type {(page: object) => void} */
  let answer = () => {};
  const given = [
    { events: [event("a", "5-0")], cursor: "5-0", gap: { type: "gap", topic: "a", after: "1-0", until: "4-5", reason: "trimmed", cursor: "5-0" } },
    { events: [], cursor: "6-0", gap: null },
  ];
  server.answers["/events"] = ({ path }) => {
    paths.push(path.slice("/events?topic=a&".length));
    return given.shift() ?? new Promise((done) => (answer = done));
  };
  await socket().end(1006);
  await pass(2000);
  assert.deepEqual(paths, ["after=1-0&limit=500&wait=0", "after=5-0&limit=500&wait=0", "after=6-0&limit=500&wait=25"]);
  assert.deepEqual([ids, subscription.state, subscription.lastEventId, subscription.transport], [["gap to 4-5", "5-0"], "polling", "6-0", "poll"]);
  // It looks once a minute, and finds nothing yet.
  for (let n = 0; n < 6; n += 1) {
    await pass(10_000);
    answer({ events: [], cursor: "6-0", gap: null });
  }
  assert.equal(subscription.state, "polling");
  server.instead = null;
  for (let n = 0; n < 6; n += 1) {
    await pass(10_000);
    if (server.connections.length === 1) await server.last.say({ type: "connected" });
    answer({ events: n === 5 ? [event("a", "7-0")] : [], cursor: n === 5 ? "7-0" : "6-0", gap: null });
    await settled();
  }
  await pass(1000);
  assert.deepEqual([server.last.lastEventId, ids.at(-1), subscription.transport], ["7-0", "7-0", "sse"]);
  client.close();
});

test("after a reset of the log a poll tells what is new, though its ids are lower", async () => {
  const server = new FakeServer();
  server.answers["/status"] = () => snapshot("9-0");
  const given = [{ events: [event("a", "3-0")], cursor: "3-0", gap: { type: "gap", topic: null, after: "99-0", until: "2-0", reason: "reset", cursor: "3-0" } }];
  server.answers["/events"] = () => given.shift() ?? new Promise(() => {});
  const client = createClient({ url: "http://server", transport: "poll", environment: { fetch: server.fetch } });
  const subscription = client.subscribe("a", { from: "99-0" });
  const ids = heard(subscription);
  await settled();
  assert.deepEqual([ids, subscription.lastEventId], [["gap to 2-0", "3-0"], "3-0"]);
  client.close();
});
