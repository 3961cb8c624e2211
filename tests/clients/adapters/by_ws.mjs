// npm `ws`: the application opens another one, from the last id.
import WebSocket from "ws";

export function follow(url, last, emit) {
  const socket = new WebSocket(url.replace("http", "ws") + (last && `&last_event_id=${last}`));
  socket.on("message", (text) => {
    const body = JSON.parse(text);
    emit(body.id ?? body.cursor, String(text));
  });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => (code === 1006 ? reject(new Error("cut")) : resolve()));
  });
}
