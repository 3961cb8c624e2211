// The promises of `src/streamer/web/client/client.js`, with a browser that the test holds.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/streamer/web/client/client.js";
import "../../src/streamer/web/client/iterate.js";
import "../../src/streamer/web/client/publish.js";
import "../../src/streamer/web/client/refusals.js";
import "../../src/streamer/web/client/storage.js";
import { FakeEnvironment } from "./fake-environment.mjs";
import { known, last } from "./given.mjs";

/** @import { ClientOptions } from "../../src/streamer/web/client/client.js" */
/** @import { Subscription } from "../../src/streamer/web/client/subscription.js" */
/** @import { Body, Snapshot } from "../../src/streamer/web/client/wire.d.ts" */

/** Let what was promised come. */
const settled = () => new Promise((done) => setImmediate(() => done(null)));

/** @returns {Snapshot} */
const snapshot = (/** @type {string} */ cursor, more = {}) => ({
  cursor, status: null, progress: null, message: null, result: null, error: null, attempt: null, tasks: {}, jobs: {}, ...more,
});

const event = (/** @type {string} */ topic, /** @type {string} */ id, more = {}) => ({ id, type: "note", topic, ...more });

/** @param {ClientOptions & {environment?: FakeEnvironment}} [options] */
function opened({ environment = new FakeEnvironment(), ...options } = {}) {
  const client = createClient({ url: "http://server", environment, ...options });
  return { client, environment };
}

/** The connection is answered for all its topics, from `cursor` on. */
function answer(/** @type {FakeEnvironment} */ environment, /** @type {string} */ cursor, head = cursor) {
  const topics = environment.last.url.searchParams.getAll("topic");
  const [topic = ""] = topics;
  const resumed = environment.last.lastEventId !== null;
  const told = topics.length === 1
    ? { topic, snapshot: snapshot(head) }
    : { topics, snapshots: Object.fromEntries(topics.map((name) => [name, snapshot(head)])) };
  environment.say({ type: "connected", cursor, resumed, ...told });
}

/** @returns {unknown[]} the ids that it hears from now on */
function heard(/** @type {Subscription} */ subscription) {
  /** @type {unknown[]} */
  const ids = [];
  subscription.on("*", (/** @type {Body} */ body) => ids.push(body.id));
  return ids;
}

async function live(/** @type {string | string[]} */ topics, /** @type {ClientOptions & {environment?: FakeEnvironment}} */ options = {}) {
  const all = opened(options);
  const subscription = all.client.subscribe(topics);
  await settled();
  answer(all.environment, "1-0");
  all.environment.say({ type: "caught_up", cursor: "1-0" });
  return { ...all, subscription };
}

test("six components of one page have one connection, of all their topics", async () => {
  const { client, environment } = opened();
  for (const topic of ["a", "b", "c", "a", "b", "c"]) client.subscribe(topic);
  await settled();
  assert.equal(environment.connections.length, 1);
  assert.deepEqual(environment.last.url.searchParams.getAll("topic"), ["a", "b", "c"]);
  assert.equal(environment.last.lastEventId, null);
});

test("each hears what is of its topics, once, and a type that it asked for", async () => {
  const { client, environment, subscription } = await live(["a", "b"]);
  const ids = heard(subscription);
  /** @type {unknown[]} */
  const typed = [];
  const off = subscription.on("said", (/** @type {Body} */ body) => typed.push(body.id));
  environment.say({ ...event("a", "2-0"), topics: ["a", "b"], type: "said" });
  environment.say({ ...event("a", "2-0"), topics: ["a", "b"], type: "said" });
  off();
  environment.say(event("b", "3-0", { type: "said" }));
  environment.say(event("z", "4-0"));
  assert.deepEqual([ids, typed, subscription.lastEventId], [["2-0", "3-0"], ["2-0"], "4-0"]);
  client.close();
});

test("a component that comes later joins what is open, and begins where it says", async () => {
  const { client, environment, subscription } = await live("a");
  const ids = heard(subscription);
  environment.say(event("a", "5-0"));
  const late = client.subscribe("b");
  const early = client.subscribe("a", { from: "earliest" });
  const lateIds = heard(late);
  const earlyIds = heard(early);
  await settled();
  assert.equal(environment.connections[0]?.closed, false, "the first goes on until the other is there");
  environment.connections[0]?.onmessage?.({ data: JSON.stringify(event("a", "6-0")) });
  assert.deepEqual([environment.last.lastEventId, subscription.state], ["0-0", "live"]);
  answer(environment, "0-0", "7-0");
  assert.equal(environment.connections[0]?.closed, true);
  for (const body of [event("a", "3-0"), event("a", "5-0"), event("a", "6-0"), event("b", "6-5"), event("a", "7-0"), event("b", "8-0")]) {
    environment.say(body);
  }
  environment.say({ type: "caught_up", cursor: "8-0" });
  assert.deepEqual([ids, earlyIds, lateIds], [["5-0", "6-0", "7-0"], ["3-0", "5-0", "6-0", "7-0"], ["8-0"]]);
  assert.deepEqual([subscription.state, late.state, early.state], ["live", "live", "live"]);
});

test("a second component of a topic has its state at once, without a connection", async () => {
  const { client, environment } = await live("a");
  environment.say(event("a", "2-0", { type: "progress", progress: 0.25, job_id: "j" }));
  const second = client.subscribe("a");
  await settled();
  assert.deepEqual([second.snapshot?.progress, second.state, second.lastEventId], [0.25, "live", "2-0"]);
  assert.equal(environment.connections.length, 1);
  const ids = heard(second);
  environment.say(event("a", "3-0"));
  assert.deepEqual(ids, ["3-0"]);
});

test("a mount, an unmount and a mount again cost nothing", async () => {
  const { client, environment } = await live("a");
  client.subscribe("b").close();
  client.subscribe("a").close();
  await settled();
  environment.advance(1000);
  await settled();
  assert.equal(environment.connections.length, 1);
});

test("the last one who leaves closes the connection, a moment later", async () => {
  const { environment, subscription } = await live("a");
  subscription.close();
  await settled();
  assert.equal(environment.last.closed, false);
  environment.advance(1000);
  await settled();
  assert.equal(environment.last.closed, true);
});

test("a lost connection resumes after the last event, and says why and when", async () => {
  const { environment, subscription } = await live("a");
  /** @type {unknown[]} */
  const states = [];
  subscription.on("state", (told) => states.push(told));
  environment.say(event("a", "5-0"));
  environment.break();
  assert.deepEqual(states, [{ state: "waiting", reason: "The server cannot be reached.", retryAt: environment.time + 500 }]);
  environment.advance(500);
  assert.equal(environment.last.lastEventId, "5-0");
  environment.isOnline = false;
  environment.break();
  assert.equal(subscription.reason, "This device is offline.");
  environment.isOnline = true;
  environment.happen("online");
  await settled();
  answer(environment, "5-0");
  environment.say({ type: "caught_up", cursor: "5-0" });
  assert.deepEqual([subscription.state, subscription.reason], ["live", null]);
});

test("retryNow does not wait", async () => {
  const { environment, subscription } = await live("a");
  environment.break();
  subscription.retryNow();
  await settled();
  assert.deepEqual([environment.connections.length, subscription.state], [2, "connecting"]);
});

test("a gap is told to those whom it concerns", async () => {
  const { client, environment, subscription } = await live("a");
  const other = client.subscribe("b");
  await settled();
  answer(environment, "1-0");
  /** @type {string[]} */
  const told = [];
  subscription.on("gap", () => told.push("a"));
  other.on("gap", () => told.push("b"));
  environment.say({ type: "gap", topic: "b", after: "1-0", until: "4-0", reason: "trimmed", cursor: "4-0" });
  assert.deepEqual([told, other.lastEventId], [["b"], "4-0"]);
  environment.say({ type: "gap", topic: null, after: "1-0", until: "2-0", reason: "reset", cursor: "2-0" });
  assert.deepEqual([told, other.lastEventId], [["b", "a", "b"], "2-0"]);
});

test("a job's subscription ends with the job, and the others go on", async () => {
  const { environment, subscription, client } = await live(["jobs/j", "projects/p"]);
  const job = client.subscribe("jobs/j");
  await settled();
  environment.say({ ...event("jobs/j", "2-0", { type: "completed", job_id: "j", result: { x: 1 } }), topics: ["jobs/j", "projects/p"] });
  assert.deepEqual([job.state, job.snapshot?.status, job.snapshot?.result], ["ended", "completed", { x: 1 }]);
  assert.equal(subscription.state, "live");
});

test("the end of a stream of jobs is the end of its subscriptions", async () => {
  const { environment, subscription } = await live("jobs/j");
  environment.say({ type: "end", topic: "jobs/j", reason: "completed", remaining: 0 });
  environment.advance(1e6);
  assert.deepEqual([subscription.state, environment.connections.length], ["ended", 1]);
});

test("a refusal is told in the server's sentence", async () => {
  const { client, environment } = opened();
  const subscription = client.subscribe("a");
  await settled();
  environment.refuse("refused", "you may not read a");
  assert.deepEqual([subscription.state, subscription.reason], ["refused", "you may not read a"]);
});

test("who may not read one topic keeps nobody from another", async () => {
  const environment = new FakeEnvironment();
  environment.fetch = async (url) => (url.endsWith("topic=b")
    ? Response.json({ code: "forbidden", detail: "you may not read b" }, { status: 403 })
    : Response.json({}));
  const { client } = opened({ environment });
  const [allowed, forbidden] = [client.subscribe("a"), client.subscribe("b")];
  await settled();
  environment.refuse("refused", "you may not read all of this");
  for (let n = 0; n < 5; n += 1) await settled();
  assert.deepEqual([forbidden.state, forbidden.reason], ["refused", "you may not read b"]);
  assert.deepEqual(environment.last.url.searchParams.getAll("topic"), ["a"]);
  answer(environment, "1-0");
  environment.say({ type: "caught_up", cursor: "1-0" });
  assert.deepEqual([allowed.state, forbidden.state], ["live", "refused"]);
  forbidden.retryNow();
  await settled();
  assert.deepEqual(environment.last.url.searchParams.getAll("topic"), ["a", "b"]);
});

test("a listener that throws keeps nothing from the others", async () => {
  const { error } = console;
  console.error = () => {};
  const { environment, subscription } = await live("a");
  subscription.on("*", () => {
    throw new Error("mine");
  });
  const ids = heard(subscription);
  environment.say(event("a", "2-0"));
  console.error = error;
  assert.deepEqual(ids, ["2-0"]);
});

test("a page that is left has no connection, and one again when it is shown", async () => {
  const { environment, subscription } = await live("a");
  environment.happen("pagehide");
  await settled();
  assert.equal(environment.last.closed, true);
  environment.happen("pageshow", { persisted: true });
  await settled();
  assert.equal(environment.last.lastEventId, "1-0");
  assert.equal(subscription.state, "connecting");
});

test("for await has every event, also where it is slow, and leaves with the loop", async () => {
  const { client, environment } = opened();
  const events = client.stream("a", { from: "earliest" });
  const first = events.next();
  await settled();
  await settled();
  answer(environment, "0-0");
  environment.say(event("a", "1-0"));
  assert.equal((await first).value?.id, "1-0");
  for (let n = 2; n <= 1500; n += 1) environment.say(event("a", `${n}-0`));
  /** @type {unknown[]} */
  const ids = [];
  for (let n = 2; n <= 1001; n += 1) ids.push((await events.next()).value?.id);
  const next = events.next();
  await settled();
  await settled();
  assert.equal(environment.last.lastEventId, "1001-0");
  answer(environment, "1001-0");
  environment.say(event("a", "1002-0"));
  assert.equal((await next).value?.id, "1002-0");
  assert.deepEqual([ids.length, ids.at(-1)], [1000, "1001-0"]);
  await events.return();
  await settled();
  environment.advance(1000);
  await settled();
  assert.equal(environment.last.closed, true);
});

test("bad input is refused in words", () => {
  const { client } = opened();
  assert.throws(() => createClient({ url: "" }), /url must be http/u);
  assert.throws(() => client.subscribe("a b"), /"a b" is not a topic/u);
  assert.throws(() => client.subscribe([]), /1 to 100 topics, not 0/u);
  assert.throws(() => client.subscribe("a", { from: "now" }), /from is "latest", "earliest" or an id/u);
  client.close();
  assert.throws(() => client.subscribe("a"), /closed/u);
});

test("what cannot be published now is published later, once, and in order", async () => {
  const environment = new FakeEnvironment();
  /** @type {{key: string | null, body: string}[]} */
  const posts = [];
  /** @type {(Error | number)[]} */
  const outcomes = [new TypeError("offline"), 503, 201, 400];
  environment.fetch = async (_, { headers, body }) => {
    posts.push({ key: new Headers(headers).get("Idempotency-Key"), body: `${body}` });
    const status = outcomes.shift() ?? 201;
    if (status instanceof Error) throw status;
    return { status, ok: status < 300, json: async () => (status === 201 ? { id: `${posts.length}-0` } : { code: "invalid_type", detail: "no such type" }) };
  };
  const { client } = opened({ environment });
  const first = client.publish("a", "note", { n: 1 }, { idempotencyKey: "k1" });
  const second = assert.rejects(client.publish("a", "Bad", { n: 2 }), /no such type/u);
  await settled();
  await settled();
  environment.advance(500);
  await settled();
  environment.happen("online");
  await settled();
  assert.deepEqual(await first, { id: "3-0" });
  await second;
  assert.deepEqual(posts.slice(0, 3).map(({ key }) => key), ["k1", "k1", "k1"]);
  assert.deepEqual(JSON.parse(known(posts[0]).body), { n: 1, topic: "a", type: "note" });
  client.close();
});

test("a position is kept over a reload, where it was asked for", async () => {
  /** @type {Map<string, string>} */
  const kept = new Map();
  const sessionStorage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value),
  };
  for (const expected of [null, "5-0"]) {
    const environment = Object.assign(new FakeEnvironment(), { sessionStorage });
    const { client } = opened({ environment });
    const subscription = client.subscribe("a", { persist: "session" });
    await settled();
    await settled();
    assert.equal(environment.last.lastEventId, expected);
    answer(environment, expected ?? "1-0");
    environment.say(event("a", expected === null ? "5-0" : "6-0"));
    environment.happen("pagehide");
    assert.equal(last([...kept.values()]), subscription.lastEventId);
    client.close();
  }
});
