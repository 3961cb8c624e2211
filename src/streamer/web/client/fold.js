/**
 * A topic's snapshot after one more event: pure, as docs/JOBS.md says, as far as a snapshot holds what it needs.
 *
 * What a snapshot does not tell, how many jobs ended that it no longer lists, is not in the mean of the progress
 * of several jobs; each `connected` brings that again.
 *
 * @module
 */

/** Those that are not over from the one that says least of a topic to the one that says most; those that are. */
const OPEN = ["queued", "stalled", "retrying", "running"];
const OVER = ["completed", "failed", "cancelled"];
/** @type {Record<string, string>} types, and the publisher's words for a status; any other is ours, or none */
const WORDS = { progress: "running", started: "running", in_progress: "running", processing: "running", pending: "queued", error: "failed", canceled: "cancelled" };
/** Jobs kept, and tasks; those that changed last. */
const MOST = 80;

/** @typedef {{[name: string]: any}} Row a `JobState`, a topic, or as much of one as is known */

export const isOver = (/** @type {Row} */ { status }) => OVER.includes(status);

const put = (/** @type {Row} */ all, /** @type {string} */ key, /** @type {Row} */ value) => {
  const { [key]: _, ...others } = /** @type {Row} */ ({ __proto__: null, ...all });
  return Object.fromEntries([...Object.entries(others), [key, value]].slice(-MOST));
};

/**
 * @param {Row} snapshot never changed
 * @param {string} topic
 * @param {Row} body an event
 * @returns {Row} `snapshot` itself where the event says nothing about a job
 */
export function fold(snapshot, topic, body) {
  const { type, id: cursor, task_name, job_id = "", timestamp: updated_at, parent_id } = body;
  if (!/^(progress|status|error|completed)$/u.test(type)) return snapshot;
  try {
    /** @type {Row} */
    const next = { ...snapshot, cursor, tasks: task_name ? put(snapshot.tasks, task_name, body) : snapshot.tasks };
    if (topic.startsWith("jobs/")) return said(next, body);
    const before = Object.hasOwn(next.jobs ?? {}, job_id) ? next.jobs[job_id] : { task_name, parent_id, created_at: updated_at };
    /** @type {Row} */
    const row = { ...said(before, body), updated_at };
    if (row.status === "running") row.started_at ??= updated_at;
    row.ended_at = isOver(row) ? (row.ended_at ?? updated_at) : null;
    const jobs = put(next.jobs, job_id, row);
    const rows = Object.values(jobs);
    const weight = (/** @type {Row} */ one) => OPEN.indexOf(one.status) + 1 + one.updated_at;
    const { status, message, result, error, attempt, progress } = rows.reduce((a, b) => (weight(b) < weight(a) ? a : b));
    const sum = rows.reduce((all, one) => all + (isOver(one) ? 1 : one.progress), 0);
    return { ...next, jobs, status, message, result, error, attempt, progress: rows[1] ? Math.round((sum / rows.length) * 1e4) / 1e4 : progress };
  } catch {
    // A publisher of another version may have put anything anywhere.
    return snapshot;
  }
}

/** @returns {Row} the job after the event */
function said(/** @type {Row} */ row, /** @type {Row} */ { type, status: word, progress, result = null, error, message, attempt }) {
  const isStatus = type === "status";
  const isEnd = type === "completed";
  const named = isStatus ? word : type;
  const status = WORDS[named] ?? named;
  // A late word of an attempt before this one; an end is the end, whoever tells it.
  if ((attempt ?? row.attempt) < row.attempt && (type === "progress" || (isStatus && status !== "cancelled"))) return row;
  return {
    result: null, error: null, progress: null,
    ...row,
    status: [...OPEN, ...OVER].includes(status) ? status : (row.status ?? null),
    message: message ?? row.message ?? null,
    attempt: attempt ?? (named === "queued" ? null : (row.attempt ?? null)),
    ...(type === "error" ? { error }
      : (!isStatus || named === "queued" || named === "started") && { progress: isStatus ? 0 : isEnd ? 1 : progress, result: isEnd ? result : null, error: null }),
  };
}
