/**
 * Which of several topics a connection was refused for: the others need not do without.
 *
 * @module
 */

import { refusalOf } from "./sse.js";

/** @import { Environment } from "./environment.js" */
/** @import { LinkOptions } from "./source.js" */

/**
 * @param {readonly string[]} topics
 * @param {LinkOptions} link
 * @param {Environment} environment
 * @returns {Promise<Map<string, string>>} by topic that is refused the server's sentence
 */
export async function refusedOf(topics, { api, token, headers }, environment) {
  const held = typeof token === "function" ? await token("connect") : token;
  /** @type {Map<string, string>} */
  const refused = new Map();
  await Promise.all(topics.map(async (topic) => {
    const answer = await environment.fetch(`${api}/status?topic=${topic}`, {
      headers: { ...headers, ...(held && { Authorization: `Bearer ${held}` }) },
    });
    if (answer.status === 200) return;
    const { reason, detail } = await refusalOf(answer);
    if (reason === "refused") refused.set(topic, detail ?? "The server refuses this topic.");
  }));
  return refused;
}
