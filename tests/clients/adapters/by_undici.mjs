// npm `undici`: the EventSource that Node itself carries.
import { EventSource } from "undici";

const source = new EventSource(process.argv[2]);
source.onmessage = ({ lastEventId, data }) =>
  console.log(JSON.stringify({ id: lastEventId, data }));
