/**
 * The order of ids. To whoever writes a client of their own they are opaque; ours, which joins many subscriptions
 * on one connection, must know which of two positions is the earlier one.
 *
 * @module
 */

/** The position before everything: "from the first that is kept". No gap is told of it. */
export const ORIGIN = "0-0";

/**
 * An id is `<milliseconds>-<sequence>`, of up to 15 digits and of as many events as there are in a millisecond: both
 * are exact as numbers.
 *
 * @returns {number} above 0 where `id` is after `other`; for sorting
 */
export const compare = (/** @type {string} */ id, /** @type {string} */ other) => {
  const [ms = 0, sequence = 0] = id.split("-").map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split("-").map(Number);
  return ms - otherMs || sequence - otherSequence;
};

/** One that has no position yet is behind every other. */
export const isBehind = (/** @type {{lastEventId: string | null}} */ { lastEventId }, /** @type {string} */ id) => !lastEventId || compare(id, lastEventId) > 0;

/** @returns {string | undefined} where a reader is that has this; a publisher's own `cursor` moves nobody */
export const positionIn = (/** @type {any} */ { type, id, cursor }) => id ?? (/^(connected|caught_up|gap)$/u.test(type) ? cursor : undefined);
