// npm `eventsource`: the browser's own interface in Node.
import { EventSource } from "eventsource";

export function follow(url, last, emit) {
  const source = new EventSource(url + (last && `&last_event_id=${last}`));
  source.onmessage = ({ lastEventId, data }) => emit(lastEventId, data);
  return new Promise((_, reject) => {
    source.onerror = (event) => source.readyState === EventSource.CLOSED && reject(event.message);
  });
}
