/**
 * Which of the topics a connection was refused for: the others need not do without.
 *
 * @module
 */

/** @import { Authorize } from "./access.js" */
/** @import { Subscription } from "./subscription.js" */

/** Milliseconds for an answer. */
const ANSWER_MS = 10_000;

/**
 * @param {readonly Subscription[]} subscriptions
 * @param {Authorize} authorize
 * @returns {Promise<Subscription[]>} those that are refused, and were told so
 */
export async function refuse(subscriptions, authorize) {
  const { ask } = await authorize();
  /** @type {Map<string, string>} the server's sentence */
  const reasons = new Map();
  await Promise.all([...new Set(subscriptions.flatMap(({ open }) => open))].map((topic) =>
    ask(`/status?topic=${topic}`, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(({ reason, message }) => {
      if (reason === "refused") reasons.set(topic, message);
    })));
  return subscriptions.filter((one) => {
    const named = one.open.find((topic) => reasons.has(topic));
    if (named) one.enter("refused", reasons.get(named));
    return named;
  });
}
