/**
 * One connection over server-sent events, read with `fetch`.
 *
 * Never the browser's own EventSource: it can send no token but in its address, hides the status of an answer and
 * the heartbeats of a stream, so that a dead connection looks like a quiet one, and gives up for good on a 503.
 *
 * @module
 */

/** @import { Environment } from "./environment.js" */
/** @import { Closed, Opener } from "./stream.js" */

/** Milliseconds of silence after which a connection is dead: three heartbeats. */
const SILENCE_MS = 45_000;
/** Characters of one frame; a server's largest, `connected`, has about a quarter of a million. */
const MAX_FRAME = 8_000_000;

/** @type {Opener} */
export function openSse(url, { lastEventId, token, headers, sink, environment, silence = SILENCE_MS }) {
  const request = new AbortController();
  let timer = 0;
  const finish = (/** @type {Closed | null} */ outcome) => {
    environment.clearTimeout(timer);
    if (request.signal.aborted) return;
    request.abort();
    if (outcome !== null) sink.closed(outcome);
  };
  const heard = () => {
    environment.clearTimeout(timer);
    timer = environment.setTimeout(() => finish({ reason: "lost", detail: "The connection went silent." }), silence);
  };
  const authorized = (/** @type {string | null} */ one) => ({ ...headers, ...(one && { Authorization: `Bearer ${one}` }) });

  async function read() {
    const answer = await environment.fetch(url.href, {
      headers: { Accept: "text/event-stream", ...authorized(token), ...(lastEventId && { "Last-Event-ID": lastEventId }) },
      cache: "no-store",
      signal: request.signal,
    });
    const { status, body } = answer;
    if (status === 204) return finish({ reason: "ended" });
    const type = answer.headers?.get("Content-Type");
    if (status !== 200 || !type?.startsWith("text/event-stream") || !body) return finish(await refusalOf(answer));
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const feed = framesTo((data, id, retry) => !request.signal.aborted && sink.frame(data, id, retry));
    for (;;) {
      const { value, done } = await reader.read();
      if (done || request.signal.aborted) return finish({ reason: "lost" });
      heard();
      sink.heard?.();
      if (feed(value) > MAX_FRAME) return finish({ reason: "lost", detail: "What was received is not an event." });
    }
  }

  heard();
  read().catch(() => finish({ reason: "lost" }));
  return {
    close: () => finish(null),
    renew(other, path) {
      // The path is the server's own: a proxy may have put that under a prefix.
      const root = url.pathname.slice(0, Math.max(0, url.pathname.lastIndexOf("/api/v1/")));
      const sent = { method: "POST", headers: authorized(other), signal: request.signal };
      // If it is not taken, the stream ends with the token that it has, and says so.
      environment.fetch(new URL(root + path, url).href, sent).catch(() => {});
    },
  };
}

/**
 * What an answer that is not the one asked for means.
 *
 * @param {Awaited<ReturnType<Environment["fetch"]>>} answer
 * @returns {Promise<Closed>}
 */
export async function refusalOf(answer) {
  const { status, headers } = answer;
  const retryAfter = Number(headers?.get("Retry-After")) * 1000 || undefined;
  const detail = `The server answered ${status}.`;
  if ([408, 425, 429, 500, 502, 503, 504].includes(status)) return { reason: "lost", detail, retryAfter };
  const problem = await answer.json().catch(() => null);
  // Whatever is no problem of ours may be a proxy's word, which another transport may get past.
  const ours = typeof problem?.code === "string";
  const reason = status === 401 ? "unauthorized" : ours ? "refused" : "foreign";
  return { reason, detail: ours ? problem.detail : detail };
}

/**
 * An incremental parser (WHATWG HTML 9.2.6): whatever the chunks, each frame is told once it is complete.
 *
 * @param {(data: string, id: string | undefined, retry: number | undefined) => void} told
 * @returns {(text: string) => number} takes the next chunk, returns the characters that wait for more
 */
export function framesTo(told) {
  let rest = "";
  let size = 0;
  /** @type {Record<string, string>} */
  let frame = {};
  return (text) => {
    rest += text;
    // A CR at the end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      size += line.length;
      if (line === "") {
        const { data, id, retry } = frame;
        frame = {};
        size = 0;
        if (data !== undefined) told(data, id, Number(retry) || undefined);
      } else {
        const at = line.indexOf(":");
        const name = at < 0 ? line : line.slice(0, at);
        const value = at < 0 ? "" : line.slice(at + (line[at + 1] === " " ? 2 : 1));
        frame[name] = name === "data" && frame.data !== undefined ? `${frame.data}\n${value}` : value;
      }
    }
    return size + rest.length;
  };
}
