/**
 * The same events where no stream is possible: short requests, each of which waits for the next event.
 *
 * @module
 */

import { refusalOf } from "./sse.js";

/** @import { Closed, Opener } from "./stream.js" */

/** Seconds that a request waits: less than what proxies allow a request. */
const WAIT = 25;
/** Milliseconds for an answer; the wait, and as much again as a slow network may need. */
const ANSWER_MS = 45_000;
/** Events in one answer. */
const LIMIT = 500;

/** @type {Opener} */
export function openPoll(url, { lastEventId, token, headers, sink, environment }) {
  const request = new AbortController();
  let held = token;
  let timer = 0;
  const finish = (/** @type {Closed | null} */ outcome) => {
    environment.clearTimeout(timer);
    if (request.signal.aborted) return;
    request.abort();
    if (outcome !== null) sink.closed(outcome);
  };

  /** @returns {Promise<any>} the answer, or null where there is none and the end was told */
  async function ask(/** @type {string} */ what, /** @type {[string, string][]} */ query) {
    const address = new URL(url);
    address.pathname = address.pathname.replace(/stream$/u, what);
    const asked = url.searchParams.getAll("topic").map((topic) => /** @type {[string, string]} */ (["topic", topic]));
    address.search = `${new URLSearchParams([...(what === "status" ? [] : asked), ...query])}`;
    environment.clearTimeout(timer);
    timer = environment.setTimeout(() => finish({ reason: "lost", detail: "The server does not answer." }), ANSWER_MS);
    const answer = await environment.fetch(address.href, {
      headers: { ...headers, ...(held && { Authorization: `Bearer ${held}` }) },
      cache: "no-store",
      signal: request.signal,
    });
    if (answer.status === 200) return answer.json();
    finish(await refusalOf(answer));
    return null;
  }

  async function run() {
    const topics = url.searchParams.getAll("topic");
    const states = await Promise.all((topics.length ? topics : [""]).map((topic) => ask("status", topic ? [["topic", topic]] : [])));
    if (states.includes(null) || request.signal.aborted) return;
    const [state] = states;
    let after = lastEventId ?? (url.searchParams.get("from") === "earliest" ? "0-0" : state.cursor);
    const told = topics.length > 1
      ? { topics, snapshots: Object.fromEntries(topics.map((topic, index) => [topic, states[index]])) }
      : { topic: topics[0] ?? "", snapshot: state };
    sink.frame(JSON.stringify({ type: "connected", cursor: after, resumed: lastEventId !== null, ...told }));
    let live = false;
    while (!request.signal.aborted) {
      const page = await ask("events", [["after", after], ["limit", `${LIMIT}`], ["wait", live ? `${WAIT}` : "0"]]);
      if (page === null) return;
      sink.heard?.();
      if (page.gap) sink.frame(JSON.stringify(page.gap));
      for (const event of page.events) sink.frame(JSON.stringify(event));
      after = page.cursor;
      if (!live && page.events.length === 0) {
        live = true;
        sink.frame(JSON.stringify({ type: "caught_up", cursor: after }));
      }
    }
  }

  run().catch(() => finish({ reason: "lost" }));
  return {
    close: () => finish(null),
    renew(other) {
      held = other;
    },
  };
}
