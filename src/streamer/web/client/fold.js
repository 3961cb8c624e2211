/**
 * A topic's snapshot after one more event: pure, as docs/JOBS.md says, as far as a snapshot holds what it needs.
 *
 * What a snapshot does not tell, how many jobs ended that it no longer lists, is not in the mean of the progress
 * of several jobs; each `connected` brings that again.
 *
 * @module
 */

/** From the one that says least of a topic to the one that says most. */
const OPEN = ["queued", "stalled", "retrying", "running"];
const OVER = ["completed", "failed", "cancelled"];
/** @type {Record<string, string>} types, the publisher's words for a status, and ours */
const WORDS = { progress: "running", started: "running", in_progress: "running", processing: "running", pending: "queued", error: "failed", canceled: "cancelled" };
/** Jobs kept, and tasks; those whose last event is oldest are forgotten. */
const MOST = 80;

/** @typedef {{[name: string]: any}} Row a `JobState`, a topic, or as much of one as is known */

export const isOver = (/** @type {Row} */ { status }) => OVER.includes(status);

/**
 * @param {Row} snapshot never changed
 * @param {string} topic
 * @param {Row} body an event
 * @returns {Row} `snapshot` itself where the event says nothing about a job
 */
export function fold(snapshot, topic, body) {
  try {
    return folded(snapshot, topic, body);
  } catch {
    // A publisher of another version may have put anything anywhere.
    return snapshot;
  }
}

function folded(/** @type {Row} */ snapshot, /** @type {string} */ topic, /** @type {Row} */ body) {
  const { type, id, task_name, job_id = "", timestamp, parent_id } = body;
  if (!/^(progress|status|error|completed)$/u.test(type)) return snapshot;
  const tasks = { ...snapshot.tasks, ...(task_name && { [task_name]: body }) };
  const next = { ...snapshot, cursor: id, tasks: Object.fromEntries(Object.entries(tasks).slice(-MOST)) };
  if (topic.startsWith("jobs/")) return said(next, body);
  const { [job_id]: before = { task_name, parent_id, created_at: timestamp }, ...others } = { __proto__: null, ...snapshot.jobs };
  const row = said(before, body);
  row.updated_at = timestamp;
  if (row.status === "running") row.started_at ??= timestamp;
  row.ended_at = isOver(row) ? (row.ended_at ?? timestamp) : null;
  // The last that changed at the end.
  const sorted = Object.entries(others).sort(([, a], [, b]) => (a.updated_at < b.updated_at ? -1 : 1));
  const jobs = [...sorted, /** @type {[string, Row]} */ ([job_id, row])].slice(-MOST);
  const rows = jobs.map(([, one]) => one);
  const { status, message, result, error, attempt, progress } = rows.reduce((a, b) => (OPEN.indexOf(b.status) < OPEN.indexOf(a.status) ? a : b));
  const sum = rows.reduce((all, one) => all + (isOver(one) ? 1 : (one.progress ?? 0)), 0);
  return {
    ...next, status, message, result, error, attempt,
    progress: rows[1] ? Math.round((sum / rows.length) * 1e4) / 1e4 : progress,
    jobs: Object.fromEntries(jobs),
  };
}

/** @returns {Row} the job after the event */
function said(/** @type {Row} */ row, /** @type {Row} */ { type, status: word = type, progress, result = null, error, message, attempt }) {
  const isEnd = type === "completed";
  const isFailed = type === "error";
  const begins = type === "status" && /^(queued|started)$/u.test(word);
  const named = type === "status" ? word : type;
  const status = WORDS[named] ?? named;
  // A late word of an attempt before this one; an end is the end, whoever tells it.
  if (attempt < row.attempt && !isEnd && !isFailed && status !== "cancelled") return { ...row };
  return {
    result: null, error: null, progress: null,
    ...row,
    status: OPEN.includes(status) || OVER.includes(status) ? status : (row.status ?? null),
    message: message ?? row.message ?? null,
    attempt: attempt ?? (named === "queued" ? null : (row.attempt ?? null)),
    ...(isFailed ? { error } : (type !== "status" || begins) && {
      progress: begins ? 0 : isEnd ? 1 : progress,
      result: isEnd ? result : null,
      error: null,
    }),
  };
}
