/**
 * What is opened, as the page's address says it after the `#`. Pure.
 *
 * A topic, and where a job has no topic of its own its key among the jobs of that: `jobs/8f3c`,
 * `projects/demo`, `projects/demo:render`. `new` is the form for new jobs.
 *
 * @module
 */

import { textOf } from "./fields.js";
import { keyOf } from "./jobs.js";

/** @import { Body } from "./client/wire.d.ts" */

/**
 * @typedef {object} Place
 * @property {string} topic
 * @property {string | null} key of one of its jobs; null: all of the topic
 */

const TOPIC = /^[\w.~-]{1,64}(?:\/[\w.~-]{1,64}){0,7}$/u;
/** Characters of a key that an address may have, as many as a task's name may. */
const MAX_KEY = 4000;

/**
 * @param {string} hash with its `#`
 * @returns {Place | "new" | null} null where it names nothing
 */
export function placeIn(hash) {
  const text = hash.replace(/^#/u, "");
  if (text === "new") return "new";
  const at = text.indexOf(":");
  const topic = at < 0 ? text : text.slice(0, at);
  if (!TOPIC.test(topic) || !topic.includes("/")) return null;
  if (at < 0) return { topic, key: null };
  try {
    const key = decodeURIComponent(text.slice(at + 1)).slice(0, MAX_KEY);
    return { topic, key: key === "" ? null : key };
  } catch {
    return null;
  }
}

/** @returns {string | null} the conversation that is opened; null where none is */
export function chatIn(/** @type {Place | "new" | null} */ place) {
  if (place === null || place === "new") return null;
  const [first, id, ...more] = place.topic.split("/");
  return first === "chats" && more.length === 0 ? (id ?? null) : null;
}

/** @returns {string} such as `#jobs/8f3c` */
export function hashOf(/** @type {Place} */ { topic, key }) {
  return `#${topic}${key === null ? "" : `:${wellFormed(key)}`}`;
}

/** @returns {boolean} whether both are the same */
export function isSame(/** @type {Place | "new" | null} */ a, /** @type {Place | "new" | null} */ b) {
  if (a === b) return true;
  return typeof a === "object" && typeof b === "object" && a !== null && b !== null && a.topic === b.topic && a.key === b.key;
}

/** Whether an event is of what is opened: of the topic, of the job, or of a part of it. */
export function isOf(/** @type {Place} */ { topic, key }, /** @type {Body} */ body) {
  return key === null || topic.startsWith("jobs/") || keyOf(body) === key || textOf(body.parent_id) === key;
}

/** A half of a surrogate pair is a text in JSON, and no part of an address. */
function wellFormed(/** @type {string} */ text) {
  return encodeURIComponent(text.replace(/[\uD800-\uDFFF]/gu, "\uFFFD"));
}
