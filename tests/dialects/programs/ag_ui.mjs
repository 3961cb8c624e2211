// AG-UI's own client: a run is asked for, or joined; each event is told, then what it made of them.
import { HttpAgent } from "@ag-ui/client";

const { url, messages = [], join = false } = JSON.parse(process.argv[2]);
const tell = (what) => console.log(JSON.stringify(what));

const agent = new HttpAgent({
  url,
  threadId: "t1",
  initialMessages: messages,
  fetch: (to, init) => fetch(to, join ? { ...init, method: "GET", body: undefined } : init),
});
let error = null;
try {
  await agent.runAgent({ runId: "r1" }, { onEvent: ({ event }) => tell({ event }) });
} catch (problem) {
  error = String(problem);
}
tell({ messages: agent.messages, error });
process.exit();
