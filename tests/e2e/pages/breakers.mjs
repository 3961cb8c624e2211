/**
 * People who break things: each scenario is one sentence, and a function that throws where it is not so.
 *
 * @module
 */

import * as React from "react";
import { flushSync } from "react-dom";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server.browser";

import { createClient } from "@streamer-sse/client";
import { ProgressBar, StreamerContext, useJob, useProject, useStream } from "@streamer-sse/client/react.js";
import { shareClient } from "@streamer-sse/client/shared.js";

import { FakeClient } from "../../web/fake-client.mjs";

const h = React.createElement;
const query = new URLSearchParams(location.search);
const place = document.getElementById("root");

const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

function same(actual, expected) {
  const [is, should] = [actual, expected].map((value) => JSON.stringify(value));
  if (is !== should) throw new Error(`${is}, not ${should}`);
}

/** What each component returned when it was drawn last, by its name; how often it was drawn. */
const drawn = {};
const times = {};
/** A component that calls a hook with the properties it has. */
function Uses({ name, use, ...props }) {
  drawn[name] = use(props);
  times[name] = (times[name] ?? 0) + 1;
  return null;
}

const stream = { use: ({ topics, options }) => useStream(topics, options) };
const job = { use: ({ id, ...options }) => useJob(id, options) };

/** A root of React's, and a client whose every subscription a scenario answers for. */
function stage() {
  const client = new FakeClient();
  const root = createRoot(place.appendChild(document.createElement("div")));
  const draw = (...inside) => flushSync(() => root.render(h(StreamerContext.Provider, { value: client }, ...inside)));
  return { client, root, draw };
}

/** A custom element, not yet in the page. */
function element(attributes) {
  const client = new FakeClient();
  const bar = document.createElement("streamer-progress");
  for (const [name, value] of Object.entries(attributes)) bar.setAttribute(name, value);
  bar.client = client;
  return { client, bar };
}

const track = (bar) => bar.shadowRoot.querySelector("[role=progressbar]");

const scenarios = {
  async "topics that are another array each time are one subscription"() {
    const { client, root, draw } = stage();
    for (let n = 0; n < 50; n += 1) draw(h(Uses, { ...stream, name: "a", topics: ["chats/1", "chats/2"] }));
    same([client.asked.length, client.open], [1, 1]);
    draw(h(Uses, { ...stream, name: "a", topics: ["chats/3"] }));
    same([client.asked.length, client.open], [2, 1]);
    draw(h(Uses, { ...stream, name: "a", topics: [] }));
    draw(h(Uses, { ...stream, name: "a", topics: null }));
    same([client.asked.length, client.open], [2, 0]);
    root.unmount();
  },

  async "who unmounts before anything came leaves nothing, and is not drawn again"() {
    const { client, root, draw } = stage();
    draw(h(Uses, { ...job, name: "b", id: "1" }));
    const { last } = client;
    draw();
    last.know({ status: "running" });
    await frame();
    same([client.open, times.b], [0, 1]);
    root.unmount();
  },

  async "a callback that throws keeps nothing from itself, nor from others"() {
    const { client, root, draw } = stage();
    let heard = 0;
    const onProgress = () => {
      heard += 1;
      throw new Error("mine");
    };
    draw(h(Uses, { ...job, name: "c", id: "1", onProgress }), h(Uses, { ...job, name: "d", id: "1" }));
    for (const { subscription } of client.asked) {
      for (const progress of [0.1, 0.2]) subscription.receive({ type: "progress", progress }, { status: "running", progress });
    }
    await frame();
    same([heard, drawn.c.progress, drawn.d.progress], [2, 0.2, 0.2]);
    root.unmount();
  },

  async "a thousand events are drawn once, and each calls back, with the callback of now"() {
    const { client, root, draw } = stage();
    const heard = [0, 0];
    for (const n of [0, 1]) draw(h(Uses, { ...job, name: "e", id: "1", onProgress: () => (heard[n] += 1) }));
    await frame();
    const before = times.e;
    for (let n = 1; n <= 1000; n += 1) client.last.receive({ type: "progress", progress: n / 1000 }, { status: "running", progress: n / 1000 });
    await frame();
    same([times.e - before, heard, drawn.e.progress], [1, [0, 1000], 1]);
    root.unmount();
  },

  async "another job in the middle begins with nothing, and hears nothing of the one before"() {
    const { client, root, draw } = stage();
    const heard = [];
    const props = { ...job, name: "f", onCompleted: (result) => heard.push(result), onError: (error) => heard.push(error) };
    draw(h(Uses, { ...props, id: "1" }));
    const first = client.last;
    first.know({ status: "running", progress: 0.7 });
    await frame();
    same(drawn.f.progress, 0.7);
    draw(h(Uses, { ...props, id: "2" }));
    for (const field of ["status", "progress", "message", "result", "error", "attempt"]) if (drawn.f[field] !== null) throw new Error(field);
    same([drawn.f.jobs, client.open], [{}, 1]);
    first.receive({ type: "completed", result: "of 1" });
    client.last.know({ status: "failed", error: "of 2" });
    await frame();
    same([heard, drawn.f.status], [["of 2"], "failed"]);
    root.unmount();
  },

  async "what was over before is told once, in StrictMode too, and of a project not"() {
    const { client, root, draw } = stage();
    const heard = [];
    const onCompleted = (result) => heard.push(result);
    const project = { use: (props) => useProject({ projectId: "p", ...props }) };
    draw(h(React.StrictMode, null, h(Uses, { ...job, name: "g", id: "1", onCompleted })), h(Uses, { ...project, name: "h", onCompleted }));
    same(client.open, 2);
    for (const { subscription } of client.asked) subscription.know({ status: "completed", result: "r" });
    await frame();
    same([heard, drawn.h.status], [["r"], "completed"]);
    root.unmount();
  },

  async "another client in the middle is used from then on"() {
    const { client, root, draw } = stage();
    const other = new FakeClient();
    draw(h(Uses, { ...job, name: "i", id: "1" }), h(Uses, { ...job, name: "j", id: "1", client: other }));
    same([client.open, other.open], [1, 1]);
    flushSync(() => root.render(h(StreamerContext.Provider, { value: other }, h(Uses, { ...job, name: "i", id: "1" }))));
    same([client.open, other.open], [0, 1]);
    root.unmount();
  },

  async "a client that is shared is that of each component that names its server"() {
    const { client, bar } = element({ job: "1", url: "https://events.example" });
    delete bar.client;
    shareClient(client, "https://events.example");
    const root = createRoot(place.appendChild(document.createElement("div")));
    flushSync(() => root.render(h(Uses, { ...job, name: "o", id: "1", backendUrl: "https://events.example" })));
    place.append(bar);
    await import("@streamer-sse/client/element.js");
    same(client.open, 2);
    bar.remove();
    root.unmount();
    same(client.open, 0);
  },

  async "a topic that is none is an error that says so"() {
    const { root } = stage();
    const client = createClient({ url: query.get("api") });
    class Boundary extends React.Component {
      state = {};
      static getDerivedStateFromError = (error) => ({ error });
      render() {
        drawn.k = this.state.error?.message;
        return this.state.error ? null : this.props.children;
      }
    }
    // React 18 reports it as well, as if nobody had caught it.
    const { error } = console;
    console.error = () => {};
    addEventListener("error", (event) => event.preventDefault(), { once: true });
    flushSync(() => root.render(h(Boundary, null, h(Uses, { ...job, name: "l", id: "a b", client }))));
    console.error = error;
    same(drawn.k, '"jobs/a b" is not a topic');
    root.unmount();
    client.close();
  },

  async "what a server made is taken over as it is"() {
    const client = new FakeClient();
    const tree = h(React.StrictMode, null, h(StreamerContext.Provider, { value: client },
      h(ProgressBar, { jobId: "1", label: "Film" }), h(Uses, { ...stream, name: "m", topics: "chats/1", options: { initial: 7 } })));
    const inside = place.appendChild(document.createElement("div"));
    inside.innerHTML = renderToString(tree);
    const bar = inside.querySelector("[role=progressbar]");
    const wrong = [];
    const root = hydrateRoot(inside, tree, { onRecoverableError: (error) => wrong.push(error.message) });
    while (client.open < 2) await frame();
    client.asked.findLast(({ topics }) => topics === "jobs/1").subscription.know({ status: "running", progress: 0.5 });
    await frame();
    same([wrong, bar.isConnected, bar.getAttribute("aria-valuenow"), drawn.m.value], [[], true, "50", 7]);
    root.unmount();
  },

  async "of a list there are as many as its limit, and of none none"() {
    const { client, root, draw } = stage();
    draw([3, 0].map((limit) => h(Uses, { ...stream, key: limit, name: `limit ${limit}`, topics: "chats/1", options: { limit } })));
    for (const { subscription } of client.asked) for (let n = 0; n < 9; n += 1) subscription.receive({ type: "said", n });
    await frame();
    same([3, 0].map((limit) => drawn[`limit ${limit}`].value.map(({ n }) => n)), [[6, 7, 8], []]);
    root.unmount();
  },

  async "who is hidden is left, and goes on where they were"() {
    if (!React.Activity) return;
    const { client, root, draw } = stage();
    const inside = h(Uses, { ...stream, name: "n", topics: "chats/1", options: { initial: [] } });
    const show = (mode) => draw(h(React.Activity, { mode }, inside));
    show("visible");
    client.last.receive({ type: "said", id: "7-0" });
    show("hidden");
    same(client.open, 0);
    show("visible");
    same(client.asked.at(-1).options.from, "7-0");
    client.last.receive({ type: "said", id: "8-0" });
    await frame();
    same(drawn.n.value.map(({ id }) => id), ["7-0", "8-0"]);
    root.unmount();
  },

  async "what an element was given before it was defined is kept"() {
    const { client, bar } = element({ job: "1", label: "Film" });
    bar.texts = { running: "Läuft" };
    place.append(bar);
    await import("@streamer-sse/client/element.js");
    same(client.asked.map(({ topics }) => topics), ["jobs/1"]);
    client.last.know({ status: "running", progress: 0.3 });
    await frame();
    same(track(bar).ariaValueText, "30%, Läuft");
    bar.remove();
    same(client.open, 0);
  },

  async "an element tells once that it is over, and who removes it then has removed it"() {
    const { client, bar } = element({ job: "1" });
    const told = [];
    for (const type of ["progress", "completed", "failed"]) bar.addEventListener(`streamer-${type}`, () => told.push(type));
    place.append(bar);
    for (const progress of [0.1, 1]) {
      client.last.know({ status: progress === 1 ? "completed" : "running", progress });
      await frame();
    }
    client.last.know({ status: "completed", progress: 1, message: "again" });
    await frame();
    same(told, ["progress", "progress", "completed", "progress"]);
    bar.setAttribute("job", "2");
    bar.addEventListener("streamer-failed", () => bar.remove());
    client.last.know({ status: "failed", error: "no space" });
    await frame();
    same([client.open, bar.isConnected, told.at(-1)], [0, false, "failed"]);
  },

  async "what an element said is not said again, and its button keeps the focus"() {
    const { client, bar } = element({ job: "1" });
    place.append(bar);
    client.last.become("waiting", "The server cannot be reached.");
    client.last.know({ status: "running", progress: 0.3 });
    await frame();
    const button = bar.shadowRoot.querySelector("button");
    button.focus();
    button.click();
    let changes = 0;
    const observer = new MutationObserver((all) => (changes += all.length));
    observer.observe(bar.shadowRoot.querySelector("[role=status]"), { childList: true, characterData: true, subtree: true });
    client.last.know({ status: "running", progress: 0.31 });
    await frame();
    same([changes, track(bar).ariaValueNow, client.last.retries, bar.shadowRoot.activeElement === button], [0, "31", 1, true]);
    bar.remove();
  },

  async "an element that is called otherwise goes on, one of another job begins anew, one of none has not begun"() {
    const { client, bar } = element({ job: "1" });
    place.append(bar);
    client.last.know({ status: "running", progress: 0.3 });
    bar.setAttribute("label", "Film");
    same(client.asked.length, 1);
    await frame();
    same([track(bar).ariaLabel, track(bar).ariaValueNow], ["Film", "30"]);
    bar.setAttribute("job", "2");
    same([client.asked.map(({ topics }) => topics), client.open, track(bar).ariaValueNow], [["jobs/1", "jobs/2"], 1, null]);
    bar.removeAttribute("job");
    same([client.open, track(bar).ariaValueText], [0, "Not started"]);
    bar.remove();
  },
};

const root = createRoot(place.appendChild(document.createElement("div")));
/** Show so many bars of a project. */
window.show = (many) =>
  flushSync(() => root.render(Array.from({ length: many }, (_, n) => h(ProgressBar, { key: n, projectId: query.get("project"), backendUrl: query.get("api") }))));

window.names = Object.keys(scenarios);
window.run = async (name) => {
  try {
    await scenarios[name]();
    return "";
  } catch (error) {
    return `${error.stack ?? error}`;
  }
};
