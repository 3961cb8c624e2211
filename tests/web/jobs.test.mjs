// What `src/streamer/web/jobs.js` makes of events.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_JOBS, NO_JOBS, elapsedSeconds, foldEvent, foldSnapshot, hasEnded } from "../../src/streamer/web/jobs.js";

const job = { job_id: "j1", task_name: "encode", topic: "projects/p" };
const at = (seconds) => new Date(seconds * 1000).toISOString();
const folded = (...bodies) =>
  bodies.reduce((jobs, body, n) => foldEvent(jobs, { ...job, timestamp: at(n), ...body }), NO_JOBS);

test("a job goes from queued over running to completed", () => {
  const steps = [
    { type: "status", status: "queued" },
    { type: "status", status: "started", attempt: 1 },
    { type: "progress", progress: 0.5, message: "half" },
    { type: "completed", result: { url: "/files/a.mp4" } },
  ];
  const seen = steps.map((_, n) => folded(...steps.slice(0, n + 1)).get("j1"));
  assert.deepEqual(seen.map(({ status, progress }) => [status, progress]), [
    ["queued", 0], ["running", 0], ["running", 0.5], ["completed", 1],
  ]);
  assert.deepEqual(seen.at(-1).result, { url: "/files/a.mp4" });
  assert.deepEqual(seen.map(hasEnded), [false, false, false, true]);
});

test("a failed job keeps how far it was and says why", () => {
  const { status, progress, error } = folded(
    { type: "progress", progress: 0.3 },
    { type: "error", error: "no such codec" },
  ).get("j1");
  assert.deepEqual([status, progress, error], ["failed", 0.3, "no such codec"]);
});

test("a second attempt starts over and forgets the error", () => {
  const { status, progress, attempt, error, endedAt } = folded(
    { type: "progress", progress: 0.8, attempt: 1 },
    { type: "error", error: "lost its worker" },
    { type: "status", status: "started", attempt: 2 },
  ).get("j1");
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
  assert.equal(jobs.get("encode").jobId, null);
});

test("an event that is of no job changes nothing", () => {
  for (const body of [{ type: "chat", text: "hi" }, { type: "progress", progress: 0.5 }, { type: "status", status: "ok" }]) {
    assert.equal(foldEvent(NO_JOBS, body), NO_JOBS);
  }
});

test("folding never changes the jobs it is given", () => {
  const before = folded({ type: "progress", progress: 0.1 });
  foldEvent(before, { ...job, type: "progress", progress: 0.9 });
  assert.equal(before.get("j1").progress, 0.1);
});

test("one who comes late knows the state from the snapshot, and not when it began", () => {
  const tasks = { encode: { ...job, type: "progress", progress: 0.4, timestamp: at(50) } };
  const { progress, status, startedAt } = foldSnapshot(NO_JOBS, { tasks }).get("j1");
  assert.deepEqual([progress, status, startedAt], [0.4, "running", null]);
  const known = foldSnapshot(folded({ type: "status", status: "queued" }), { tasks });
  assert.equal(known.get("j1").startedAt, 0);
  assert.equal(foldSnapshot(NO_JOBS, undefined), NO_JOBS);
});

test("a snapshot of two tasks of one job shows what was said last, under the first one's name", () => {
  const tasks = {
    cancel: { ...job, task_name: "cancel", type: "status", status: "cancelled", timestamp: at(60) },
    encode: { ...job, type: "progress", progress: 0.4, timestamp: at(50) },
  };
  const { name, status } = foldSnapshot(NO_JOBS, { tasks }).get("j1");
  assert.deepEqual([name, status], ["encode", "cancelled"]);
});

test("a job that only its error is known of shows no progress", () => {
  const jobs = foldSnapshot(NO_JOBS, { tasks: { encode: { ...job, type: "error", error: "x" } } });
  assert.equal(jobs.get("j1").progress, null);
});

test("time runs until the end of the job and then stands", () => {
  const running = folded({ type: "status", status: "queued" }, { type: "progress", progress: 0.1 }).get("j1");
  assert.equal(elapsedSeconds(running, 7000), 7);
  const ended = folded({ type: "status", status: "queued" }, { type: "completed" }).get("j1");
  assert.equal(elapsedSeconds(ended, 7000), 1);
});

test("only the newest jobs are kept", () => {
  let jobs = NO_JOBS;
  for (let n = 0; n < MAX_JOBS + 5; n += 1) {
    jobs = foldEvent(jobs, { ...job, job_id: `j${n}`, type: "progress", progress: 0 });
  }
  assert.equal(jobs.size, MAX_JOBS);
  assert.equal(jobs.has("j4"), false);
  assert.equal([...jobs.keys()][0], `j${MAX_JOBS + 4}`);
});
