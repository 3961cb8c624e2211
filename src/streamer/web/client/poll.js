/**
 * Short requests: the same events where no stream is possible, what a subscription misses, and what is refused.
 *
 * @module
 */

/** @import { Ask, Authorize } from "./access.js" */
/** @import { Opener } from "./link.js" */
/** @import { Subscription } from "./subscription.js" */

/** Seconds that a request waits: less than what proxies allow a request. */
const WAIT = 25;
/** Events in one answer. */
const LIMIT = 500;
/** Milliseconds after which it looks whether a stream is possible again; and for an answer at once. */
const BACK_MS = 60_000;
const LOOK_MS = 10_000;

const topicsOf = (/** @type {string} */ query) => query.slice("topic=".length).split("&topic=");
const timeout = () => AbortSignal.timeout(LOOK_MS);

/**
 * A page of what came after a position, as a stream would tell it: with a `caught_up` at the end.
 *
 * @param {Ask} ask
 * @param {string} query
 * @param {string} after
 * @param {AbortSignal} signal
 * @param {number} wait seconds
 * @returns {Promise<any[]>}
 */
async function pageOf(ask, query, after, signal, wait) {
  const answer = await ask(`/events?${query}&after=${after}&limit=${LIMIT}&wait=${wait}`, { signal });
  const { gap, events, cursor } = await answer.json();
  // Of an answer the cursor is behind its events: here they are still to come.
  return [...(gap ? [{ ...gap, cursor: after }] : []), ...events, { type: "caught_up", cursor }];
}

/** @type {Opener} */
export async function open({ ask, transport, query, cursor, signal, heard, frame }) {
  const states = await Promise.all(topicsOf(query).map(async (topic) => {
    const answer = await ask(`/status?topic=${topic}`, { signal });
    return [topic, await answer.json()];
  }));
  let after = cursor ?? states[0]?.[1].cursor;
  frame({ type: "connected", cursor: after, snapshots: Object.fromEntries(states) });
  let isStream = false;
  const looking = setInterval(async () => {
        // Not yet, where it is refused, or held back.
    const answer = await ask(`/stream?${query}`, { headers: { Accept: "text/event-stream" }, signal: timeout() }).catch(() => null);
    const reader = answer?.body?.getReader();
    isStream = await reader?.read().then(({ done }) => !done, () => false) ?? false;
    reader?.cancel().catch(() => {});
  }, BACK_MS);
  signal.addEventListener("abort", () => clearInterval(looking));
  for (let wait = 0; ;) {
    const page = await pageOf(ask, query, after, signal, wait);
    heard();
    // It is live once there is nothing more at once.
    if (!page[1]) wait = WAIT;
    for (const body of page) if (wait || body.type !== "caught_up") frame(body);
    after = page.at(-1).cursor;
    if (isStream && transport === "auto") return 0;
  }
}

/** What is given to those that are being caught up. @type {WeakMap<Subscription, Promise<void>>} */
const busy = new WeakMap();

/**
 * Give a subscription what it misses, until it is where the connection is.
 *
 * @param {Subscription} one
 * @param {Authorize} authorize
 * @param {() => boolean} isBehind
 * @param {(one: Subscription, body: any) => void} hear
 * @returns {Promise<void>} the same one while it goes on
 */
export function catchUp(one, authorize, isBehind, hear) {
  const run = async () => {
    const { ask } = await authorize();
    while (isBehind()) {
      for (const body of await pageOf(ask, `topic=${one.topics.join("&topic=")}`, one.lastEventId ?? "", timeout(), 0)) if (!one.closed) hear(one, body);
    }
  };
  const going = busy.get(one) ?? run().finally(() => busy.delete(one));
  busy.set(one, going);
  return going;
}

/**
 * Which of the topics a connection was refused for: the others need not do without.
 *
 * @param {string} query
 * @param {Authorize} authorize
 * @returns {Promise<Map<string, string>>} by topic that is refused the server's sentence
 */
export async function refusalsOf(query, authorize) {
  const { ask } = await authorize();
  const refusals = new Map();
  await Promise.all(topicsOf(query).map((topic) => ask(`/status?topic=${topic}`, { signal: timeout() }).catch(({ reason, message }) => {
    if (reason === "refused") refusals.set(topic, message);
  })));
  return refusals;
}
