/**
 * The order of ids. To whoever writes a client of their own they are opaque; ours, which joins many subscriptions
 * on one connection, must know which of two positions is the earlier one.
 *
 * @module
 */

/** Longest number of an id, in digits: `[0-9]{1,15}-[0-9]{1,20}`. */
const DIGITS = 20;

const key = (/** @type {string} */ id) => id.split("-").map((part) => part.padStart(DIGITS, "0")).join("-");

/** @returns {boolean} whether `id` is after `other` */
export const isAfter = (/** @type {string} */ id, /** @type {string} */ other) => key(id) > key(other);
