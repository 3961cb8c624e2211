// npm `reconnecting-websocket`: comes back by itself; the address is asked for each time. It takes
// the WebSocket that Node has. `ws` in its place ends the program by an error of its own when a
// connection is not open in time.
import ReconnectingWebSocket from "reconnecting-websocket";

export function follow(url, last, emit) {
  const address = () => url.replace("http", "ws") + (last && `&last_event_id=${last}`);
  const options = { minReconnectionDelay: 100, maxReconnectionDelay: 500 };
  const socket = new ReconnectingWebSocket(address, [], options);
  socket.onmessage = ({ data }) => {
    const body = JSON.parse(data);
    last = body.id ?? body.cursor ?? last;
    emit(last, data);
  };
  return new Promise(() => {});
}
