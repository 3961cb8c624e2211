// What `createClient` promises, over event streams of a server that the test holds.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { createClient } from "../../src/streamer/web/client/client.js";
import { FakeServer, event, heard, known, pass, problem, settled, snapshot } from "./fake-server.mjs";

/** @import { ClientOptions } from "../../src/streamer/web/client/client.js" */

/** @param {ClientOptions & {server?: FakeServer}} [options] */
function opened({ server = new FakeServer(), ...options } = {}) {
  const client = createClient({ url: "http://server", environment: { fetch: server.fetch }, ...options });
  return { client, server };
}

/** @param {string | string[]} topics @param {ClientOptions & {server?: FakeServer}} [options] */
async function live(topics, options = {}) {
  const all = opened(options);
  const subscription = all.client.subscribe(topics);
  await settled();
  await all.server.live("1-0");
  return { ...all, subscription };
}

/** The pages that a poll is answered, one after the other; the last for ever. */
function pages(/** @type {{events: object[], cursor: string, gap?: object | null}[]} */ ...given) {
  return () => {
    const [page, next] = given;
    if (next) given.shift();
    return { gap: null, ...page };
  };
}

test("six components of one page have one connection, of all their topics", async () => {
  const { client, server } = opened();
  for (const topic of ["a", "b", "c", "a", "b", "c"]) client.subscribe(topic);
  await settled();
  assert.equal(server.connections.length, 1);
  assert.deepEqual([server.last.topics, server.last.lastEventId], [["a", "b", "c"], null]);
  client.close();
});

test("each hears what is of its topics, once, and a type that it asked for", async () => {
  const { client, server, subscription } = await live(["a", "b"]);
  const ids = heard(subscription);
  /** @type {unknown[]} */
  const typed = [];
  const off = subscription.on("said", (body) => typed.push(body.id));
  const twice = { ...event("a", "2-0"), topics: ["a", "b"], type: "said" };
  await server.last.say(twice, twice);
  off();
  await server.last.say(event("b", "3-0", { type: "said" }), event("z", "4-0"));
  assert.deepEqual([ids, typed, subscription.lastEventId], [["2-0", "3-0"], ["2-0"], "4-0"]);
  client.close();
});

test("ids are compared as numbers, and those of ephemeral events not at all", async () => {
  const { client, server, subscription } = await live("a");
  const ids = heard(subscription);
  await server.last.say(event("a", "9-9"), event("a", "9-10"), event("a", "10-1"), event("a", "9-10"), event("a", undefined, { type: "typing", cursor: "99-0" }));
  assert.deepEqual([ids, subscription.lastEventId], [["9-9", "9-10", "10-1", "typing"], "10-1"]);
  client.close();
});

test("a component with another topic extends the connection, and nobody is told that it was away", async () => {
  const { client, server, subscription } = await live("a");
  /** @type {string[]} */
  const states = [];
  subscription.on("state", ({ state }) => states.push(state));
  const ids = heard(subscription);
  await server.last.say(event("a", "5-0"));
  const late = client.subscribe("b");
  const lateIds = heard(late);
  await settled();
  assert.deepEqual([server.connections.map(({ isOver }) => isOver), server.last.lastEventId], [[true, false], "5-0"]);
  await server.connected("5-0", { head: "7-0" });
  assert.deepEqual([subscription.state, late.state], ["live", "live"]);
  await server.last.say(event("a", "6-0"), event("b", "6-5"), event("a", "7-0"), event("b", "8-0"), { type: "caught_up", cursor: "8-0" });
  assert.deepEqual([ids, lateIds, states, late.state], [["5-0", "6-0", "7-0"], ["8-0"], [], "live"]);
  client.close();
});

test("a component that asks for what was before is given it by requests of its own, without a gap or a double", async () => {
  const { client, server, subscription } = await live("a");
  const ids = heard(subscription);
  await server.last.say(event("a", "5-0"));
  /** @type {string[]} */
  const asked = [];
  const answer = pages(
    { events: [event("a", "2-0"), event("a", "3-0")], cursor: "3-0", gap: { type: "gap", topic: "a", after: "1-0", until: "1-5", reason: "trimmed", cursor: "3-0" } },
    { events: [event("a", "5-0")], cursor: "5-0" },
    { events: [event("a", "6-0")], cursor: "6-0" },
  );
  server.answers["/events"] = async ({ url }) => {
    asked.push(known(url.searchParams.get("after")));
    // Something comes on the connection while the answer is on its way.
    if (asked.length === 2) await server.last.say(event("a", "6-0"));
    return answer();
  };
  const early = client.subscribe("a", { from: "1-0" });
  const earlyIds = heard(early);
  await settled();
  await settled();
  await server.last.say(event("a", "7-0"));
  assert.deepEqual([ids, earlyIds], [["5-0", "6-0", "7-0"], ["gap to 1-5", "2-0", "3-0", "5-0", "6-0", "7-0"]]);
  assert.deepEqual([asked, early.state, server.connections.length], [["1-0", "3-0", "5-0"], "live", 1]);
  client.close();
});

test("one that begins with the earliest hides nobody's gap: the others resume from their own position", async () => {
  const { client, server } = opened();
  const mine = client.subscribe("a", { from: "5-0" });
  server.answers["/events"] = pages({ events: [event("b", "2-0")], cursor: "9-0" });
  const all = client.subscribe("b", { from: "earliest" });
  const [ids, allIds] = [heard(mine), heard(all)];
  await settled();
  assert.equal(server.last.lastEventId, "5-0");
  await server.connected("5-0", { head: "9-0" });
  await server.last.say({ type: "gap", topic: "a", after: "5-0", until: "8-0", reason: "trimmed", cursor: "8-0" }, event("a", "9-0"), { type: "caught_up", cursor: "9-0" });
  assert.deepEqual([ids, allIds], [["gap to 8-0", "9-0"], ["2-0"]]);
  assert.deepEqual([mine.state, all.state], ["live", "live"]);
  client.close();
});

test("who is being given what was before holds nobody back, and asks for it once", async () => {
  const { client, server } = await live("a");
  await server.last.say(event("a", "5-0"));
  let asked = 0;
  /** @type {(page: object) => void} */
  let answer = () => {};
  server.answers["/events"] = () => new Promise((done) => {
    asked += 1;
    answer = done;
  });
  const early = client.subscribe("a", { from: "1-0" });
  const ids = heard(early);
  await settled();
  client.subscribe("b");
  await settled();
  assert.deepEqual([server.last.topics, server.last.lastEventId], [["a", "b"], "5-0"]);
  await server.live("5-0");
  answer({ events: [event("a", "5-0")], cursor: "5-0", gap: null });
  await settled();
  assert.deepEqual([ids, early.state, asked], [["5-0"], "live", 1]);
  client.close();
});

test("who catches up is given by the connection what that has still to bring, and not by both", async () => {
  // Where a server merges, what is still to come may be one event in place of several.
  const { client, server } = await live("a");
  await server.last.say(event("a", "5-0"));
  server.answers["/events"] = () => ({ events: [event("a", "5-0"), event("a", "6-0", { text: "Hel" })], cursor: "6-0", gap: null });
  const early = client.subscribe("a", { from: "1-0" });
  /** @type {unknown[]} */
  const texts = [];
  early.on("*", ({ id, text }) => texts.push([id, text]));
  await settled();
  assert.deepEqual([texts, early.state], [[["5-0", undefined]], "live"]);
  await server.last.say(event("a", "7-0", { text: "Hello" }));
  assert.deepEqual(texts, [["5-0", undefined], ["7-0", "Hello"]]);
  client.close();
});

test("the earliest alone is asked of the stream itself", async () => {
  const { client, server } = opened();
  const ids = heard(client.subscribe("a", { from: "earliest" }));
  await settled();
  assert.equal(server.last.lastEventId, "0-0");
  await server.connected("0-0", { head: "3-0" });
  await server.last.say(event("a", "2-0"), event("a", "3-0"));
  assert.deepEqual([ids, server.asked.length], [["2-0", "3-0"], 1]);
  client.close();
});

test("what could not be caught up is tried again", async () => {
  const { client, server } = await live("a");
  let failures = 2;
  server.answers["/events"] = () => (failures-- > 0 ? new TypeError("no network") : { events: [event("a", "1-0")], cursor: "1-0", gap: null });
  const early = client.subscribe("a", { from: "earliest" });
  const ids = heard(early);
  await settled();
  assert.deepEqual([early.state, ids], ["replaying", []]);
  await pass(2000);
  await pass(2000);
  assert.deepEqual([early.state, ids], ["live", ["1-0"]]);
  client.close();
});

test("a second component of a topic has its state at once, without a connection", async () => {
  const { client, server } = await live("a");
  await server.last.say(event("a", "2-0", { type: "progress", progress: 0.25, job_id: "j" }));
  const second = client.subscribe("a");
  await settled();
  assert.deepEqual([second.snapshot?.progress, second.state, second.lastEventId], [0.25, "live", "2-0"]);
  assert.equal(server.connections.length, 1);
  const ids = heard(second);
  await server.last.say(event("a", "3-0"));
  assert.deepEqual(ids, ["3-0"]);
  client.close();
});

test("a snapshot is the same object until it changes, and is told before its event", async () => {
  const { client, server, subscription } = await live("a");
  /** @type {unknown[]} */
  const told = [];
  subscription.on("snapshot", ({ progress }) => told.push(progress));
  subscription.on("progress", ({ progress }) => told.push([progress]));
  const before = subscription.snapshot;
  await server.last.say(event("a", "2-0"));
  assert.equal(subscription.snapshot, before);
  await server.last.say(event("a", "3-0", { type: "progress", progress: 0.5, job_id: "j", task_name: "t" }));
  assert.deepEqual([told, Object.keys(subscription.snapshot?.jobs ?? {})], [[0.5, [0.5]], ["j"]]);
  client.close();
});

test("events that the snapshot has in it already do not change it", async () => {
  const { client, server } = opened();
  const subscription = client.subscribe("jobs/j", { from: "earliest" });
  await settled();
  await server.connected("0-0", { head: "3-0", states: { "jobs/j": snapshot("3-0", { status: "running", progress: 0.75 }) } });
  await server.last.say(event("jobs/j", "2-0", { type: "progress", progress: 0.25 }));
  assert.equal(subscription.snapshot?.progress, 0.75);
  await server.last.say(event("jobs/j", "4-0", { type: "progress", progress: 1 }));
  assert.equal(subscription.snapshot?.progress, 1);
  client.close();
});

test("a mount, an unmount and a mount again cost nothing", async () => {
  const { client, server } = await live("a");
  client.subscribe("b").close();
  client.subscribe("a").close();
  await settled();
  await pass(1000);
  assert.equal(server.connections.length, 1);
  client.close();
});

test("the last one who leaves closes the connection, a moment later, and the next begins anew", async () => {
  const { client, server, subscription } = await live("a");
  subscription.close();
  await settled();
  assert.equal(server.last.isOver, false);
  await pass(1000);
  assert.equal(server.last.isOver, true);
  const next = client.subscribe("a");
  await settled();
  assert.deepEqual([server.last.lastEventId, next.snapshot, next.state], [null, null, "connecting"]);
  client.close();
});

test("a lost connection resumes after the last event, and says why and when", async () => {
  const { client, server, subscription } = await live("a");
  /** @type {unknown[]} */
  const states = [];
  subscription.on("state", (told) => states.push(told));
  await server.last.say(event("a", "5-0"));
  await server.last.end();
  assert.deepEqual(states, [{ state: "waiting", reason: "The server cannot be reached.", retryAt: Date.now() + 500 }]);
  await pass(500);
  assert.equal(server.last.lastEventId, "5-0");
  await server.live("5-0");
  assert.deepEqual([subscription.state, subscription.reason, subscription.retryAt], ["live", null, null]);
  client.close();
});

test("a device without a network is named as the reason", async () => {
  const { client, server, subscription } = await live("a");
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
  await server.last.end();
  assert.equal(subscription.reason, "This device is offline.");
  Object.defineProperty(globalThis, "navigator", { value: undefined, configurable: true });
  client.close();
});

test("retryNow does not wait, of the client as of a subscription, and disturbs nothing that is live", async () => {
  const { client, server, subscription } = await live("a");
  for (const one of [subscription, client]) {
    await server.last.end();
    one.retryNow();
    await settled();
    assert.equal(subscription.state, "connecting");
    await server.live("1-0");
  }
  client.retryNow();
  await settled();
  assert.deepEqual([server.connections.length, server.last.isOver], [3, false]);
  client.close();
});

test("a gap is told to those whom it concerns", async () => {
  const { client, server } = opened();
  const [one, other] = [client.subscribe("a"), client.subscribe("b")];
  await settled();
  await server.live("1-0");
  const [told, otherTold] = [heard(one), heard(other)];
  const gap = { type: "gap", topic: "b", after: "1-0", until: "4-0", reason: "trimmed", cursor: "4-0" };
  await server.last.say(gap);
  assert.deepEqual([told, otherTold, other.lastEventId], [[], ["gap to 4-0"], "4-0"]);
  await server.last.say({ ...gap, topic: null, until: "2-0", reason: "reset", cursor: "2-0" }, event("b", "3-0"));
  assert.deepEqual([told, otherTold, other.lastEventId], [["gap to 2-0"], ["gap to 4-0", "gap to 2-0", "3-0"], "3-0"]);
  client.close();
});

test("a gap of one topic that reaches beyond events of another costs none of them", async () => {
  const { client, server, subscription } = await live(["a", "b"]);
  const ids = heard(subscription);
  await server.last.say({ type: "gap", topic: "b", after: "1-0", until: "9-0", reason: "trimmed", cursor: "1-0" }, event("a", "5-0"), event("b", "10-0"));
  assert.deepEqual(ids, ["gap to 9-0", "5-0", "10-0"]);
  client.close();
});

test("a job's subscription ends with the job, and the others go on", async () => {
  const { client, server, subscription } = await live(["jobs/j", "projects/p"]);
  const job = client.subscribe("jobs/j");
  await settled();
  const ids = heard(job);
  await server.last.say({ ...event("jobs/j", "2-0", { type: "completed", job_id: "j", result: { x: 1 } }), topics: ["jobs/j", "projects/p"] });
  assert.deepEqual([job.state, job.snapshot?.status, job.snapshot?.result, ids], ["ended", "completed", { x: 1 }, ["2-0"]]);
  assert.equal(subscription.state, "live");
  client.close();
});

test("a job that was over before anybody asked ends at once, also beside others", async () => {
  const { client, server } = opened();
  const [job, project] = [client.subscribe("jobs/j"), client.subscribe("projects/p")];
  await settled();
  await server.live("5-0", { states: { "jobs/j": snapshot("5-0", { status: "failed", error: "no space" }) } });
  assert.deepEqual([job.state, job.snapshot?.error, project.state], ["ended", "no space", "live"]);
  client.close();
});

test("a job that is over is told from the beginning before it ends", async () => {
  const { client, server } = opened();
  const job = client.subscribe("jobs/j", { from: "earliest" });
  const ids = heard(job);
  await settled();
  await server.connected("0-0", { states: { "jobs/j": snapshot("3-0", { status: "completed" }) } });
  await server.last.say(event("jobs/j", "2-0", { type: "progress", progress: 1 }));
  assert.equal(job.state, "replaying");
  await server.last.say(event("jobs/j", "3-0", { type: "completed" }), { type: "end", topic: "jobs/j", remaining: 0 });
  await pass(5000);
  assert.deepEqual([ids, job.state, server.connections.length], [["2-0", "3-0"], "ended", 1]);
  client.close();
});

test("who resumes behind the end of a job is answered 204, and who begins with it is told its state", async () => {
  const { client, server } = opened();
  server.instead = ({ headers }) => (headers.has("Last-Event-ID") ? new Response(null, { status: 204 }) : null);
  const after = client.subscribe("jobs/j", { from: "5-0" });
  const fresh = client.subscribe("jobs/j");
  await settled();
  await server.connected("5-0", { states: { "jobs/j": snapshot("5-0", { status: "completed" }) } });
  assert.deepEqual([after.state, fresh.state, fresh.snapshot?.status], ["ended", "ended", "completed"]);
  client.close();
});

test("whoever answers 204 to everything is not asked for ever", async () => {
  const { client, server } = opened();
  server.instead = () => new Response(null, { status: 204 });
  const all = [client.subscribe("jobs/j"), client.subscribe("jobs/j", { from: "earliest" }), client.subscribe("jobs/j", { from: "5-0" })];
  await settled();
  await settled();
  assert.deepEqual([all.map(({ state }) => state), server.asked.length <= 3], [["ended", "ended", "ended"], true]);
  client.close();
});

test("a refusal is told in the server's sentence, and is asked again on request", async () => {
  const { client, server } = opened();
  server.instead = () => problem(403, "you may not read a", { topic: "a" });
  const subscription = client.subscribe("a");
  await settled();
  assert.deepEqual([subscription.state, subscription.reason], ["refused", "you may not read a"]);
  server.instead = null;
  await pass(60_000);
  assert.equal(server.connections.length, 0);
  subscription.retryNow();
  await settled();
  await server.live("1-0");
  assert.equal(subscription.state, "live");
  client.close();
});

test("who may not read one topic keeps nobody from another", async () => {
  const { client, server } = opened();
  server.instead = ({ path }) => (path.includes("topic=b") ? problem(403, "you may not read b", { topic: "b" }) : null);
  const [allowed, forbidden] = [client.subscribe("a"), client.subscribe("b")];
  /** @type {string[]} */
  const states = [];
  allowed.on("state", ({ state }) => states.push(state));
  await settled();
  server.instead = null;
  await settled();
  assert.deepEqual([forbidden.state, forbidden.reason, server.last.topics], ["refused", "you may not read b", ["a"]]);
  await server.live("1-0");
  assert.deepEqual([states.at(-1), states.includes("refused"), forbidden.state], ["live", false, "refused"]);
  client.close();
});

test("a page that is left has no connection, and one again when it is shown", async () => {
  const page = new EventTarget();
  Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page) });
  const { client, server, subscription } = await live("a");
  for (const [leaves, comes] of [["pagehide", "pageshow"], ["freeze", "resume"]]) {
    page.dispatchEvent(new Event(`${leaves}`));
    await settled();
    client.subscribe("a").close();
    await pass(1000);
    assert.deepEqual([server.last.isOver, server.connections.filter(({ isOver }) => !isOver).length], [true, 0]);
    page.dispatchEvent(new Event(`${comes}`));
    await settled();
    assert.deepEqual([server.last.lastEventId, server.last.isOver], ["1-0", false]);
    await server.live("1-0");
    assert.equal(subscription.state, "live");
  }
  await server.last.end();
  page.dispatchEvent(new Event("online"));
  await settled();
  assert.equal(subscription.state, "connecting");
  client.close();
  page.dispatchEvent(new Event("pageshow"));
  await settled();
  assert.equal(server.last.isOver, true);
  Reflect.deleteProperty(globalThis, "addEventListener");
});

test("a listener that throws keeps nothing from the others, and is reported as the platform does", async () => {
  const { client, server, subscription } = await live("a");
  // Node's EventTarget throws it again with the next tick, where nobody catches it.
  /** @type {unknown[]} */
  const reported = [];
  const { nextTick } = process;
  const ticks = mock.method(process, "nextTick", (/** @type {(...all: unknown[]) => void} */ fn, /** @type {unknown[]} */ ...all) =>
    nextTick(() => {
      try {
        fn(...all);
      } catch (error) {
        reported.push(error);
      }
    }));
  subscription.on("*", () => {
    throw new Error("mine");
  });
  const ids = heard(subscription);
  await server.last.say(event("a", "2-0"));
  assert.deepEqual([ids, reported.map(String), server.last.isOver], [["2-0"], ["Error: mine"], false]);
  ticks.mock.restore();
  client.close();
});

test("a closed subscription and a closed client are quiet", async () => {
  const { client, server, subscription } = await live("a");
  const [other, ids] = [client.subscribe("a"), heard(subscription)];
  await settled();
  const otherIds = heard(other);
  subscription.close();
  await server.last.say(event("a", "2-0"));
  client.close();
  await settled();
  await pass(60_000);
  assert.deepEqual([ids, otherIds, server.last.isOver, server.connections.length], [[], ["2-0"], true, 1]);
});

test("for await has every event, also where it is slow, and leaves with the loop", async () => {
  const { client, server } = opened();
  const events = client.stream("a", { from: "earliest" });
  const first = events.next();
  await settled();
  await server.connected("0-0", { head: "9999-0" });
  await server.last.say(event("a", "1-0"));
  assert.equal((await first).value?.id, "1-0");
  await server.last.say(...Array.from({ length: 1499 }, (_, n) => event("a", `${n + 2}-0`)));
  /** @type {unknown[]} */
  const ids = [];
  for (let n = 2; n <= 1001; n += 1) ids.push((await events.next()).value?.id);
  server.answers["/events"] = pages({ events: [event("a", "1002-0")], cursor: "1500-0" });
  assert.equal((await events.next()).value?.id, "1002-0");
  assert.equal(server.asked.at(-1)?.path, "/events?topic=a&after=1001-0&limit=500&wait=0");
  assert.deepEqual([ids.length, ids.at(-1)], [1000, "1001-0"]);
  await events.return();
  await pass(1000);
  assert.equal(server.last.isOver, true);
});

test("for await ends with its job, and throws where it is refused", async () => {
  const { client, server } = opened();
  const ended = client.stream("jobs/j", { from: "earliest" });
  const first = ended.next();
  await settled();
  await server.connected("0-0", { states: { "jobs/j": snapshot("1-0") } });
  await server.last.say(event("jobs/j", "2-0", { type: "completed" }));
  assert.deepEqual([(await first).value?.id, (await ended.next()).done], ["2-0", true]);
  await settled();
  server.instead = () => problem(403, "you may not");
  await assert.rejects(client.stream("b").next(), /you may not/u);
  client.close();
});

test("bad input is refused in words", () => {
  const { client } = opened();
  assert.throws(() => createClient({ url: "" }), /"" is not a url, http/u);
  assert.throws(() => client.subscribe("a b"), /"a b" is not a topic/u);
  assert.throws(() => client.subscribe([]), /"" is not a topic/u);
  assert.throws(() => client.subscribe("a", { from: "now" }), /"now" is not latest, earliest or an id/u);
  client.close();
  assert.throws(() => client.subscribe("a"), /the client is closed/u);
});

test("topics that objects have names of are topics as any other", async () => {
  const { client, server } = opened();
  const subscription = client.subscribe("constructor");
  await settled();
  assert.equal(subscription.snapshot, null);
  await server.live("1-0");
  await server.last.say(event("constructor", "2-0", { type: "progress", progress: 0.5, job_id: "toString" }));
  assert.deepEqual([subscription.snapshot?.progress, subscription.lastEventId], [0.5, "2-0"]);
  client.close();
});

test("what cannot be published now is published later, once, and in order", async () => {
  const server = new FakeServer();
  /** @type {(Error | Response | object)[]} */
  const outcomes = [new TypeError("offline"), problem(503), Response.json({ id: "3-0" }, { status: 201 }), problem(400, "no such type")];
  server.answers["/events"] = () => outcomes.shift();
  const { client } = opened({ server });
  const first = client.publish("a", "note", { n: 1 }, { idempotencyKey: "k1" });
  const second = assert.rejects(client.publish("a", "Bad", { n: 2 }), /no such type/u);
  await settled();
  await pass(500);
  await pass(1000);
  assert.deepEqual(await first, { id: "3-0" });
  await second;
  assert.deepEqual(server.asked.slice(0, 3).map(({ headers }) => headers.get("Idempotency-Key")), ["k1", "k1", "k1"]);
  assert.deepEqual(JSON.parse(`${server.asked[0]?.body}`), { n: 1, topic: "a", type: "note" });
  client.close();
});

test("what a client was closed before it published is rejected, and so is what there is no room for", async () => {
  const server = new FakeServer();
  server.answers["/events"] = () => problem(503);
  const { client } = opened({ server });
  const waiting = Array.from({ length: 1000 }, () => client.publish("a", "note").catch((/** @type {Error} */ error) => error.message));
  await assert.rejects(client.publish("a", "note"), /1000 events wait/u);
  client.close();
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["the client was closed before this was published"]));
});

test("a position is kept over a reload, where it was asked for", async () => {
  /** @type {{[key: string]: string}} */
  const kept = {};
  const page = new EventTarget();
  Object.assign(globalThis, { addEventListener: page.addEventListener.bind(page), sessionStorage: kept });
  for (const expected of [null, "5-0"]) {
    const { client, server } = opened();
    const subscription = client.subscribe("a", { persist: "session" });
    await settled();
    assert.equal(server.last.lastEventId, expected);
    await server.live(expected ?? "1-0");
    await server.last.say(event("a", expected ? "6-0" : "5-0"));
    page.dispatchEvent(new Event("pagehide"));
    assert.deepEqual(Object.values(kept), [subscription.lastEventId]);
    client.close();
  }
  Reflect.deleteProperty(globalThis, "addEventListener");
});

test("where nothing can be kept it begins as without", async () => {
  Reflect.deleteProperty(globalThis, "sessionStorage");
  const { client, server } = opened();
  client.subscribe("a", { persist: "session" });
  await settled();
  assert.equal(server.last.lastEventId, null);
  client.close();
});
