/**
 * One request that changes something, and its answer.
 *
 * @module
 */

import { objectOf, textOf } from "./fields.js";

/** @import { Access } from "./access.js" */
/** @import { Claimed, Problem } from "./client/wire.d.ts" */

/**
 * @param {Pick<Access, "fetch">} access who asks
 * @param {string} url
 * @param {object} body sent as JSON
 * @returns {Promise<Record<string, unknown>>} the answer's JSON, an object; throws an Error with the server's own
 *   sentence, and its `status` where there was an answer
 */
export async function post(access, url, body) {
  const answer = await access.fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => {
    throw new Error("The server cannot be reached. Try again when it is back.");
  });
  const said = objectOf(await answer.json().catch(() => ({})));
  if (answer.ok) return said;
  /** @type {Claimed<Problem>} */
  const problem = said;
  const words = textOf(problem.detail) ?? textOf(problem.title) ?? `The server answered ${answer.status}.`;
  throw Object.assign(new Error(words), { status: answer.status });
}
