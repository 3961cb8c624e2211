/**
 * One connection over a WebSocket, at the same address as the event stream.
 *
 * @module
 */

/** @import { Opener } from "./link.js" */

/** Milliseconds between pings, each of which is answered. */
const PING_MS = 15_000;

/** What can be the name of a subprotocol (RFC 9110 section 5.6.2); every JWT can. */
const SUBPROTOCOL = /^[\w.~+-]+$/u;

/** @type {Opener} */
export const open = ({ api, query, cursor, token, signal, heard, frame, WebSocket }) => new Promise((_, failed) => {
  const address = new URL(`${api.replace("http", "ws")}/stream?${query}`);
  if (cursor) address.searchParams.set("last_event_id", cursor);
  // Where it can be one the token is a subprotocol, for what is in a URL is logged.
  const isName = token && SUBPROTOCOL.test(token);
  if (token && !isName) address.searchParams.set("token", token);
  const socket = new WebSocket(address, isName ? ["streamer", "bearer", token] : []);
  const pings = setInterval(() => socket.readyState === 1 && socket.send("ping"), PING_MS);
  signal.addEventListener("abort", () => {
    clearInterval(pings);
    socket.close();
  });
  /** What the server has against it, in its own words: a close code has no room for them. @type {any} */
  let refusal = {};
  socket.onmessage = ({ data }) => {
    heard();
    try {
      const body = JSON.parse(data);
      if (body.type === "refused") refusal = body;
      else frame(body);
    } catch (error) {
      failed(error);
    }
  };
  socket.onclose = ({ code, reason }) => failed(Object.assign(new Error(refusal.detail || reason), {
    reason: code === 1000 ? "ended" : reason === "Unauthorized" ? "unauthorized" : (code === 1008 || code === 1009) && "refused",
    wait: refusal.retry_after * 1000,
  }));
});
