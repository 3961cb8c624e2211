// Many runs, each as AG-UI's client takes it: what it says of each of its streams, and the messages it makes.
import { readFileSync } from "node:fs";
import { HttpAgent } from "@ag-ui/client";

// Of a line that is cut the client tells whoever asked; and again, to nobody, which would end this process.
process.on("unhandledRejection", () => {});

/** What a server answers: the frames of a stream and its end; or a line that is `cut` after so many bytes. */
function answer({ frames, cut }) {
  const bytes = new TextEncoder().encode(frames).subarray(0, cut ?? undefined);
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(bytes),
    pull: async (controller) => {
      // What came before it is taken by then: the client drops what it has not looked at yet.
      await new Promise((resolve) => setImmediate(resolve));
      if (cut === null) controller.close();
      else controller.error(new TypeError("network error"));
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

for (const { streams, messages } of JSON.parse(readFileSync(0, "utf8"))) {
  let known = messages;
  const ends = [];
  // One stream after the other: each goes on where the one before it was cut.
  for (const stream of streams) {
    const agent = new HttpAgent({
      url: "http://localhost/",
      threadId: "t1",
      initialMessages: known,
      fetch: async () => answer(stream),
    });
    const end = { hasFinished: false, error: null };
    const hear = ({ event }) => {
      end.hasFinished ||= event.type === "RUN_FINISHED";
    };
    try {
      await agent.runAgent({ runId: "r1" }, { onEvent: hear });
    } catch (problem) {
      end.error = String(problem);
    }
    ends.push(end);
    known = agent.messages;
  }
  console.log(JSON.stringify({ messages: known, ends }));
}
