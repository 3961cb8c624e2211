// An OpenAI-compatible server: says to each message what it is told that one is answered, at a pace of its own.
import { createServer } from "node:http";

/** `answered` gives by the text of a message its pieces, and the milliseconds before each. Resolves to its address. */
export async function serveModel(answered) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { messages } = JSON.parse(Buffer.concat(chunks).toString());
    const { pieces, pauses } = answered(messages.at(-1).content);
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const say = (delta, finish_reason = null) =>
      response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m1", choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    for (const [number, content] of pieces.entries()) {
      await new Promise((over) => setTimeout(over, pauses[number]));
      if (response.destroyed) return;
      say({ content });
    }
    say({}, "stop");
    response.end("data: [DONE]\n\n");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  server.unref();
  return `http://127.0.0.1:${server.address().port}/v1`;
}
