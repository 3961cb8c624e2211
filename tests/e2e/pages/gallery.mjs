/**
 * Bars in every state, by React and as custom elements, one below the other.
 *
 * @module
 */

import { createElement as h } from "react";
import { createRoot } from "react-dom/client";

import { createClient } from "@streamer-sse/client";
import "@streamer-sse/client/element.js";
import { ProgressBar, useStream } from "@streamer-sse/client/react.js";
import { topic } from "@streamer-sse/client/svelte.js";
import { useTopic } from "@streamer-sse/client/vue.js";
import { effectScope, watchEffect } from "vue";

const query = new URLSearchParams(location.search);
const backendUrl = query.get("api") ?? "";
const project = query.get("project") ?? "";
const jobs = (query.get("jobs") ?? "").split(",").filter(Boolean);

/** Of a bar of the running job, its connection: each as it is with a client of its own. */
const connections = {
  live: { url: backendUrl },
  polling: { url: backendUrl, transport: "poll" },
  connecting: { url: query.get("silent"), transport: "sse" },
  waiting: { url: query.get("dead") },
  refused: { url: query.get("dead"), maxAttempts: 1 },
};
const others = query.has("dead") ? Object.entries(connections) : [];
const bars = [
  ...jobs.map((job) => ({ job, label: `Film ${job}`, url: backendUrl })),
  ...others.map(([name, options]) => ({ job: "running", label: `Film ${name}`, client: createClient({ share: false, ...options }) })),
];

function Count() {
  const { value } = useStream(`projects/${project}`, { backendUrl, initial: 0, reduce: (count) => count + 1 });
  const { value: last } = useStream(`projects/${project}`, { backendUrl, limit: 3 });
  return h("p", { id: "count" }, `${value} ${last.length}`);
}

const root = document.getElementById("root");
const react = root.appendChild(document.createElement("div"));
react.className = "bars";
createRoot(react).render([
  h("h1", { key: "h" }, "Jobs"),
  ...bars.map(({ job, label, url, client }) =>
    h(ProgressBar, { key: label, jobId: `${project}-${job}`, backendUrl: url, label, client, ...(client && { showConnectionStatus: true }) })),
  h(Count, { key: "c" }),
]);

const elements = root.appendChild(document.createElement("div"));
elements.className = "bars";
window.heard = [];
for (const type of ["completed", "failed"]) {
  elements.addEventListener(`streamer-${type}`, ({ detail }) => window.heard.push([type, detail.result ?? detail.error]));
}
for (const { job, label, url, client } of bars) {
  const bar = document.createElement("streamer-progress");
  bar.setAttribute("job", `${project}-${job}`);
  bar.setAttribute("label", label);
  if (url) bar.setAttribute("url", url);
  if (client) {
    bar.client = client;
    bar.setAttribute("connection", "show");
  }
  elements.append(bar);
}

effectScope().run(() => {
  const now = useTopic(`projects/${project}`, { url: backendUrl });
  watchEffect(() => {
    window.vue = now.value.snapshot?.status;
  });
});
topic(`projects/${project}`, { url: backendUrl }).subscribe((now) => {
  window.svelte = now.snapshot?.status;
});
