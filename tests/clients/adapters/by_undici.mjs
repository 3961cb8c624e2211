// npm `undici`: the EventSource that Node itself carries.
import { EventSource } from "undici";

const source = new EventSource(process.argv[2]);
source.onmessage = ({ lastEventId, data }) =>
  console.log(JSON.stringify({ id: lastEventId, data }));
// Its wait before it comes back does not keep Node alive (the timer is unref'd): a program
// that does nothing else ends there, without an error. A server has something else to do.
setInterval(() => {}, 60_000);
