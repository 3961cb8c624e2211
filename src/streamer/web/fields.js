/**
 * The value of an event's field, whatever a publisher or an older server put there.
 *
 * JSON has no types but its own: an event that was accepted may have a number, an
 * object or nothing where a text is expected. Each function takes any JSON value
 * and never throws. `String(value)` does, for `{"toString": 1}`.
 *
 * @module
 */

/** @import { Body } from "./client/wire.d.ts" */

/** Characters of one field that are shown; the rest can be read on the wire. */
export const MAX_TEXT = 4000;

/**
 * @param {unknown} value
 * @returns {string | null} text as it is, anything else as JSON; null for null and what is missing
 */
export function textOf(value) {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

/** @returns {string | null} a text that names something: never empty */
export function nameOf(/** @type {unknown} */ value) {
  return textOf(value) || null;
}

/** @returns {number | null} null for what is not a finite number */
export function numberOf(/** @type {unknown} */ value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** @returns {number | null} 0.0 to 1.0, or null for what is not a number */
export function fractionOf(/** @type {unknown} */ value) {
  const number = numberOf(value);
  return number === null ? null : Math.min(1, Math.max(0, number));
}

/** @returns {Record<string, unknown>} the object itself; an empty one for what is not an object */
export function objectOf(/** @type {unknown} */ value) {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? /** @type {Record<string, unknown>} */ (value) : {};
}

/** @returns {value is Body} whether it is an event or a control */
export function isBody(/** @type {unknown} */ value) {
  return typeof objectOf(value).type === "string";
}

/** @returns {number} milliseconds since 1970; NaN for what is not a time */
export function timeOf(/** @type {unknown} */ value) {
  return typeof value === "string" ? Date.parse(value) : NaN;
}
