// npm `reconnecting-websocket`: comes back by itself; the address is asked for each time.
import ReconnectingWebSocket from "reconnecting-websocket";
import WebSocket from "ws";

let last = "";
const socket = new ReconnectingWebSocket(
  () => process.argv[2].replace("http", "ws") + last,
  [],
  { WebSocket, minReconnectionDelay: 100, maxReconnectionDelay: 500 },
);
socket.onmessage = ({ data }) => {
  const body = JSON.parse(data);
  console.log(JSON.stringify({ id: body.id, data }));
  const cursor = body.id ?? body.cursor;
  if (cursor) last = `&last_event_id=${cursor}`;
};
