/**
 * A topic's snapshot after one more event: pure, as docs/JOBS.md says, as far as a snapshot holds what it needs.
 *
 * What a snapshot does not tell, how many jobs ended that it no longer lists, is not in the mean of the progress
 * of several jobs; each `connected` brings that again.
 *
 * @module
 */

/** @import { Body, JobState, Snapshot } from "./wire.d.ts" */

const OPEN = ["queued", "stalled", "retrying", "running"];
const OVER = ["completed", "failed", "cancelled"];
/** @type {Record<string, string>} the publisher's words for a status, and ours */
const WORDS = { started: "running", in_progress: "running", processing: "running", pending: "queued", error: "failed", canceled: "cancelled" };
/** Jobs kept; those whose last event is oldest are forgotten. */
const MAX_JOBS = 80;
const MAX_TASKS = 64;

/** @typedef {{[name: string]: any}} Row a {@link JobState}, or as much of one as is known */

const isOver = (/** @type {Row} */ row) => OVER.includes(/** @type {string} */ (row.status));
const isTerminal = (/** @type {Body} */ body) =>
  ["completed", "error"].includes(body.type) || (body.type === "status" && wordOf(body) === "cancelled");
/** A publisher of any version may have put anything anywhere. */
const textOf = (/** @type {unknown} */ value) => (typeof value === "string" ? value : "");
const numberOf = (/** @type {unknown} */ value) => (typeof value === "number" ? value : null);
const wordOf = (/** @type {Body} */ { status }) => WORDS[textOf(status)] ?? textOf(status);

/**
 * @param {Snapshot} snapshot never changed
 * @param {string} topic
 * @param {Body} body
 * @returns {Snapshot} `snapshot` itself where the event says nothing about a job
 */
export function fold(snapshot, topic, body) {
  if (!["progress", "status", "error", "completed"].includes(body.type) || typeof body.id !== "string") return snapshot;
  /** @type {Row} */
  const next = { ...snapshot, cursor: body.id };
  if (typeof body.task_name === "string" && body.task_name) {
    const tasks = Object.entries({ ...snapshot.tasks, [body.task_name]: body });
    next.tasks = Object.fromEntries(tasks.slice(-MAX_TASKS));
  }
  if (topic.startsWith("jobs/")) return Object.assign({}, snapshot, next, said(snapshot, body));
  const id = typeof body.job_id === "string" ? body.job_id : "";
  /** @type {Row} */
  const before = snapshot.jobs?.[id] ?? {};
  /** @type {Row} */
  const row = { task_name: body.task_name ?? null, parent_id: body.parent_id ?? null, created_at: body.timestamp, ...before, ...said(before, body) };
  row.updated_at = body.timestamp;
  if (row.status === "running") row.started_at ??= body.timestamp;
  row.ended_at = isTerminal(body) ? body.timestamp : null;
  /** @type {[string, Row][]} */
  const jobs = Object.entries({ ...snapshot.jobs, [id]: row });
  if (jobs.length > MAX_JOBS) {
    const oldest = jobs.reduce((a, b) => (textOf(b[1].updated_at) < textOf(a[1].updated_at) ? b : a));
    jobs.splice(jobs.indexOf(oldest), 1);
  }
  next.jobs = Object.fromEntries(jobs);
  const rows = jobs.map(([, one]) => /** @type {Row} */ (one));
  const weight = (/** @type {Row} */ one) => (isOver(one) ? 1 : OPEN.indexOf(/** @type {string} */ (one.status)) + 2) % 6;
  const speaker = rows.reduce((a, b) =>
    weight(b) > weight(a) || (weight(b) === weight(a) && textOf(b.updated_at) >= textOf(a.updated_at)) ? b : a,
  );
  for (const name of ["status", "message", "result", "error", "attempt", "progress"]) next[name] = speaker[name] ?? null;
  if (rows.length > 1) {
    const sum = rows.reduce((all, one) => all + (isOver(one) ? 1 : (numberOf(one.progress) ?? 0)), 0);
    next.progress = isOver(speaker) ? 1 : Math.round((sum / rows.length) * 1e4) / 1e4;
  }
  return /** @type {Snapshot} */ (next);
}

/**
 * @param {Row} row
 * @param {Body} body
 * @returns {Record<string, unknown>} what the event changes of its job
 */
function said(row, body) {
  const given = numberOf(body.attempt);
  const before = numberOf(row.attempt);
  const attempt = given ?? before;
  if (!isTerminal(body) && given !== null && before !== null && given < before) return {};
  const message = body.message ?? row.message ?? null;
  if (body.type === "progress") return { status: "running", progress: body.progress, message, result: null, error: null, attempt };
  if (body.type === "error") return { status: "failed", error: body.error, message, attempt };
  if (body.type === "completed") {
    return { status: "completed", progress: 1, result: body.result ?? null, error: null, message, attempt };
  }
  const word = wordOf(body);
  const begins = ["queued", "started"].includes(textOf(body.status));
  const status = [...OPEN, ...OVER].includes(word) ? word : (row.status ?? null);
  return {
    status,
    message,
    attempt: body.status === "queued" ? given : attempt,
    ...(begins && { progress: 0, result: null, error: null }),
  };
}
