/**
 * The jobs of all topics as the rows of one list, newest first. Pure.
 *
 * What a stream says of a job is the truth; what a list of the server said stands where no
 * stream says anything, and a job that a stream no longer speaks of stays as it was.
 *
 * @module
 */

import { nameOf, objectOf, textOf } from "./fields.js";
import { hashOf } from "./address.js";
import { isOpen, jobOf } from "./jobs.js";
import { shownJobs } from "./shown-jobs.js";

/** @import { Jobs } from "./jobs.js" */
/** @import { Paces } from "./pace.js" */
/** @import { ShownJob } from "./shown-jobs.js" */

/**
 * @typedef {object} Row
 * @property {string} id of the row
 * @property {ShownJob} job
 * @property {string | null} project
 * @property {string} href where it is opened
 * @property {string} pace
 *
 * @typedef {object} Source a topic that is watched
 * @property {string} topic
 * @property {Jobs} jobs
 * @property {Paces} paces
 * @property {ReadonlySet<string>} withTopic jobs that have a topic of their own
 */

/** Rows kept: those that were heard of least lately are forgotten. */
export const MAX_ROWS = 5000;

/**
 * The rows of one topic.
 *
 * @param {Source} source
 * @param {(id: string) => boolean} hasTopic whether a job is known to have a topic of its own
 * @returns {Row[]}
 */
export function rowsOf({ topic, jobs, paces, withTopic }, hasTopic) {
  const project = topic.startsWith("projects/") ? topic.slice("projects/".length) : null;
  return shownJobs(jobs).map((job) => {
    const id = job.jobId;
    const isOwn = id !== null && (topic === `jobs/${id}` || withTopic.has(id) || hasTopic(id));
    return {
      id: rowId(topic, job),
      job,
      project,
      href: hashOf(isOwn ? { topic: `jobs/${id}`, key: null } : { topic, key: job.key }),
      pace: isOpen(job) ? (paces.get(job.key)?.words ?? "") : "",
    };
  });
}

/**
 * A row of what `GET /api/v1/jobs` says of a job.
 *
 * @param {unknown} listed
 * @returns {Row | null}
 */
export function rowOfListed(listed) {
  const said = objectOf(listed);
  const id = nameOf(said.job_id);
  if (id === null) return null;
  const job = jobOf(id, { ...said, task_name: said.task_name ?? said.kind, parts: null });
  return {
    id: `job ${id}`,
    job: { ...job, name: job.name || "job", parts: null, isGroup: false },
    project: textOf(said.project_id),
    href: hashOf({ topic: `jobs/${id}`, key: null }),
    pace: "",
  };
}

function rowId(/** @type {string} */ topic, /** @type {ShownJob} */ job) {
  // Of several topics it is the same job.
  return job.jobId === null ? `${topic} ${job.isGroup ? "group" : "task"} ${job.key}` : `job ${job.jobId}`;
}

export class Rows {
  /** @type {Map<string, Row>} */
  #rows = new Map();

  get size() {
    return this.#rows.size;
  }

  /** What is known of one. */
  get(/** @type {string} */ id) {
    return this.#rows.get(id);
  }

  /** Whether it was listed, or heard of, under a topic of its own. */
  hasTopic = (/** @type {string} */ jobId) => this.#rows.get(`job ${jobId}`)?.href === hashOf({ topic: `jobs/${jobId}`, key: null });

  /** Take what a stream says. */
  heard(/** @type {Row[]} */ rows) {
    for (const row of rows) {
      const before = this.#rows.get(row.id);
      // Another topic, or the one before, may know more of it, or have heard of it since.
      if (before !== undefined && (before.job.updatedAt > row.job.updatedAt || isAsBefore(before, row))) continue;
      const createdAt = row.job.createdAt ?? before?.job.createdAt ?? null;
      this.#put({ ...row, project: row.project ?? before?.project ?? null, job: { ...row.job, createdAt } });
    }
    this.#bound();
  }

  /** Take what a list says, where no stream has said more. */
  listed(/** @type {Row[]} */ rows) {
    for (const row of rows) {
      const before = this.#rows.get(row.id);
      if (before === undefined || before.job.updatedAt < row.job.updatedAt) {
        this.#put({ ...row, pace: before?.pace ?? "" });
      } else {
        const { createdAt, startedAt } = row.job;
        const job = { ...before.job, createdAt: before.job.createdAt ?? createdAt, startedAt: before.job.startedAt ?? startedAt };
        this.#put({ ...before, project: before.project ?? row.project, href: row.href, job });
      }
    }
    this.#bound();
  }

  /**
   * Those that match, newest first.
   *
   * @param {Wanted} [wanted]
   * @returns {Row[]}
   */
  matching(wanted = NOTHING_WANTED) {
    const words = wanted.words.toLowerCase().split(/\s+/u).filter((word) => word !== "");
    return [...this.#rows.values()]
      .filter((row) => isWanted(row, wanted, words))
      .sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? 1 : -1));
  }

  /** The parts of a job. */
  partsOf(/** @type {string} */ key) {
    return this.matching().filter(({ job }) => job.parentId === key && job.key !== key);
  }

  /** @returns {string[]} projects, by name */
  projects() {
    const all = new Set([...this.#rows.values()].map(({ project }) => project ?? ""));
    all.delete("");
    return [...all].sort();
  }

  #put(/** @type {Row} */ row) {
    this.#rows.set(row.id, row);
  }

  #bound() {
    if (this.#rows.size <= MAX_ROWS) return;
    const oldest = [...this.#rows.values()].sort((a, b) => a.job.updatedAt - b.job.updatedAt);
    for (const { id } of oldest.slice(0, this.#rows.size - MAX_ROWS)) this.#rows.delete(id);
  }
}

/**
 * @typedef {object} Wanted
 * @property {string} words each is somewhere in it, in capitals or not
 * @property {string} project its name; empty for all
 * @property {readonly string[]} statuses any of these; all where there is none
 */

/** @type {Wanted} everything */
export const NOTHING_WANTED = { words: "", project: "", statuses: [] };

function isWanted(/** @type {Row} */ { job, project }, /** @type {Wanted} */ wanted, /** @type {string[]} */ words) {
  if (wanted.project !== "" && project !== wanted.project) return false;
  if (wanted.statuses.length > 0 && !wanted.statuses.includes(job.status ?? "")) return false;
  if (words.length === 0) return true;
  const text = [job.jobId, job.key, project, job.name, job.message, job.error].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Whether nothing has changed: the row stays the same object, which is not drawn again. */
function isAsBefore(/** @type {Row} */ before, /** @type {Row} */ now) {
  const [a, b] = [before.job, now.job];
  return (
    before.href === now.href && a.updatedAt === b.updatedAt && a.status === b.status && a.progress === b.progress &&
    a.message === b.message && a.error === b.error && a.attempt === b.attempt &&
    a.parts?.over === b.parts?.over && a.parts?.total === b.parts?.total
  );
}

function timeOf(/** @type {Row} */ { job }) {
  return job.createdAt ?? job.updatedAt;
}
