// npm `ws`: the application opens another one, from the last id.
import WebSocket from "ws";

let last = "";
function open() {
  const socket = new WebSocket(process.argv[2].replace("http", "ws") + last);
  socket.on("message", (text) => {
    const body = JSON.parse(text);
    console.log(JSON.stringify({ id: body.id, data: String(text) }));
    const cursor = body.id ?? body.cursor;
    if (cursor) last = `&last_event_id=${cursor}`;
  });
  socket.on("error", (error) => console.error(error.message));
  socket.on("close", (code) => {
    if (process.env.ONCE) process.exit(code === 1006 ? 3 : 0);
    setTimeout(open, 100);
  });
}
open();
