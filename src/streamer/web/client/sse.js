/**
 * One connection over server-sent events, read with `fetch`.
 *
 * Never the browser's own EventSource: it can send no token but in its address, hides the status of an answer and
 * the heartbeats of a stream, so that a dead connection looks like a quiet one, and gives up for good on a 503.
 *
 * @module
 */

/** @import { Opener } from "./link.js" */

/** Characters of one line; a server's longest, of `connected`, has about a quarter of a million. */
const MAX_LINE = 8_000_000;

/** @type {Opener} */
export async function sse({ ask, query, cursor, signal, heard, frame }) {
  const { body, headers } = await ask(`/stream?${query}`, {
    headers: { Accept: "text/event-stream", ...(cursor && { "Last-Event-ID": cursor }) },
    signal,
  });
  if (!body || !headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Error("What answers is not the server.");
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  /** @type {Record<string, string>} */
  let fields = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + value).split(/\r?\n/u);
    rest = /** @type {string} */ (lines.pop());
    if (rest.length > MAX_LINE) throw new Error("What was received is not an event.");
    for (const line of lines) {
      // As docs/PROTOCOL.md has it: a name, a colon, a space, a value. A frame counts once it is whole.
      const [name = "", ...values] = line.split(": ");
      if (line) {
        fields[name] = values.join(": ");
      } else if (fields.data) {
        frame(JSON.parse(fields.data), Number(fields.retry));
        fields = {};
      }
    }
  }
}
