// What components do where there is no page: bundled and run by test_web_components.py, with React 18 and 19.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createElement as h } from "react";
import { renderToString } from "react-dom/server";
import { effectScope } from "vue";

import { ProgressBar, StreamerContext, useJob, useProject, useStream } from "../../src/streamer/web/client/react.js";
import { topic } from "../../src/streamer/web/client/svelte.js";
import { useTopic } from "../../src/streamer/web/client/vue.js";
import { FakeClient, HeldTimers } from "./fake-client.mjs";

/** Every hook, and a bar. */
function All() {
  const job = useJob("8f3c", { onCompleted: () => assert.fail("nothing is known") });
  const project = useProject({ projectId: "p", autoReconnect: false, maxReconnectAttempts: 5, pollingInterval: 3000 });
  const { value: count } = useStream("chats/42", { initial: 7, reduce: (n) => n + 1 });
  const { value: lines } = useStream(["chats/1", "chats/2"]);
  return h("main", null, `${job.state} ${project.isConnected} ${count} ${lines.length}`, h(ProgressBar, { jobId: "8f3c", label: "Film" }));
}

test("on a server every hook has its first value, a bar is whole, and nothing is connected", () => {
  // The page's own client could not even be made here: it would not know its server.
  const html = renderToString(h(All));
  assert.match(html, /connecting false 7 0/);
  assert.match(html, /role="progressbar" aria-label="Film" aria-valuetext="Connecting"/);
  const client = new FakeClient();
  renderToString(h(StreamerContext.Provider, { value: client }, h(All)));
  assert.equal(client.asked.length, 0);
});

test("on a server a bar of no job says that nothing has begun", () => {
  assert.match(renderToString(h(ProgressBar, { jobId: undefined })), /aria-valuetext="Not started"/);
});

test("on a server neither Vue nor Svelte connects", () => {
  const client = new FakeClient();
  const scope = effectScope();
  const now = scope.run(() => useTopic("jobs/a", { client, initial: 7 }));
  assert.equal(now?.value.value, 7);
  scope.stop();
  topic("jobs/a", { client }).subscribe(() => {})();
  assert.equal(client.asked.length, 0);
});

test("in a page a Vue ref has what is known, and ends with its component", () => {
  const timers = new HeldTimers();
  const client = new FakeClient();
  const scope = effectScope();
  const now = scope.run(() => useTopic("jobs/a", { client }));
  client.last.know({ progress: 0.5 });
  timers.pass();
  assert.equal(now?.value.snapshot?.progress, 0.5);
  scope.stop();
  assert.equal(client.open, 0);
  timers.release();
});

test("in a page a Svelte store has a value at once, the same for all who read it, and ends with the last", () => {
  const timers = new HeldTimers();
  const client = new FakeClient();
  /** @type {unknown[][]} */
  const seen = [[], []];
  const store = topic("jobs/a", { client });
  const stops = seen.map((all) => store.subscribe((now) => all.push(now.snapshot?.progress)));
  client.last.know({ progress: 0.5 });
  timers.pass();
  assert.deepEqual(seen, [[undefined, 0.5], [undefined, 0.5]]);
  assert.equal(client.asked.length, 1);
  for (const stop of stops) stop();
  assert.equal(client.open, 0);
  timers.release();
});
