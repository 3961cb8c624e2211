/**
 * The time by the log's clock, of which events are the only news: this machine's may be wrong.
 *
 * @module
 */

/** Milliseconds that this machine's clock is ahead of the log's. */
let skew = 0;

/** Milliseconds since 1970, by the log's clock. */
export const logNow = () => Date.now() - skew;

/** An event that was published at `published` (milliseconds since 1970, by the log's clock) came at once. */
export function heardLive(/** @type {number} */ published) {
  if (published) skew = Date.now() - published;
}
