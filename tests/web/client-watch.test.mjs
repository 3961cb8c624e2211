import assert from "node:assert/strict";
import { test } from "node:test";

import { watch } from "../../src/streamer/web/client/watch.js";
import { FakeClient, HeldTimers } from "./fake-client.mjs";

const timers = new HeldTimers();

const progress = (/** @type {number} */ value) => ({ type: "progress", progress: value });

test("nothing is opened until somebody listens, and it is closed when nobody does", () => {
  const client = new FakeClient();
  const watched = watch("jobs/a", { client });
  assert.equal(client.asked.length, 0);
  const stop = watched.subscribe(() => {});
  assert.equal(client.open, 1);
  stop();
  timers.pass(200);
  assert.equal(client.open, 0);
});

test("who goes and comes back goes on where they were, and is told what is over only once", () => {
  const client = new FakeClient();
  /** @type {unknown[]} */
  const first = [];
  const watched = watch("jobs/a", { client, from: "earliest", onSnapshot: ({ status }) => first.push(status) });
  const stop = watched.subscribe(() => {});
  assert.equal(client.asked.at(-1)?.options.from, "earliest");
  client.last.receive({ id: "7-0", ...progress(0.5) }, { status: "running" });
  stop();
  watched.subscribe(() => {})();
  assert.equal(client.asked.at(-1)?.options.from, "7-0");
  assert.deepEqual(first, ["running"]);
  assert.equal(client.open, 0);
});

test("a thousand events are one change, of all of them", () => {
  const client = new FakeClient();
  let changes = 0;
  /** @type {number[]} */
  const events = [];
  const watched = watch("jobs/a", {
    client,
    onEvent: (body) => events.push(body.progress),
    initial: 0,
    reduce: (count) => count + 1,
  });
  const stop = watched.subscribe(() => (changes += 1));
  timers.pass();
  changes = 0;
  for (let n = 1; n <= 1000; n += 1) client.last.receive(progress(n / 1000), { status: "running", progress: n / 1000 });
  assert.equal(changes, 0);
  timers.pass();
  assert.equal(changes, 1);
  assert.equal(watched.get().snapshot?.progress, 1);
  assert.equal(watched.get().value, 1000);
  assert.equal(events.length, 1000);
  stop();
});

/** Watch with the options of the older hook; the connection is lost so many times. */
function losing(/** @type {any} */ options, /** @type {number} */ times) {
  const client = new FakeClient();
  const watched = watch("projects/a", { client, ...options });
  const stop = watched.subscribe(() => {});
  const subscription = client.last;
  subscription.become("live");
  for (let n = 0; n < times; n += 1) {
    subscription.become("connecting");
    subscription.become("waiting", "The server cannot be reached.");
  }
  timers.pass();
  const { state, reconnectAttempts, isConnected, isFallback } = watched.get();
  return { client, watched, subscription, stop, seen: [state, reconnectAttempts, isConnected, isFallback] };
}

test("of a page that is seen it changes with the frame, and once only", () => {
  const { document } = globalThis;
  /** @type {(() => void)[]} */
  const frames = [];
  Object.assign(globalThis, { document: { hidden: false }, requestAnimationFrame: (/** @type {() => void} */ call) => frames.push(call) });
  const client = new FakeClient();
  let changes = 0;
  const stop = watch("jobs/a", { client }).subscribe(() => (changes += 1));
  for (const value of [0.1, 0.2]) client.last.receive(progress(value));
  assert.deepEqual([frames.length, changes], [1, 0]);
  frames[0]?.();
  timers.pass();
  assert.equal(changes, 1);
  stop();
  Object.assign(globalThis, { document, requestAnimationFrame: undefined });
});

test("attempts are counted until the connection is back, and without an option there is no last one", () => {
  const { watched, subscription, stop, seen } = losing({}, 100);
  assert.deepEqual(seen, ["waiting", 100, false, false]);
  assert.equal(watched.get().reason, "The server cannot be reached.");
  subscription.become("waiting", "This device is offline.");
  timers.pass();
  assert.equal(watched.get().reconnectAttempts, 100);
  subscription.become("live");
  timers.pass();
  assert.deepEqual([watched.get().reconnectAttempts, watched.get().isConnected], [0, true]);
  stop();
});

test("a connection that polls is one, and is the fallback", () => {
  const { watched, subscription, stop } = losing({}, 1);
  subscription.become("polling");
  timers.pass();
  assert.deepEqual([watched.get().isConnected, watched.get().isFallback], [true, true]);
  stop();
});

test("after the last attempt it looks at each interval, and is back as soon as the server is", () => {
  const { watched, subscription, stop, seen } = losing({ maxReconnectAttempts: 5, pollingInterval: 4000 }, 6);
  assert.deepEqual(seen, ["waiting", 5, false, true]);
  timers.pass(3900);
  assert.equal(subscription.retries, 0);
  timers.pass(100);
  assert.equal(subscription.retries, 1);
  subscription.become("connecting");
  timers.pass(9000);
  assert.equal(subscription.retries, 1, "who is connecting is not disturbed");
  subscription.become("waiting");
  timers.pass(4000);
  assert.equal(subscription.retries, 2);
  subscription.become("connecting");
  subscription.become("waiting");
  timers.pass(2000);
  subscription.become("live");
  timers.pass(9000);
  assert.equal(subscription.retries, 2);
  assert.deepEqual([watched.get().isConnected, watched.get().isFallback], [true, false]);
  stop();
});

test("the interval has a default and a least, and ends with who listens", () => {
  const { subscription, stop } = losing({ autoReconnect: false, pollingInterval: 0 }, 1);
  timers.pass(900);
  assert.equal(subscription.retries, 0);
  timers.pass(100);
  assert.equal(subscription.retries, 1);
  subscription.become("connecting");
  subscription.become("waiting");
  stop();
  timers.pass(9000);
  assert.equal(subscription.retries, 1);
  const other = losing({ autoReconnect: false }, 1);
  timers.pass(2900);
  assert.equal(other.subscription.retries, 0);
  timers.pass(100);
  assert.equal(other.subscription.retries, 1);
  other.stop();
});

test("without the fallback it gives up after the last attempt, until somebody asks again", () => {
  const { client, watched, stop, seen } = losing({ maxReconnectAttempts: 5, pollingFallback: false }, 6);
  assert.deepEqual(seen, ["refused", 5, false, false]);
  assert.equal(watched.get().reason, "The server cannot be reached.");
  assert.equal(client.open, 0);
  watched.retryNow();
  assert.equal(client.open, 1);
  client.last.become("live");
  timers.pass();
  assert.deepEqual([watched.get().isConnected, watched.get().reconnectAttempts], [true, 0]);
  stop();
  assert.equal(client.open, 0);
});

test("without reconnecting it gives up when the connection is lost", () => {
  const { client, stop, seen } = losing({ autoReconnect: false, maxReconnectAttempts: 5, pollingFallback: false }, 1);
  assert.deepEqual(seen, ["refused", 0, false, false]);
  assert.equal(client.open, 0);
  stop();
});

test("nobody hears of an event who has gone", () => {
  const client = new FakeClient();
  let heard = 0;
  const watched = watch("jobs/a", { client, onEvent: () => (heard += 1) });
  const stop = watched.subscribe(() => (heard += 1));
  client.last.know({ progress: 0.4 });
  stop();
  client.last.receive(progress(0.5));
  timers.pass();
  assert.equal(heard, 0);
});

test("a callback that throws keeps nothing from the value, nor a reducer that throws from the callback", () => {
  const client = new FakeClient();
  let heard = 0;
  const watched = watch("jobs/a", {
    client,
    initial: 0,
    onEvent() {
      heard += 1;
      throw new Error("mine");
    },
    reduce(count) {
      if (count === 1) throw new Error("mine too");
      return count + 1;
    },
    onSnapshot() {
      throw new Error("and this");
    },
  });
  let changes = 0;
  const stop = watched.subscribe(() => (changes += 1));
  client.last.receive(progress(0.5), { status: "running", progress: 0.5 });
  client.last.receive(progress(0.6), { status: "running", progress: 0.6 });
  timers.pass();
  assert.deepEqual([heard, watched.get().value, watched.get().snapshot?.progress, changes], [2, 1, 0.6, 1]);
  assert.equal(client.last.errors.length, 4);
  stop();
});

test("a client that refuses the topic says so to who asks, and nothing is left of it", () => {
  const client = { subscribe() { throw new TypeError('"a b" is not a topic'); } };
  const watched = watch("a b", { client });
  assert.throws(() => watched.subscribe(() => {}), /not a topic/);
  watched.retryNow();
});

test("without a topic nothing is watched, and that is known", () => {
  const client = new FakeClient();
  for (const none of ["", [], null, undefined]) {
    const watched = watch(none, { client });
    watched.subscribe(() => {})();
    assert.deepEqual(watched.get().snapshot, {});
  }
  assert.equal(client.asked.length, 0);
});

test("where there is no page nothing is opened", () => {
  const { document } = globalThis;
  Object.assign(globalThis, { document: undefined });
  const client = new FakeClient();
  watch("jobs/a", { client }).subscribe(() => {})();
  Object.assign(globalThis, { document });
  assert.equal(client.asked.length, 0);
});

test("a gap is kept for who draws", () => {
  const client = new FakeClient();
  const watched = watch("jobs/a", { client });
  const stop = watched.subscribe(() => {});
  client.last.lose({ type: "gap", reason: "trimmed" });
  timers.pass();
  assert.equal(watched.get().gap?.reason, "trimmed");
  stop();
});

test("it is known whether it ran while it was watched", () => {
  const client = new FakeClient();
  const watched = watch("jobs/a", { client });
  const stop = watched.subscribe(() => {});
  const ran = ["completed", null, "running", "completed"].map((status) => {
    client.last.know({ status });
    timers.pass();
    return watched.get().hasRun;
  });
  assert.deepEqual(ran, [false, false, true, true]);
  stop();
});

test("what needs no framework can be imported where there is no page", async () => {
  for (const name of ["element", "shared", "styles"]) await import(`../../src/streamer/web/client/${name}.js`);
});
