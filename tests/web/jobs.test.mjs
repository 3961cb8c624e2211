// What `src/streamer/web/jobs.js` makes of events.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readFileSync } from "node:fs";

import { MAX_ENDED, MAX_JOBS, NO_JOBS, elapsedSeconds, foldEvent, foldSnapshot, hasEnded } from "../../src/streamer/web/jobs.js";
import { shownJobs } from "../../src/streamer/web/shown-jobs.js";
import { at, known, last } from "./given.mjs";
import { shownFields } from "./shown-fields.mjs";

/** @import { Jobs } from "../../src/streamer/web/jobs.js" */
/** @import { Body } from "../../src/streamer/web/client/wire.d.ts" */

const job = { job_id: "j1", task_name: "encode", topic: "projects/p" };
/** The jobs after events of `job`, a second apart. */
const folded = (/** @type {Body[]} */ ...bodies) =>
  bodies.reduce((jobs, body, n) => foldEvent(jobs, { ...job, timestamp: at(n), ...body }), NO_JOBS);
const one = (/** @type {Jobs} */ jobs, key = "j1") => known(jobs.get(key));

test("a job goes from queued over running to completed", () => {
  const steps = [
    { type: "status", status: "queued" },
    { type: "status", status: "started", attempt: 1 },
    { type: "progress", progress: 0.5, message: "half" },
    { type: "completed", result: { url: "/files/a.mp4" } },
  ];
  const seen = steps.map((_, n) => folded(...steps.slice(0, n + 1)).get("j1")).map(known);
  assert.deepEqual(seen.map(({ status, progress }) => [status, progress]), [
    ["queued", 0], ["running", 0], ["running", 0.5], ["completed", 1],
  ]);
  assert.deepEqual(last(seen).result, { url: "/files/a.mp4" });
  assert.deepEqual(seen.map(hasEnded), [false, false, false, true]);
});

test("a failed job keeps how far it was and says why", () => {
  const { status, progress, error } = one(
    folded({ type: "progress", progress: 0.3 }, { type: "error", error: "no such codec" }),
  );
  assert.deepEqual([status, progress, error], ["failed", 0.3, "no such codec"]);
});

test("a second attempt starts over and forgets the error", () => {
  const { status, progress, attempt, error, endedAt } = one(
    folded(
      { type: "progress", progress: 0.8, attempt: 1 },
      { type: "error", error: "lost its worker" },
      { type: "status", status: "started", attempt: 2 },
    ),
  );
  assert.deepEqual([status, progress, attempt, error, endedAt], ["running", 0, 2, null, null]);
});

test("two jobs are kept apart by id, the newest first", () => {
  const jobs = folded(
    { type: "progress", progress: 0.1 },
    { type: "progress", progress: 0.2, job_id: "j2" },
    { type: "progress", progress: 0.3 },
  );
  assert.deepEqual([...jobs.values()].map(({ key, progress }) => [key, progress]), [["j2", 0.2], ["j1", 0.3]]);
});

test("a task without a job is known by its name", () => {
  const jobs = foldEvent(NO_JOBS, { type: "progress", task_name: "encode", progress: 0.5 });
  assert.equal(one(jobs, "encode").jobId, null);
});

test("an event that is of no job changes nothing", () => {
  for (const body of [{ type: "chat", text: "hi" }, { type: "progress", progress: 0.5 }, { type: "status", status: "ok" }]) {
    assert.equal(foldEvent(NO_JOBS, body), NO_JOBS);
  }
});

test("folding never changes the jobs it is given", () => {
  const before = folded({ type: "progress", progress: 0.1 });
  foldEvent(before, { ...job, type: "progress", progress: 0.9 });
  assert.equal(one(before).progress, 0.1);
});

test("one who comes late knows the state from the snapshot, and not when it began", () => {
  const tasks = { encode: { ...job, type: "progress", progress: 0.4, timestamp: at(50) } };
  const { progress, status, createdAt } = one(foldSnapshot(NO_JOBS, { tasks }));
  assert.deepEqual([progress, status, createdAt], [0.4, "running", null]);
  const late = foldSnapshot(folded({ type: "status", status: "queued" }), { tasks });
  assert.equal(one(late).createdAt, 0);
  assert.equal(foldSnapshot(NO_JOBS, undefined), NO_JOBS);
});

test("a snapshot of two tasks of one job shows what was said last, under the first one's name", () => {
  const tasks = {
    cancel: { ...job, task_name: "cancel", type: "status", status: "cancelled", timestamp: at(60) },
    encode: { ...job, type: "progress", progress: 0.4, timestamp: at(50) },
  };
  const { name, status } = one(foldSnapshot(NO_JOBS, { tasks }));
  assert.deepEqual([name, status], ["encode", "cancelled"]);
});

test("a job that only its error is known of shows no progress", () => {
  const jobs = foldSnapshot(NO_JOBS, { tasks: { encode: { ...job, type: "error", error: "x" } } });
  assert.equal(one(jobs).progress, null);
});

test("time runs until the end of the job and then stands", () => {
  const running = one(folded({ type: "status", status: "queued" }, { type: "progress", progress: 0.1 }));
  assert.equal(elapsedSeconds(running, 7000), 7);
  const ended = one(folded({ type: "status", status: "queued" }, { type: "completed" }));
  assert.equal(elapsedSeconds(ended, 7000), 1);
});

test("of too many jobs those heard of least lately are forgotten", () => {
  let jobs = NO_JOBS;
  const tell = (/** @type {string} */ id, /** @type {number} */ n, /** @type {Body} */ fields) => {
    jobs = foldEvent(jobs, { ...job, job_id: id, timestamp: at(n), ...fields });
  };
  for (let n = 0; n < MAX_JOBS + 5; n += 1) tell(`j${n}`, n, { type: "status", status: "queued" });
  assert.equal(jobs.size, MAX_JOBS);
  assert.equal(jobs.has("j4"), false);
  assert.equal([...jobs.keys()][0], `j${MAX_JOBS + 4}`);
  for (let n = 5; n < MAX_JOBS + 5; n += 1) tell(`j${n}`, 1000 + n, { type: "completed" });
  assert.equal(jobs.size, MAX_ENDED);
  assert.equal(jobs.has(`j${MAX_JOBS + 4}`), true);
});

/** @typedef {{jobs: Record<string, Record<string, unknown>>}} Expected */
/** @type {{name: string, topic: string, events: [string, object][], expected: Expected}[]} */
const cases = JSON.parse(readFileSync(new URL("../fixtures/snapshots.json", import.meta.url), "utf-8"));

for (const { name, topic, events, expected } of cases) {
  // A job's own topic has one job, which is the topic.
  if (topic.startsWith("jobs/")) continue;
  test(`as the server makes of it: ${name}`, () => {
    const jobs = events.reduce(
      (before, [type, fields], n) => foldEvent(before, { topic, type, timestamp: at(n), ...fields }),
      NO_JOBS,
    );
    const shown = shownFields(jobs);
    assert.deepEqual(Object.keys(shown).sort(), Object.keys(expected.jobs).sort());
    for (const [id, fields] of Object.entries(expected.jobs)) {
      const seen = { ...known(shown[id]) };
      for (const time of ["created", "started", "updated", "ended"]) {
        const ms = seen[time];
        if (typeof ms === "number") seen[time] = ms / 1000;
      }
      for (const [field, value] of Object.entries(fields)) assert.deepEqual([id, field, seen[field]], [id, field, value]);
    }
  });
}

const state = {
  status: "running", progress: 0.4, message: "half", result: null, error: null, attempt: 1,
  task_name: "encode", parent_id: null, parts: null, group: false,
  created_at: at(10), started_at: at(20), updated_at: at(50), ended_at: null, end: null,
};

test("one who comes late knows every job from the snapshot, and when it began", () => {
  const jobs = foldSnapshot(NO_JOBS, {
    jobs: {
      old: { ...state, status: "completed", progress: 1, created_at: at(1), ended_at: at(9) },
      a: state,
      b: { ...state, status: "queued", progress: 0, created_at: at(30), started_at: null },
    },
    tasks: { encode: { ...job, job_id: "old", type: "progress", progress: 0.1, timestamp: at(5) } },
  });
  assert.deepEqual(
    shownJobs(jobs).map(({ key, status, progress }) => [key, status, progress]),
    [["a", "running", 0.4], ["b", "queued", 0], ["old", "completed", 1]],
  );
  assert.equal(elapsedSeconds(one(jobs, "a"), 60_000), 50);
  assert.equal(elapsedSeconds(one(jobs, "old"), 60_000), 8);
  const late = foldEvent(jobs, { ...job, job_id: "a", type: "progress", progress: 0.2, timestamp: at(40) });
  assert.equal(one(late, "a").progress, 0.4);
});

test("a parent goes on as far as its parts, those that are forgotten counted", () => {
  const parts = { total: 4, over: 3, told: 0 };
  let jobs = foldSnapshot(NO_JOBS, {
    jobs: {
      p: { ...state, progress: 0.75, parts },
      x: { ...state, parent_id: "p", status: "queued", progress: 0 },
      g: { ...state, group: true },
    },
  });
  const parent = () => known(shownJobs(jobs).find(({ key }) => key === "p"));
  assert.deepEqual([...jobs.keys()].sort(), ["p", "x"]);
  assert.equal(parent().progress, 0.75);
  jobs = foldEvent(jobs, { ...job, job_id: "x", type: "progress", progress: 0.5, timestamp: at(60) });
  assert.equal(parent().progress, 0.875);
  jobs = foldEvent(jobs, { ...job, job_id: "x", type: "completed", timestamp: at(61) });
  assert.deepEqual([parent().progress, parent().parts], [1, { total: 4, over: 4 }]);
});
