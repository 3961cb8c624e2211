/**
 * Which of the topics a connection was refused for: the others need not do without.
 *
 * @module
 */

/** @import { Authorize } from "./access.js" */

/** Milliseconds for an answer. */
const ANSWER_MS = 10_000;

/**
 * @param {string} query
 * @param {Authorize} authorize
 * @returns {Promise<Map<string, string>>} by topic that is refused the server's sentence
 */
export async function refusalsOf(query, authorize) {
  const { ask } = await authorize();
  const refusals = new Map();
  await Promise.all(new URLSearchParams(query).getAll("topic").map((topic) =>
    ask(`/status?topic=${topic}`, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(({ reason, message }) => {
      if (reason === "refused") refusals.set(topic, message);
    })));
  return refusals;
}
