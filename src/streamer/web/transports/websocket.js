/**
 * One connection over a WebSocket, at the same address as the event stream.
 *
 * @module
 */

/** @import { Closed, Environment, Sink } from "../streamer.js" */

/** Milliseconds between pings; silence for one whole interval means the connection is dead. */
const PING_MS = 15_000;

/** Close codes after which asking again gets the same answer (RFC 6455 section 7.4.1). */
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 1010]);

/**
 * Open one connection and hand what arrives to `sink`.
 *
 * @param {URL} url the stream, http or https
 * @param {string | null} lastEventId the position to resume after
 * @param {Sink} sink receives the frames, and once the end
 * @param {Environment} environment
 * @returns {{close: () => void}} `close` is silent: the sink receives nothing more
 */
export function openWebSocket(url, lastEventId, sink, environment) {
  const address = new URL(url);
  address.protocol = address.protocol.replace("http", "ws");
  if (lastEventId !== null) address.searchParams.set("last_event_id", lastEventId);

  const socket = new environment.WebSocket(address.href);
  let heard = true;
  const pings = environment.setInterval(() => {
    if (!heard) {
      finish({ reason: "lost", detail: "the connection went silent" });
    } else if (socket.readyState === 1) {
      heard = false;
      socket.send('{"type":"ping"}');
    }
  }, PING_MS);

  /** @param {Closed | null} outcome */
  function finish(outcome) {
    environment.clearInterval(pings);
    socket.onmessage = socket.onclose = null;
    socket.close();
    if (outcome !== null) sink.closed(outcome);
  }

  socket.onmessage = (message) => {
    heard = true;
    sink.frame(message.data);
  };
  socket.onclose = ({ code, reason }) => {
    if (code === 1000) finish({ reason: "ended" });
    else if (FINAL.has(code)) finish({ reason: "refused", detail: reason || `closed with ${code}` });
    else finish({ reason: "lost", detail: reason || undefined });
  };
  return { close: () => finish(null) };
}
