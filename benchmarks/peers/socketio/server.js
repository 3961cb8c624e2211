// Socket.IO with its Redis streams adapter: HTTP publishes, WebSocket delivers.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, redisPort] = process.argv.slice(2).map(Number);

const redis = createClient({ url: `redis://127.0.0.1:${redisPort}` });
await redis.connect();

const http = createServer((request, response) => {
  if (request.method !== "POST") {
    response.writeHead(404).end();
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.emit("event", JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(201, { "Content-Length": 0 }).end();
  });
});
http.keepAliveTimeout = 0;

const io = new Server(http, {
  adapter: createAdapter(redis),
  transports: ["websocket"],
  perMessageDeflate: false,
  // The load generator's readers do not answer pings within a run.
  pingInterval: 600_000,
  pingTimeout: 600_000,
});

http.listen({ port, host: "127.0.0.1", backlog: 4096 });
