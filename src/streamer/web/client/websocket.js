/**
 * One connection over a WebSocket, at the same address as the event stream.
 *
 * @module
 */

/** @import { Opener } from "./link.js" */

/** Milliseconds between pings, each of which is answered. */
const PING_MS = 15_000;

/** @type {Opener} */
export const openWebSocket = ({ api, query, cursor, token, signal, heard, frame, environment }) => new Promise((done, failed) => {
  // Nobody may want it any more, by now: a signal says so once, and what was opened after that would not be closed.
  signal.throwIfAborted();
  const address = `${api.replace("http", "ws")}/stream?${query}${cursor ? `&last_event_id=${cursor}` : ""}`;
  // The token is a subprotocol, for what is in a URL is logged. Not every token can be one as it is; a JWT can.
  const socket = new (environment.WebSocket ?? WebSocket)(address, token ? ["streamer", "bearer", encodeURIComponent(token)] : []);
  const pings = setInterval(() => socket.readyState === 1 && socket.send("ping"), PING_MS);
  signal.onabort = () => {
    clearInterval(pings);
    socket.close();
  };
  socket.onmessage = ({ data }) => {
    heard();
    try {
      frame(JSON.parse(data));
    } catch (error) {
      failed(error);
    }
  };
  // Whatever the server has against it was said before.
  socket.onclose = () => done();
});
