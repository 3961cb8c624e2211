/**
 * Short requests: the same events where no stream is possible, and what a subscription misses.
 *
 * @module
 */

import { openSse } from "./sse.js";

/** @import { Ask } from "./access.js" */
/** @import { Opener } from "./link.js" */

/** Seconds that a request waits: less than what proxies allow a request. */
const WAIT = 25;
/** Events in one answer. */
const LIMIT = 500;
/** Milliseconds after which it looks whether a stream is possible again; and for an answer at once. */
const BACK_MS = 60_000;
const LOOK_MS = 10_000;

const topicsOf = (/** @type {string} */ query) => query.match(/(?<=topic=)[^&]+/gu) ?? [];
export const timeout = () => AbortSignal.timeout(LOOK_MS);

/**
 * A page of what came after a position, as a stream would tell it: with a `caught_up` at the end.
 *
 * @param {Ask} ask
 * @param {string} query
 * @param {string | null} after
 * @param {AbortSignal} signal
 * @param {number} wait seconds
 * @returns {Promise<any[]>}
 */
export async function pageOf(ask, query, after, signal, wait) {
  const answer = await ask(`/events?${query}&after=${after}&limit=${LIMIT}&wait=${wait}`, { signal });
  const { gap, events, cursor } = await answer.json();
  // Of an answer the cursor is behind its events: here they are still to come.
  return [...(gap ? [{ ...gap, cursor: after }] : []), ...events, { type: "caught_up", cursor }];
}

/** @type {Opener} */
export async function openPoll({ ask, transport, query, cursor, signal, heard, frame }) {
  const states = await Promise.all(topicsOf(query).map(async (topic) => {
    const answer = await ask(`/status?topic=${topic}`, { signal });
    return [topic, await answer.json()];
  }));
  let after = cursor ?? states[0]?.[1].cursor;
  frame({ type: "connected", cursor: after, snapshots: Object.fromEntries(states) });
  let isStream = false;
  const looking = setInterval(async () => {
    try {
      const answer = await ask(`/stream?${query}`, { signal: timeout() });
      await openSse({ answer, heard: () => (isStream = true), frame() {} });
    } catch {
      // Not yet, where it is refused, or held back; and in the end, where it is there.
    }
  }, BACK_MS);
  try {
    for (let wait = 0; ;) {
      const page = await pageOf(ask, query, after, signal, wait);
      heard();
      // It is live once there is nothing more at once.
      if (!page[1]) wait = WAIT;
      for (const body of page) if (wait || body.type !== "caught_up") frame(body);
      after = page.at(-1).cursor;
      if (isStream && transport === "auto") return 0;
    }
  } finally {
    clearInterval(looking);
  }
}
