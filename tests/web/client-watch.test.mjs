import assert from "node:assert/strict";
import { test } from "node:test";

import { topic } from "../../src/streamer/web/client/svelte.js";
import { watch } from "../../src/streamer/web/client/watch.js";
import { FakeClient, HeldTimers } from "./fake-client.mjs";

const timers = new HeldTimers();

const progress = (/** @type {number} */ value) => ({ type: "progress", progress: value });

test("nothing is opened until somebody listens, and it is closed when nobody does", () => {
  const client = new FakeClient();
  const watched = watch(() => client, "jobs/a");
  assert.equal(client.asked.length, 0);
  const stop = watched.subscribe(() => {});
  assert.equal(client.open, 1);
  stop();
  timers.pass(200);
  assert.equal(client.open, 0);
});

test("who goes and comes back at once has the same subscription", () => {
  const client = new FakeClient();
  const watched = watch(() => client, "jobs/a");
  watched.subscribe(() => {})();
  const stop = watched.subscribe(() => {});
  timers.pass(200);
  assert.equal(client.asked.length, 1);
  assert.equal(client.open, 1);
  stop();
});

test("a thousand events are one change, of all of them", () => {
  const client = new FakeClient();
  let changes = 0;
  /** @type {number[]} */
  const events = [];
  const watched = watch(() => client, "jobs/a", {
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

test("attempts are counted until the connection is back", () => {
  const client = new FakeClient();
  const watched = watch(() => client, "jobs/a");
  const stop = watched.subscribe(() => {});
  for (const state of ["live", "waiting", "connecting", "waiting"]) client.last.become(state, "The server is away.");
  timers.pass();
  assert.equal(watched.get().attempts, 2);
  assert.equal(watched.get().isConnected, false);
  assert.equal(watched.get().reason, "The server is away.");
  client.last.become("polling");
  timers.pass();
  assert.deepEqual([watched.get().attempts, watched.get().isConnected, watched.get().isFallback], [0, true, true]);
  stop();
});

test("nobody hears of an event who has gone", () => {
  const client = new FakeClient();
  let heard = 0;
  const watched = watch(() => client, "jobs/a", { onEvent: () => (heard += 1) });
  watched.subscribe(() => {})();
  client.last.receive(progress(0.5));
  assert.equal(heard, 0);
  timers.pass(200);
});

test("a gap is kept for who draws", () => {
  const client = new FakeClient();
  const watched = watch(() => client, "jobs/a");
  const stop = watched.subscribe(() => {});
  client.last.lose({ type: "gap", reason: "trimmed" });
  timers.pass();
  assert.equal(watched.get().gap?.reason, "trimmed");
  stop();
});

test("a Svelte store has a value at once, and the next ones as they come", () => {
  const client = new FakeClient();
  /** @type {unknown[]} */
  const seen = [];
  const stop = topic("jobs/a", { client }).subscribe((now) => seen.push(now.snapshot?.progress));
  timers.pass();
  client.last.know({ progress: 0.5 });
  timers.pass();
  assert.equal(seen.at(0), undefined);
  assert.equal(seen.at(-1), 0.5);
  stop();
  timers.pass(200);
});

test("all but React's and Vue's can be imported where there is no page", async () => {
  for (const name of ["element", "shared", "styles"]) await import(`../../src/streamer/web/client/${name}.js`);
});
