/**
 * A subscription as an async iterable.
 *
 * @module
 */

/** @import { Client, SubscribeOptions } from "./client.js" */
/** @import { Body } from "./wire.d.ts" */

/** Events that wait for a slow reader. Beyond, it is read anew from where the reader is: the log keeps them. */
const MOST = 1000;

/**
 * @param {Client} client
 * @param {string | readonly string[]} topics
 * @param {SubscribeOptions} [options]
 * @returns {AsyncGenerator<Body, void, void>}
 */
export async function* iterate(client, topics, options = {}) {
  let wake = () => {};
  /** @type {Body[]} */
  let queue = [];
  let last = "";
  let subscription = open(options);

  function open(/** @type {SubscribeOptions} */ how) {
    const one = client.subscribe(topics, how);
    const add = (/** @type {Body} */ body) => {
      queue.push(body);
      last = one.lastEventId ?? last;
      wake();
      if (queue.length >= MOST) one.close();
    };
    one.on("*", add);
    one.on("gap", add);
    one.on("state", () => wake());
    return one;
  }

  try {
    for (;;) {
      const full = queue.length >= MOST;
      const events = queue;
      queue = [];
      yield* events;
      if (full) {
        subscription = open({ ...options, from: last });
      } else if (queue.length === 0) {
        const { state, reason } = subscription;
        if (state === "ended") return;
        if (state === "refused") throw new Error(reason ?? "refused");
        /** @type {Promise<void>} */
        const more = new Promise((done) => (wake = done));
        await more;
      }
    }
  } finally {
    subscription.close();
  }
}
