/**
 * What is to be published: in order, each once, however often it must be sent.
 *
 * @module
 */

import { backOff } from "./access.js";

/** @import { Authorize, Outcome, Why } from "./access.js" */

/** Events that wait; beyond, whoever publishes is told at once. */
const MOST = 1000;
/** Milliseconds for an answer. */
const ANSWER_MS = 30_000;

/** @param {{authorize: Authorize, signal: AbortSignal}} of a client */
export function openOutbox({ authorize, signal: closed }) {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  let waiting = 0;
  /** Ends the pause between two attempts. */
  let go = () => {};
  globalThis.addEventListener?.("online", () => go(), { signal: closed });
  closed.onabort = () => go();

  async function send(/** @type {string} */ body, /** @type {string} */ key) {
    /** @type {Why} */
    let why = "connect";
    for (let failures = 0; ;) {
      if (closed.aborted) throw new Error("the client was closed before this was published");
      try {
        const { ask } = await authorize(why);
        const answer = await ask("/events", {
          method: "POST", body, headers: { "Content-Type": "application/json", "Idempotency-Key": key }, signal: AbortSignal.timeout(ANSWER_MS),
        });
        return /** @type {{id: string | null}} */ (await answer.json());
      } catch (error) {
        // Where it is lost, or its answer is, the key makes a second time harmless.
        const { reason, wait } = /** @type {Outcome} */ (error);
        if (reason && (reason !== "unauthorized" || why === reason)) throw error;
        const ms = wait || backOff(++failures);
        if (reason) why = reason;
        else if (!closed.aborted) await new Promise((done) => setTimeout((go = () => done(null)), ms));
      }
    }
  }

  /**
   * @param {object} event
   * @param {{idempotencyKey?: string}} [options] the key: by default one of its own. (`randomUUID` is there in secure
   *   pages alone.)
   */
  return async (event, { idempotencyKey: key = crypto.getRandomValues(new Uint32Array(4)).join("-") } = {}) => {
    if (waiting >= MOST) throw new Error(`${MOST} events wait to be published; there is room for no more`);
    waiting += 1;
    const sent = last.then(() => send(JSON.stringify(event), key));
    last = sent.catch(() => {});
    return sent.finally(() => (waiting -= 1));
  };
}
