/**
 * One connection over server-sent events: the browser's own EventSource.
 *
 * The EventSource is never left to reconnect by itself. One policy, that of
 * `Stream`, then holds for every transport and every browser: Firefox gives up
 * where Chromium continues, and all give up for good on a 503.
 *
 * @module
 */

import { objectOf, textOf } from "../fields.js";

/** @import { Claimed, Problem } from "../wire.d.ts" */
/** @import { Closed, Environment, Sink } from "../streamer.js" */

/** EventSource.CLOSED: the answer was not a stream, and the browser will not ask again. */
const CLOSED = 2;

/**
 * Open one connection and hand what arrives to `sink`.
 *
 * @param {URL} url the stream
 * @param {string | null} lastEventId the position to resume after
 * @param {Sink} sink receives the frames, and once the end
 * @param {Environment} environment
 * @returns {{close: () => void}} `close` is silent: the sink receives nothing more
 */
export function openSse(url, lastEventId, sink, environment) {
  const address = new URL(url);
  // Every type arrives as a message: an EventSource can listen to types it knows, not to all.
  address.searchParams.set("events", "message");
  // A browser cannot set a request header on an EventSource.
  if (lastEventId !== null) address.searchParams.set("last_event_id", lastEventId);

  const question = new AbortController();
  const source = new environment.EventSource(address.href);
  source.onmessage = (message) => sink.frame(message.data);
  source.onerror = () => {
    const refused = source.readyState === CLOSED;
    source.close();
    if (!refused) {
      sink.closed({ reason: "lost" });
      return;
    }
    whyRefused(address, question, environment).then((outcome) => {
      if (!question.signal.aborted) sink.closed(outcome);
    });
  };
  return {
    close() {
      question.abort();
      source.close();
    },
  };
}

/**
 * Ask again with fetch, which can see the status that an EventSource hides.
 *
 * @param {URL} address
 * @param {AbortController} question
 * @param {Environment} environment
 * @returns {Promise<Closed>}
 */
async function whyRefused(address, question, environment) {
  const body = new AbortController();
  question.signal.addEventListener("abort", () => body.abort());
  try {
    const answer = await environment.fetch(address.href, {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal: body.signal,
    });
    // A 204 means to every EventSource that nothing more will come (WHATWG HTML 9.2.3).
    if (answer.status === 204) return { reason: "ended" };
    if (answer.ok || answer.status >= 500 || [408, 425, 429].includes(answer.status)) {
      return { reason: "lost", detail: answer.ok ? undefined : `the server answered ${answer.status}` };
    }
    /** @type {Claimed<Problem>} */
    const problem = objectOf(await answer.json().catch(() => ({})));
    return { reason: "refused", detail: textOf(problem.detail) ?? `the server answered ${answer.status}` };
  } catch {
    return { reason: "lost" };
  } finally {
    body.abort();
  }
}
