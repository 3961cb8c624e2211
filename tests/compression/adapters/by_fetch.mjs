// Node's own fetch, whose body is read by the parser that npm `eventsource` has.
import { EventSourceParserStream } from "eventsource-parser/stream";

export async function follow(url, last, emit) {
  const answer = await fetch(url, { headers: last ? { "last-event-id": last } : {} });
  const text = answer.body.pipeThrough(new TextDecoderStream());
  for await (const { id, data } of text.pipeThrough(new EventSourceParserStream())) emit(id, data);
}
