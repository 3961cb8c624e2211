/**
 * One connection over server-sent events, read with `fetch`.
 *
 * Never the browser's own EventSource: it can send no token but in its address, hides the status of an answer and
 * the heartbeats of a stream, so that a dead connection looks like a quiet one, and gives up for good on a 503.
 *
 * @module
 */

/** @import { Opener } from "./link.js" */

/** Characters of one frame; a server's largest, `connected`, has about a quarter of a million. */
const MAX_FRAME = 8_000_000;
const FOREIGN = "What answers is no Streamer server.";

/** @type {Opener} */
export async function openSse({ ask, query, cursor, signal, heard, frame }) {
  const { body, headers } = await ask(`/stream?${query}`, {
    headers: { Accept: "text/event-stream", ...(cursor && { "Last-Event-ID": cursor }) },
    signal,
  });
  if (!body || !headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Error(FOREIGN);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    // As docs/PROTOCOL.md has it: a frame counts once it is whole, and its data are one line.
    const frames = (rest + value).split(/\r?\n\r?\n/u);
    rest = /** @type {string} */ (frames.pop());
    if (rest.length > MAX_FRAME) throw new Error(FOREIGN);
    for (const text of frames) {
      const [data, retry] = [/^data: ([^\n]*)/mu, /^retry: (\d+)/mu].map((field) => field.exec(text)?.[1]);
      if (data) frame(JSON.parse(data), Number(retry));
    }
  }
}
