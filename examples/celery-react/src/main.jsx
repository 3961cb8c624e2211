import { createRoot } from "react-dom/client";
import { createClient } from "@streamer-sse/client";
import { ProgressBar, StreamerContext, useProject } from "@streamer-sse/client/react.js";

function Photos({ project }) {
  const { jobs } = useProject(project);
  return Object.entries(jobs).map(([id, job]) => <ProgressBar key={id} jobId={id} label={job.task_name} />);
}

createRoot(document.getElementById("root")).render(
  <StreamerContext.Provider value={createClient({ url: "http://localhost:8000" })}>
    <Photos project="demo" />
  </StreamerContext.Provider>,
);
