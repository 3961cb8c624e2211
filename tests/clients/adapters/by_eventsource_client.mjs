// npm `eventsource-client`.
import { createEventSource } from "eventsource-client";

const source = createEventSource({ url: process.argv[2] });
for await (const { id, data } of source) console.log(JSON.stringify({ id, data }));
