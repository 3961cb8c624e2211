/**
 * What the jobs of a stream look like, folded from its events: pure, no clock, no DOM.
 *
 * @module
 */

import { fractionOf, nameOf, numberOf, objectOf, textOf, timeOf } from "./fields.js";

/** @typedef {import("./streamer.js").Body & Record<string, any>} Body */

/**
 * @typedef {object} Job
 * @property {string} key job id, or the task's name where there is none
 * @property {string | null} jobId
 * @property {string} name its first task's
 * @property {"queued" | "running" | "retrying" | "stalled" | "completed" | "failed" | "cancelled"} status
 * @property {number | null} progress 0.0 to 1.0; null where it was never told
 * @property {string} message
 * @property {string | null} error
 * @property {number | null} attempt
 * @property {any} result
 * @property {number | null} startedAt milliseconds since 1970, by the log's clock; null where
 *   it was before this reader came
 * @property {number | null} endedAt likewise; null while it runs
 *
 * @typedef {ReadonlyMap<string, Job>} Jobs newest first
 */

/** Jobs kept; beyond them the oldest is forgotten. A project may see thousands. */
export const MAX_JOBS = 24;

const TYPES = new Set(["progress", "status", "error", "completed"]);
const ENDS = new Set(["completed", "failed", "cancelled"]);

/** The publisher's words for a status, and ours. */
const WORDS = new Map([
  ...["queued", "running", "retrying", "stalled", "completed", "failed", "cancelled"].map(
    (word) => /** @type {[string, string]} */ ([word, word]),
  ),
  ["started", "running"],
  ["in_progress", "running"],
  ["processing", "running"],
  ["pending", "queued"],
  ["error", "failed"],
  ["canceled", "cancelled"],
]);

/** @type {Jobs} */
export const NO_JOBS = new Map();

/**
 * The jobs after one more event.
 *
 * @param {Jobs} jobs never changed
 * @param {Body} body
 * @returns {Jobs} `jobs` itself where the event tells nothing of a job
 */
export function foldEvent(jobs, body) {
  const key = keyOf(body);
  if (!TYPES.has(body.type) || key === null) return jobs;
  const at = timeOf(body.timestamp) || 0;
  const before = jobs.get(key);
  const changed = applied(before ?? newJob(key, body, at), body, at);
  if (before !== undefined) return new Map(jobs).set(key, changed);
  return new Map([[key, changed], ...jobs].slice(0, MAX_JOBS));
}

/**
 * The jobs after a snapshot: the last event of each task, for one who comes late.
 *
 * @param {Jobs} jobs never changed
 * @param {{tasks?: Record<string, Body>} | undefined} snapshot
 * @returns {Jobs}
 */
export function foldSnapshot(jobs, snapshot) {
  let next = jobs;
  // Two tasks may be of one job: what was said last must be folded last.
  const bodies = Object.values(objectOf(snapshot?.tasks))
    .map(objectOf)
    .sort((a, b) => (timeOf(a.timestamp) || 0) - (timeOf(b.timestamp) || 0));
  for (const body of bodies) {
    const key = keyOf(body);
    const known = key !== null && next.has(key);
    next = foldEvent(next, body);
    // Its last event says when it was last heard of, not when it began.
    const job = key === null ? undefined : next.get(key);
    if (job !== undefined && !known) next = new Map(next).set(job.key, { ...job, startedAt: null });
  }
  return next;
}

/**
 * Seconds that a job has run, or null where its start was not seen.
 *
 * @param {Job} job
 * @param {number} now milliseconds since 1970, by the log's clock
 */
export function elapsedSeconds(job, now) {
  return job.startedAt === null ? null : Math.max(0, (job.endedAt ?? now) - job.startedAt) / 1000;
}

/**
 * What tells one job of a stream from another, or null if the event is of none.
 *
 * @param {Body} body
 * @returns {string | null}
 */
export function keyOf(body) {
  return nameOf(body.job_id) ?? nameOf(body.task_name);
}

/** @param {Job} job */
export function hasEnded(job) {
  return ENDS.has(job.status);
}

/** @returns {Job} */
function newJob(/** @type {string} */ key, /** @type {Body} */ body, /** @type {number} */ at) {
  return {
    key,
    jobId: nameOf(body.job_id),
    name: nameOf(body.task_name) ?? "job",
    status: "queued",
    progress: null,
    message: "",
    error: null,
    attempt: null,
    result: null,
    startedAt: at,
    endedAt: null,
  };
}

/** @returns {Job} */
function applied(/** @type {Job} */ job, /** @type {Body} */ body, /** @type {number} */ at) {
  const next = {
    ...job,
    attempt: numberOf(body.attempt) ?? job.attempt,
    message: textOf(body.message) ?? job.message,
  };
  switch (body.type) {
    case "progress":
      next.status = "running";
      next.progress = fractionOf(body.progress) ?? job.progress;
      break;
    case "status":
      next.status = /** @type {Job["status"]} */ (WORDS.get(body.status) ?? job.status);
      // A new job, or a new attempt at it, starts over.
      if (body.status === "queued" || body.status === "started") {
        Object.assign(next, { progress: 0, error: null, result: null });
      }
      if (body.status === "queued") next.startedAt = at;
      break;
    case "error":
      next.status = "failed";
      next.error = textOf(body.error) ?? "";
      break;
    case "completed":
      next.status = "completed";
      next.progress = 1;
      next.error = null;
      next.result = body.result ?? null;
      break;
  }
  next.endedAt = ENDS.has(next.status) ? at : null;
  return next;
}
