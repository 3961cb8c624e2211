/**
 * How fast the jobs go, and how long they may still take: from their own words, else
 * from how far they came while this reader watched. Pure, no clock.
 *
 * @module
 */

import { clock } from "./describe.js";
import { fractionOf, numberOf, objectOf, textOf, timeOf } from "./fields.js";

/** @import { Body } from "./client/wire.d.ts" */

/** Jobs remembered, more than there are cards. */
const MAX_PACES = 200;
/** Seconds of watching before an estimate is worth a word, and progress in that time. */
const LEAST_SECONDS = 2;
const LEAST_PROGRESS = 0.02;
/** Characters of a speed in a publisher's own words. */
const MAX_WORDS = 24;
/** Seconds; what takes longer is not worth a clock. */
const LONGEST = 7 * 24 * 3600;

/**
 * @typedef {object} Pace
 * @property {number} from milliseconds since 1970: when it was first seen to move
 * @property {number} at how far it was then, 0.0 to 1.0
 * @property {string} words such as `2.5× · about 0:42 left`; empty if nothing is known
 *
 * @typedef {ReadonlyMap<string, Pace>} Paces by the key of the job
 */

/** @type {Paces} */
export const NO_PACES = new Map();

/**
 * The paces after one more event.
 *
 * @param {Paces} paces never changed
 * @param {string | null} key of the event's job
 * @param {Body} body
 * @returns {Paces}
 */
export function foldPace(paces, key, body) {
  if (key === null) return paces;
  const next = new Map(paces);
  const before = next.get(key);
  next.delete(key);
  const progress = fractionOf(body.progress);
  const at = timeOf(body.timestamp);
  if (body.type !== "progress" || progress === null || Number.isNaN(at)) return next;
  const start = before === undefined || progress < before.at ? { from: at, at: progress } : before;
  next.set(key, { from: start.from, at: start.at, words: words(body, start, progress, at) });
  if (next.size > MAX_PACES) next.delete(/** @type {string} */ (next.keys().next().value));
  return next;
}

function words(/** @type {Body} */ body, /** @type {{from: number, at: number}} */ start, /** @type {number} */ progress, /** @type {number} */ at) {
  const said = objectOf(body.metadata);
  const left = secondsOf(said.eta_seconds) ?? secondsOf(said.eta) ?? secondsOf(body.eta_seconds) ?? estimate(start, progress, at);
  const parts = [speedOf(said.speed)];
  if (left !== null && progress < 1) parts.push(`about ${clock(left)} left`);
  return parts.filter((part) => part !== "").join(" · ");
}

/** @returns {number | null} */
function secondsOf(/** @type {unknown} */ value) {
  const number = numberOf(value);
  return number !== null && number >= 0 && number <= LONGEST ? number : null;
}

/** @returns {number | null} seconds */
function estimate(/** @type {{from: number, at: number}} */ start, /** @type {number} */ progress, /** @type {number} */ at) {
  const seconds = (at - start.from) / 1000;
  const moved = progress - start.at;
  if (seconds < LEAST_SECONDS || moved < LEAST_PROGRESS) return null;
  return secondsOf((1 - progress) * (seconds / moved));
}

/** A number is a multiple of real time, as ffmpeg has it; words are the publisher's. */
function speedOf(/** @type {unknown} */ value) {
  const number = numberOf(value);
  if (number !== null) return number > 0 ? `${Number(number.toPrecision(2))}×` : "";
  return typeof value === "string" ? (textOf(value.slice(0, MAX_WORDS)) ?? "") : "";
}
