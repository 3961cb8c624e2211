/**
 * The jobs as they are shown: in order, each as far as it is of itself or by its parts.
 *
 * @module
 */

import { hasEnded, isOpen } from "./jobs.js";

/** @import { Job, Jobs } from "./jobs.js" */
/** @import { JobStatus } from "./client/wire.d.ts" */

/** @typedef {Job & {parts: {total: number, over: number} | null, isGroup: boolean}} ShownJob */

/** @type {JobStatus[]} what says most of a group of parts, first */
const RANKS = ["running", "retrying", "stalled", "queued"];

/**
 * What runs first, the newest of it at the top, then what waits, in its order, then what ended.
 *
 * A job that only its parts name, as a group of messages, stands among them.
 *
 * @param {Jobs} jobs
 * @returns {ShownJob[]}
 */
export function shownJobs(jobs) {
  const parts = partsOf(jobs);
  const groups = [...parts.keys()].filter((key) => !jobs.has(key)).map((key) => group(key, parts.get(key) ?? []));
  const all = [...jobs.values(), ...groups];
  const known = new Map(all.map((job) => [job.key, job]));
  const shown = all.map((job) => ({
    ...job,
    name: job.name || (groups.includes(job) ? "group" : "job"),
    progress: progressOf(job, known, parts, new Set()),
    parts: counted(job, parts),
    isGroup: groups.includes(job),
  }));
  return shown.sort((a, b) => band(a) - band(b) || within(a, b));
}

/** @returns {Map<string, Job[]>} by the key of the job that they are parts of */
function partsOf(/** @type {Jobs} */ jobs) {
  /** @type {Map<string, Job[]>} */
  const parts = new Map();
  for (const job of jobs.values()) {
    if (job.jobId === null || job.parentId === null || job.parentId === job.key) continue;
    parts.set(job.parentId, [...(parts.get(job.parentId) ?? []), job]);
  }
  return parts;
}

/** @returns {Job} */
function group(/** @type {string} */ key, /** @type {Job[]} */ parts) {
  const open = parts.filter(isOpen);
  const ranked = RANKS.find((rank) => open.some((part) => part.status === rank));
  const said = parts.filter((part) => part.status !== null);
  const last = (said.length === 0 ? parts : said).reduce((a, b) => (b.updatedAt > a.updatedAt ? b : a));
  const first = (/** @type {(number | null)[]} */ times) =>
    times.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
  return {
    ...last,
    key,
    jobId: null,
    parentId: null,
    name: "",
    status: ranked ?? last.status,
    progress: null,
    message: "",
    error: null,
    attempt: null,
    result: null,
    partsOver: parts.filter(hasEnded).length,
    createdAt: first(parts.map((part) => part.createdAt)),
    startedAt: first(parts.map((part) => part.startedAt)),
    updatedAt: Math.max(...parts.map((part) => part.updatedAt)),
    endedAt: ranked === undefined ? last.endedAt : null,
  };
}

/** @returns {{total: number, over: number} | null} */
function counted(/** @type {Job} */ job, /** @type {Map<string, Job[]>} */ parts) {
  const open = (parts.get(job.key) ?? []).filter(isOpen).length;
  const total = job.partsOver + open;
  return total === 0 ? null : { total, over: job.partsOver };
}

/** @returns {number | null} */
function progressOf(
  /** @type {Job} */ job,
  /** @type {Map<string, Job>} */ known,
  /** @type {Map<string, Job[]>} */ parts,
  /** @type {Set<string>} */ asked,
) {
  const count = counted(job, parts);
  const isSilent = !job.progress && (isOpen(job) || job.jobId === null);
  // A job may be named as its own ancestor.
  if (count === null || !isSilent || asked.has(job.key)) return job.progress;
  const ancestors = new Set(asked).add(job.key);
  const shares = (parts.get(job.key) ?? [])
    .filter(isOpen)
    .map((part) => progressOf(known.get(part.key) ?? part, known, parts, ancestors) ?? 0);
  const sum = shares.reduce((a, b) => a + b, count.over);
  return Math.round((sum / count.total) * 10_000) / 10_000;
}

function band(/** @type {ShownJob} */ job) {
  if (!isOpen(job)) return 2;
  return job.status === "queued" ? 1 : 0;
}

function within(/** @type {ShownJob} */ a, /** @type {ShownJob} */ b) {
  if (band(a) === 1) return (a.createdAt ?? 0) - (b.createdAt ?? 0);
  if (band(a) === 2) return (b.endedAt ?? b.updatedAt) - (a.endedAt ?? a.updatedAt);
  return (b.startedAt ?? b.createdAt ?? 0) - (a.startedAt ?? a.createdAt ?? 0);
}
