/**
 * What the jobs of a stream look like, folded from its events: pure, no clock, no DOM.
 *
 * The server does the same for its snapshots (`job_states.py`); docs/JOBS.md says what
 * both must make of events, and they are tested against it.
 *
 * @module
 */

import { fractionOf, isBody, nameOf, numberOf, objectOf, textOf, timeOf } from "./fields.js";

/** @import { Body, Claimed, JobState, JobStatus, Parts, Snapshot } from "./client/wire.d.ts" */

/**
 * @typedef {object} Job
 * @property {string} key job id, or the task's name where there is none
 * @property {string | null} jobId
 * @property {string | null} parentId the job that it is a part of
 * @property {string} name its first task's
 * @property {JobStatus | null} status null where none was reported
 * @property {number | null} progress 0.0 to 1.0, as it was reported; null where none was
 * @property {string} message
 * @property {string | null} error
 * @property {number | null} attempt
 * @property {unknown} result
 * @property {number} partsOver its parts that ended while it had not
 * @property {number | null} createdAt milliseconds since 1970, by the log's clock: its first
 *   event; null where it was before this reader came, and nothing says when
 * @property {number | null} startedAt likewise, when it first ran
 * @property {number} updatedAt likewise, its last event
 * @property {number | null} endedAt likewise; null while it runs
 *
 * @typedef {ReadonlyMap<string, Job>} Jobs newest first
 */

/** Jobs kept that have not ended, as many as a server's snapshot has; a project may see thousands. */
export const MAX_JOBS = 64;
/** Jobs kept that have. */
export const MAX_ENDED = 16;

const TYPES = new Set(["progress", "status", "error", "completed"]);
/** @type {ReadonlySet<JobStatus>} */
const ENDS = new Set(["completed", "failed", "cancelled"]);
/** @type {ReadonlySet<JobStatus>} */
const OPEN = new Set(["queued", "running", "retrying", "stalled"]);

/** @type {ReadonlyMap<unknown, JobStatus>} the publisher's words for a status, and ours */
const WORDS = new Map([
  ...[...OPEN, ...ENDS].map((word) => /** @type {const} */ ([word, word])),
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
 * @returns {Jobs} `jobs` itself where the event says nothing about a job
 */
export function foldEvent(jobs, body) {
  const key = keyOf(body);
  if (!TYPES.has(body.type) || key === null || isSilent(body)) return jobs;
  const at = timeOf(body.timestamp) || 0;
  const before = jobs.get(key);
  if (before !== undefined && isOld(before, body, at)) return jobs;
  const after = applied(before, before ?? newJob(key, body), body, at);
  const next = before === undefined ? new Map([[key, after], ...jobs]) : new Map(jobs).set(key, after);
  countPart(next, before, after);
  return bounded(next);
}

/**
 * The jobs after a snapshot, for a reader that comes late.
 *
 * @param {Jobs} jobs never changed
 * @param {unknown} snapshot
 * @returns {Jobs}
 */
export function foldSnapshot(jobs, snapshot) {
  /** @type {Jobs} */
  let folded = jobs;
  /** @type {Claimed<Snapshot>} */
  const state = objectOf(snapshot);
  for (const [id, stored] of Object.entries(objectOf(state.jobs))) {
    /** @type {Claimed<JobState>} */
    const its = objectOf(stored);
    if (id === "" || its.group === true) continue;
    const job = jobOf(id, its);
    folded = bounded(folded.has(id) ? new Map(folded).set(id, job) : new Map([[id, job], ...folded]));
  }
  // Two tasks may be of one job: what was published last must be folded last.
  const bodies = Object.values(objectOf(state.tasks))
    .filter(isBody)
    .sort((a, b) => (timeOf(a.timestamp) || 0) - (timeOf(b.timestamp) || 0));
  // An older server says nothing of jobs but in the last events of their tasks.
  const bodiesKnow = state.jobs === undefined;
  for (const body of bodies) {
    const key = keyOf(body);
    if (key === null || (!bodiesKnow && nameOf(body.job_id) !== null)) continue;
    const known = folded.has(key);
    folded = foldEvent(folded, body);
    // Its last event says when something was last published of it, not when it began.
    const job = folded.get(key);
    if (job !== undefined && !known) folded = new Map(folded).set(key, { ...job, createdAt: null });
  }
  return folded;
}

/**
 * Seconds that a job has run, or null where its start was not seen.
 *
 * @param {Job} job
 * @param {number} now milliseconds since 1970, by the log's clock
 */
export function elapsedSeconds(job, now) {
  const until = job.endedAt ?? (hasEnded(job) ? job.updatedAt : now);
  return job.createdAt === null ? null : Math.max(0, until - job.createdAt) / 1000;
}

/**
 * What tells one job of a stream from another, or null if the event is of none.
 *
 * @param {Claimed<Body>} body
 * @returns {string | null}
 */
export function keyOf(body) {
  return nameOf(body.job_id) ?? nameOf(body.task_name);
}

/** @param {Pick<Job, "status">} job */
export function hasEnded(job) {
  return job.status !== null && ENDS.has(job.status);
}

/** @param {Pick<Job, "status">} job whether it is known not to be over */
export function isOpen(job) {
  return job.status !== null && OPEN.has(job.status);
}

/** Whether it says nothing of its job: no word that we know, no message, no attempt. */
function isSilent(/** @type {Body} */ body) {
  const says = WORDS.has(body.status) || textOf(body.message) !== null || numberOf(body.attempt) !== null;
  return body.type === "status" && !says;
}

/** Whether it was published before this job's last event, or by an attempt before its present one. */
function isOld(/** @type {Job} */ job, /** @type {Body} */ body, /** @type {number} */ at) {
  if (at < job.updatedAt) return true;
  const attempt = numberOf(body.attempt);
  return !isTerminal(body) && job.jobId !== null && attempt !== null && job.attempt !== null && attempt < job.attempt;
}

function isTerminal(/** @type {Body} */ body) {
  return ["error", "completed"].includes(body.type) || (body.type === "status" && WORDS.get(body.status) === "cancelled");
}

/** @returns {Job} */
function newJob(/** @type {string} */ key, /** @type {Body} */ body) {
  return {
    key,
    jobId: nameOf(body.job_id),
    parentId: null,
    name: "",
    status: null,
    progress: null,
    message: "",
    error: null,
    attempt: null,
    result: null,
    partsOver: 0,
    createdAt: null,
    startedAt: null,
    updatedAt: 0,
    endedAt: null,
  };
}

/**
 * A job as the server describes it.
 *
 * @param {string} id
 * @param {Claimed<JobState>} state
 * @returns {Job}
 */
export function jobOf(id, state) {
  const time = (/** @type {unknown} */ value) => timeOf(value) || null;
  /** @type {Claimed<Parts>} */
  const parts = objectOf(state.parts);
  return {
    key: id,
    jobId: id,
    parentId: nameOf(state.parent_id),
    name: nameOf(state.task_name) ?? "",
    status: WORDS.get(state.status) ?? null,
    progress: fractionOf(state.parts ? parts.told : state.progress),
    message: textOf(state.message) ?? "",
    error: textOf(state.error),
    attempt: numberOf(state.attempt),
    result: state.result ?? null,
    partsOver: numberOf(parts.over) ?? 0,
    createdAt: time(state.created_at),
    startedAt: time(state.started_at),
    updatedAt: time(state.updated_at) ?? 0,
    endedAt: time(state.ended_at),
  };
}

/** @returns {Job} */
function applied(/** @type {Job | undefined} */ before, /** @type {Job} */ job, /** @type {Body} */ body, /** @type {number} */ at) {
  /** @type {Job} */
  const next = {
    ...job,
    parentId: job.parentId ?? nameOf(body.parent_id),
    name: job.name || (nameOf(body.task_name) ?? ""),
    message: textOf(body.message) ?? job.message,
  };
  switch (body.type) {
    case "progress":
      // What runs has no outcome yet.
      next.status = "running";
      next.error = next.result = null;
      next.progress = fractionOf(body.progress) ?? job.progress;
      break;
    case "status":
      next.status = WORDS.get(body.status) ?? job.status;
      // A new job, or a new attempt at it, starts over.
      if (body.status === "queued" || body.status === "started") {
        next.progress = 0;
        next.error = next.result = null;
      }
      if (body.status === "queued") next.attempt = null;
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
  next.attempt = numberOf(body.attempt) ?? next.attempt;
  if (before === undefined || (isOpen(next) && !isOpen(before))) {
    // New, or run again after its end.
    next.createdAt = at;
    next.startedAt = null;
    next.partsOver = 0;
  }
  if (next.status === "running") next.startedAt ??= at;
  next.updatedAt = at;
  next.endedAt = isTerminal(body) ? at : null;
  return next;
}

/** Count a job that ended, or is run again, with the one that it is a part of, while that runs. */
function countPart(/** @type {Map<string, Job>} */ jobs, /** @type {Job | undefined} */ before, /** @type {Job} */ after) {
  const parent = after.parentId === null ? undefined : jobs.get(after.parentId);
  const step = Number(hasEnded(after)) - Number(before !== undefined && hasEnded(before));
  const isPart = after.jobId !== null && parent !== undefined && parent.key !== after.key;
  if (step === 0 || !isPart || !isOpen(parent)) return;
  jobs.set(parent.key, { ...parent, partsOver: Math.max(0, parent.partsOver + step) });
}

/** Forget those whose last event is oldest, where there are too many. */
function bounded(/** @type {Map<string, Job>} */ jobs) {
  for (const [open, most] of /** @type {[boolean, number][]} */ ([[true, MAX_JOBS], [false, MAX_ENDED]])) {
    if (jobs.size <= most) continue;
    const alike = [...jobs.values()].filter((job) => isOpen(job) === open);
    alike.sort((a, b) => a.updatedAt - b.updatedAt);
    for (const job of alike.slice(0, Math.max(0, alike.length - most))) jobs.delete(job.key);
  }
  return jobs;
}
