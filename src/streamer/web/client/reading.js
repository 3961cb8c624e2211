/**
 * How much of a topic is unread.
 *
 * ```js
 * const topic = reading(client, "users/7");
 * topic.subscribe(() => (badge.textContent = topic.unread));
 * button.onclick = () => topic.markAsRead();
 * ```
 *
 * @module
 */

import { requestsTo } from "./requests.js";
import { follow } from "./unread.js";

/** @import { RequestOptions } from "./requests.js" */
/** @import { Subscribing } from "./unread.js" */

/**
 * @param {Subscribing} client
 * @param {string} topic
 * @param {RequestOptions & {reader?: string, pollInterval?: number}} [options] those that the client was made with; `reader`: who reads, where
 *   nobody is asked who they are; `pollInterval`: milliseconds between two counts while no stream is there
 */
export function reading(client, topic, { reader, pollInterval, ...options } = {}) {
  const request = requestsTo(options);
  const path = `/topics/${topic}/cursor`;
  const query = reader === undefined ? "" : `?reader=${encodeURIComponent(reader)}`;
  return follow(client, {
    async count(signal) {
      const answer = await request(path + query, { signal });
      return { ...answer, topics: [topic], counted: { [topic]: answer.counted } };
    },
    // A page that is left may say so while it goes.
    mark: (cursor) => request(path, { method: "PUT", body: JSON.stringify({ cursor, reader }), keepalive: true }),
    pollInterval,
  });
}

/** @typedef {ReturnType<typeof reading>} Reading */
