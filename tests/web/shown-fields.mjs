// What a page shows of jobs, by the names of tests/fixtures/snapshots.json.

import { shownJobs } from "../../src/streamer/web/shown-jobs.js";

/** @import { Jobs } from "../../src/streamer/web/jobs.js" */

/**
 * The fields of each job that has an id, and of each group; times in milliseconds since 1970.
 *
 * @param {Jobs} jobs
 * @returns {Record<string, Record<string, unknown>>}
 */
export function shownFields(jobs) {
  const named = shownJobs(jobs).filter(({ jobId, isGroup }) => jobId !== null || isGroup);
  return Object.fromEntries(
    named.map((card) => [
      card.key,
      {
        status: card.status,
        progress: card.progress,
        message: card.message || null,
        result: card.result,
        error: card.error,
        attempt: card.attempt,
        task_name: jobs.get(card.key)?.name || null,
        parent_id: card.parentId,
        parts: card.parts && { ...card.parts, told: jobs.get(card.key)?.progress ?? null },
        group: card.isGroup,
        created: card.createdAt,
        started: card.startedAt,
        updated: card.updatedAt,
        ended: card.endedAt,
      },
    ]),
  );
}
