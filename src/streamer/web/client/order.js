/**
 * The order of ids. To whoever writes a client of their own they are opaque; ours, which joins many subscriptions
 * on one connection, must know which of two positions is the earlier one.
 *
 * @module
 */

/** The position before everything: "from the first that is kept". No gap is told of it. */
export const ORIGIN = "0-0";

/** An id is `[0-9]{1,15}-[0-9]{1,20}`. */
const padded = (/** @type {string} */ id) => id.replace(/\d+/gu, (number) => number.padStart(20, "0"));

/** @returns {boolean} whether `id` is after `other` */
export const isAfter = (/** @type {string} */ id, /** @type {string} */ other) => padded(id) > padded(other);

/** @returns {string | undefined} the earliest; undefined of none */
export const earliest = (/** @type {string[]} */ ids) => ids.sort((a, b) => (isAfter(a, b) ? 1 : -1))[0];

/** @returns {string | undefined} where a reader is that has this; a publisher's own `cursor` moves nobody */
export const positionIn = (/** @type {any} */ { type, id, cursor }) => id ?? (/^(connected|caught_up|gap)$/u.test(type) ? cursor : undefined);
