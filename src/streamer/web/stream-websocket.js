/**
 * One connection over a WebSocket, at the same address as the event stream.
 *
 * @module
 */

/** @import { Closed, Opener } from "./stream.js" */

/** Milliseconds between pings; silence for one whole interval means the connection is dead. */
const PING_MS = 15_000;

/** Close codes after which asking again gets the same answer (RFC 6455 section 7.4.1). */
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 1010]);

/** What can be the name of a subprotocol (RFC 9110 section 5.6.2); every JWT can. */
const SUBPROTOCOL = /^[\w.~+-]+$/u;

/** @type {Opener} */
export function openWebSocket(url, { lastEventId, token, sink, environment }) {
  const address = new URL(url);
  address.protocol = address.protocol.replace("http", "ws");
  if (lastEventId !== null) address.searchParams.set("last_event_id", lastEventId);
  /** @type {string[]} */
  const protocols = [];
  // Where it can be one it is a subprotocol, for what is in a URL is logged.
  if (token !== null && SUBPROTOCOL.test(token)) protocols.push("streamer", "bearer", token);
  else if (token !== null) address.searchParams.set("token", token);

  const socket = new environment.WebSocket(address.href, protocols);
  let heard = true;
  const pings = environment.setInterval(() => {
    if (!heard) {
      finish({ reason: "lost", detail: "The connection went silent." });
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
    sink.heard?.();
    sink.frame(message.data);
  };
  socket.onclose = ({ code, reason }) => {
    if (code === 1000) finish({ reason: "ended" });
    else if (code === 1008 && reason === "Unauthorized") finish({ reason: "unauthorized", detail: reason });
    else if (FINAL.has(code)) finish({ reason: "refused", detail: reason || `closed with ${code}` });
    else finish({ reason: "lost", detail: reason || undefined });
  };
  return {
    close: () => finish(null),
    renew(other) {
      if (socket.readyState === 1) socket.send(JSON.stringify({ type: "token", token: other }));
    },
  };
}
