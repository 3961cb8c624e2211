/**
 * A stream of server-sent events, as `fetch` answers it.
 *
 * Never the browser's own EventSource: it can send no token but in its address, hides the status of an answer and
 * the heartbeats of a stream, so that a dead connection looks like a quiet one, and gives up for good on a 503.
 *
 * @module
 */

/** @import { Asked, Opener } from "./link.js" */

/** Characters of one frame; a server's largest, `connected`, has about a quarter of a million. */
const MAX_FRAME = 8_000_000;

/** @param {Pick<Asked, "answer" | "heard" | "frame">} asked @returns {ReturnType<Opener>} */
export async function openSse({ answer, heard, frame }) {
  const { body, headers } = /** @type {Response} */ (answer);
  const foreign = new Error("What answers is no Streamer server.");
  if (!headers.get("Content-Type")?.startsWith("text/event-stream")) throw foreign;
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (body).pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    // As docs/PROTOCOL.md has it: a frame counts once it is whole, its data are one line, and `retry` is before them.
    const frames = (rest + value).split(/\r?\n\r?\n/u);
    rest = /** @type {string} */ (frames.pop());
    if (rest.length > MAX_FRAME) throw foreign;
    for (const text of frames) {
      const [, retry, data] = /^(?:retry: (\d+)\r?\n)?data: ([^\n]*)/mu.exec(text) ?? [];
      if (data) frame(JSON.parse(data), Number(retry));
    }
  }
}
