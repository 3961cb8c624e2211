// The promises of `src/streamer/web/client/fold.js`: docs/JOBS.md, as far as a snapshot holds what it needs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fold } from "../../src/streamer/web/client/fold.js";
import { at } from "./given.mjs";

const EMPTY = { cursor: "0-0", status: null, progress: null, message: null, result: null, error: null, attempt: null, tasks: {}, jobs: {} };

/**
 * A topic's state after events that come one second after the other.
 *
 * @param {string} topic
 * @param {object[]} events
 * @returns {{[name: string]: any}}
 */
function after(topic, ...events) {
  /** @type {{[name: string]: any}} */
  let state = EMPTY;
  for (const [n, more] of events.entries()) state = fold(state, topic, { id: `${n + 1}-0`, timestamp: at(n + 1), topic, job_id: "j", ...more });
  return state;
}

/** @type {[string, object[], object][]} */
const JOBS = [
  ["progress runs", [{ type: "progress", progress: 0.5, message: "m" }], { status: "running", progress: 0.5, message: "m" }],
  ["a message stays until there is another", [{ type: "progress", progress: 0.1, message: "m" }, { type: "progress", progress: 0.2 }], { progress: 0.2, message: "m" }],
  ["completed is all of it", [{ type: "progress", progress: 0.5 }, { type: "completed", result: 0 }], { status: "completed", progress: 1, result: 0 }],
  ["a failure keeps how far it was", [{ type: "progress", progress: 0.5 }, { type: "error", error: "e" }], { status: "failed", progress: 0.5, error: "e" }],
  ["queued begins again", [{ type: "error", error: "e", attempt: 2 }, { type: "status", status: "queued" }], { status: "queued", progress: 0, error: null, attempt: null }],
  ["started begins again", [{ type: "error", error: "e", attempt: 2 }, { type: "status", status: "started" }], { status: "running", progress: 0, error: null, attempt: 2 }],
  ["the publisher's words are understood", [{ type: "status", status: "in_progress" }], { status: "running" }],
  ["a word that nobody knows changes nothing", [{ type: "progress", progress: 0.5 }, { type: "status", status: "warming up" }], { status: "running", progress: 0.5 }],
  ["cancelled ends it", [{ type: "progress", progress: 0.5 }, { type: "status", status: "canceled" }], { status: "cancelled", progress: 0.5 }],
  ["a late word of an attempt before is not heard", [{ type: "progress", progress: 0.1, attempt: 2 }, { type: "progress", progress: 0.9, attempt: 1 }, { type: "status", status: "retrying", attempt: 1 }], { status: "running", progress: 0.1, attempt: 2 }],
  ["an end is the end, whoever tells it", [{ type: "progress", progress: 0.1, attempt: 2 }, { type: "completed", attempt: 1 }], { status: "completed", attempt: 1 }],
  ["other events say nothing", [{ type: "progress", progress: 0.5 }, { type: "note", progress: 1, status: "failed" }], { status: "running", progress: 0.5, cursor: "1-0" }],
];
for (const [name, events, expected] of JOBS) {
  test(`of a job: ${name}`, () => {
    for (const topic of ["jobs/j", "projects/p"]) {
      const state = after(topic, ...events);
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, state[key]])), expected, topic);
    }
  });
}

test("a topic of several jobs says what matters most, and how far all of them are", () => {
  const state = after(
    "projects/p",
    { job_id: "a", type: "progress", progress: 0.5, message: "a" },
    { job_id: "b", type: "completed", message: "b" },
    { job_id: "c", type: "status", status: "queued", message: "c" },
  );
  assert.deepEqual([state.status, state.message, state.progress], ["running", "a", 0.5]);
  const over = after("projects/p", { job_id: "a", type: "error", error: "e" }, { job_id: "b", type: "completed", message: "b" });
  assert.deepEqual([over.status, over.progress, Object.keys(over.jobs)], ["completed", 1, ["a", "b"]]);
});

test("of two that say as much the last to change speaks, whatever they are called", () => {
  const state = after("projects/p", { job_id: "2", type: "progress", progress: 0.1, message: "2" }, { job_id: "1", type: "progress", progress: 0.1, message: "1" });
  assert.equal(state.message, "1");
});

test("a job knows when it was what", () => {
  const { jobs = {} } = after("projects/p", { type: "status", status: "queued" }, { type: "progress", progress: 0 }, { type: "completed" });
  const { created_at, started_at, updated_at, ended_at } = jobs.j;
  assert.deepEqual([created_at, started_at, updated_at, ended_at], [at(1), at(2), at(3), at(3)]);
});

test("nothing that it is given is changed, and nothing grows without an end", () => {
  const frozen = Object.freeze({ ...EMPTY, jobs: Object.freeze({}), tasks: Object.freeze({}) });
  fold(frozen, "projects/p", { id: "1-0", type: "progress", job_id: "j", task_name: "t", progress: 1 });
  const many = Array.from({ length: 200 }, (_, n) => ({ job_id: `j${n}`, task_name: `t${n}`, type: "progress", progress: 0.5 }));
  const { jobs = {}, tasks = {} } = after("projects/p", ...many);
  assert.deepEqual([Object.keys(jobs).length, Object.keys(tasks).length, Object.keys(jobs)[0]], [80, 80, "j120"]);
});
