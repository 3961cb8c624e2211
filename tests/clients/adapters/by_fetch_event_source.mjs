// npm `@microsoft/fetch-event-source`: written for browsers, so Node lends it two names.
import { createRequire } from "node:module";

globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = createRequire(import.meta.url)("@microsoft/fetch-event-source");

const headers = {};
do {
  try {
    await fetchEventSource(process.argv[2], {
      headers,
      openWhenHidden: true,
      onmessage: ({ id, data }) => {
        console.log(JSON.stringify({ id, data }));
        if (id) headers["last-event-id"] = id; // what has no id has an empty one here
      },
    });
  } catch (error) {
    console.error(error);
    if (process.env.ONCE) process.exit(3);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
} while (!process.env.ONCE); // it ends for good when the stream ends in order
