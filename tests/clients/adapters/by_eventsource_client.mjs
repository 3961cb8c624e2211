// npm `eventsource-client`.
import { createEventSource } from "eventsource-client";

export async function follow(url, last, emit) {
  const source = createEventSource({ url, initialLastEventId: last || undefined });
  for await (const { id, data } of source) emit(id, data);
}
