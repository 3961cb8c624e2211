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
 * @param {Pick<Client, "subscribe">} client
 * @param {string | readonly string[]} topics
 * @param {SubscribeOptions} [options]
 * @returns {AsyncGenerator<Body, void, void>}
 */
export async function* iterate(client, topics, options = {}) {
  let wake = () => {};
  /** @type {Body[]} */
  let queue = [];
  let subscription = open(options);

  function open(/** @type {SubscribeOptions} */ how) {
    const one = client.subscribe(topics, how);
    const add = (/** @type {Body} */ body) => {
      // Closed at the last one that is kept, and nothing moves it from there.
      if (queue.push(body) >= MOST) one.close();
      wake();
    };
    one.on("*", add);
    one.on("gap", add);
    one.on("state", () => wake());
    return one;
  }

  try {
    for (;;) {
      const isFull = queue.length >= MOST;
      const events = queue;
      queue = [];
      yield* events;
      const { state, reason, lastEventId } = subscription;
      if (isFull) {
        subscription = open({ ...options, from: lastEventId ?? options.from });
      } else if (!queue.length) {
        if (state === "ended") return;
        if (state === "refused") throw new Error(reason ?? state);
        await new Promise((done) => (wake = () => done(null)));
      }
    }
  } finally {
    subscription.close();
  }
}
