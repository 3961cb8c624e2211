// npm `@microsoft/fetch-event-source`: written for browsers, so Node lends it two names. It ends
// for good when the stream ends in order.
import { createRequire } from "node:module";

globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = createRequire(import.meta.url)("@microsoft/fetch-event-source");

export function follow(url, last, emit) {
  return fetchEventSource(url, {
    headers: last ? { "last-event-id": last } : {},
    openWhenHidden: true,
    onmessage: ({ id, data }) => emit(id, data),
  });
}
