// npm `undici`: the EventSource that Node itself carries. Its wait before it comes back does not
// keep Node alive: a program that does nothing else ends there, without an error.
import { EventSource } from "undici";

export function follow(url, last, emit) {
  const source = new EventSource(url + (last && `&last_event_id=${last}`));
  source.onmessage = ({ lastEventId, data }) => emit(lastEventId, data);
  return new Promise((_, reject) => {
    source.onerror = () => source.readyState === EventSource.CLOSED && reject("it is closed");
  });
}
