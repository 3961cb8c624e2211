// npm `eventsource`: the browser's own interface in Node.
import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
source.onmessage = ({ lastEventId, data }) =>
  console.log(JSON.stringify({ id: lastEventId, data }));
