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
/** @import { Environment } from "../environment.js" */
/** @import { Closed, Connection, Sink } from "../streamer.js" */

/** EventSource.CLOSED: the answer was not a stream, and the browser will not ask again. */
const CLOSED = 2;

/**
 * Open one connection and hand what arrives to `sink`.
 *
 * @param {URL} url the stream
 * @param {string | null} lastEventId the position to resume after
 * @param {string | null} token
 * @param {Sink} sink receives the frames, and once the end
 * @param {Environment} environment
 * @returns {Connection}
 */
export function openSse(url, lastEventId, token, sink, environment) {
  const address = new URL(url);
  // Every type arrives as a message: an EventSource can listen to types it knows, not to all.
  address.searchParams.set("events", "message");
  // A browser cannot set a request header on an EventSource.
  if (lastEventId !== null) address.searchParams.set("last_event_id", lastEventId);

  const question = new AbortController();
  const opened = new URL(address);
  if (token !== null) opened.searchParams.set("token", token);
  const source = new environment.EventSource(opened.href);
  source.onmessage = (message) => sink.frame(message.data);
  source.onerror = () => {
    const refused = source.readyState === CLOSED;
    source.close();
    if (!refused) {
      sink.closed({ reason: "lost" });
      return;
    }
    whyRefused(address, token, question, environment).then((outcome) => {
      if (!question.signal.aborted) sink.closed(outcome);
    });
  };
  return {
    close() {
      question.abort();
      source.close();
    },
    renew(other, path) {
      // The path is the server's own: a proxy may have put that under a prefix.
      const root = url.pathname.slice(0, Math.max(0, url.pathname.lastIndexOf("/api/v1/")));
      const sent = { method: "POST", headers: authorized(other), signal: question.signal };
      // If it is not taken, the stream ends with the token that it has, and says so.
      environment.fetch(new URL(root + path, url).href, sent).catch(() => {});
    },
  };
}

function authorized(/** @type {string | null} */ token) {
  /** @type {Record<string, string>} */
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  return headers;
}

/**
 * Ask again with fetch, which can see the status that an EventSource hides.
 *
 * @param {URL} address
 * @param {string | null} token in a header: here there can be one
 * @param {AbortController} question
 * @param {Environment} environment
 * @returns {Promise<Closed>}
 */
async function whyRefused(address, token, question, environment) {
  const body = new AbortController();
  question.signal.addEventListener("abort", () => body.abort());
  try {
    const answer = await environment.fetch(address.href, {
      headers: { Accept: "text/event-stream", ...authorized(token) },
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
    const reason = answer.status === 401 ? "unauthorized" : "refused";
    return { reason, detail: textOf(problem.detail) ?? `the server answered ${answer.status}` };
  } catch {
    return { reason: "lost" };
  } finally {
    body.abort();
  }
}
