// Our own client, in Node, from where the fixture `runner` has put it.
import { createClient } from "./client/client.js";

export async function follow(url, last, emit) {
  const [, base, topic] = /(.*)\/api\/v1\/(.*)\/stream/u.exec(url);
  const client = createClient({ url: base, transport: "sse" });
  for await (const event of client.stream(topic, { from: last || "earliest" })) emit(event.id, JSON.stringify(event));
  client.close();
}
