// npm `reconnecting-websocket`: comes back by itself; the address is asked for each time.
import ReconnectingWebSocket from "reconnecting-websocket";
import WebSocket from "ws";

export function follow(url, last, emit) {
  const address = () => url.replace("http", "ws") + (last && `&last_event_id=${last}`);
  const socket = new ReconnectingWebSocket(address, [], {
    WebSocket,
    minReconnectionDelay: 100,
    maxReconnectionDelay: 500,
  });
  socket.onmessage = ({ data }) => {
    const body = JSON.parse(data);
    last = body.id ?? body.cursor ?? last;
    emit(last, data);
  };
  return new Promise(() => {});
}
