// Our own client, in a page of the server's origin.
globalThis.follow = async (url, last, emit) => {
  const { createClient } = await import("/client/client.js");
  const [, topic] = /\/api\/v1\/(.*)\/stream/u.exec(url);
  const client = createClient({ transport: "sse" });
  for await (const event of client.stream(topic, { from: last || "earliest" })) emit(event.id, JSON.stringify(event));
  client.close();
};
