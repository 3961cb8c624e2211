/**
 * A video studio that was written for the older hook: only the address of the import is another one.
 *
 * @module
 */

import { createElement as h, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

import { ProgressBar, useProject } from "@streamer-sse/client/react.js";

const query = new URLSearchParams(location.search);
const backendUrl = query.get("api") ?? "";
const projectId = query.get("project") ?? "";
const calls = (window.calls = { messages: [], progress: [], completed: [], errors: [], bar: [] });

function VideoStudio() {
  const [line, setLine] = useState("nothing yet");
  const { isConnected, isFallback, reconnectAttempts } = useProject({
    projectId,
    backendUrl,
    autoReconnect: query.get("auto") !== "false",
    maxReconnectAttempts: 5,
    pollingFallback: query.get("fallback") !== "false",
    pollingInterval: 1000,
    onMessage: (message) => calls.messages.push(message.id),
    onProgress: (progress, message) => {
      calls.progress.push([progress, message]);
      setLine(`${Math.round(progress * 100)}: ${message}`);
    },
    onCompleted: (result) => {
      calls.completed.push(result);
      setLine("completed");
    },
    onError: (error) => {
      calls.errors.push(error);
      setLine(error);
    },
  });
  return h(
    "section",
    null,
    h("h1", null, "Video studio"),
    h("p", { id: "line" }, line),
    h("p", { id: "connection" }, `${isConnected} ${isFallback} ${reconnectAttempts}`),
    h(ProgressBar, {
      projectId,
      backendUrl,
      className: "studio-bar",
      showConnectionStatus: true,
      onCompleted: (result) => calls.bar.push(result),
      onError: (error) => calls.bar.push(error),
    }),
  );
}

createRoot(document.getElementById("root")).render(h(StrictMode, null, h(VideoStudio)));
