/**
 * The live page: one stream, shown as jobs, a line and a log.
 *
 * @module
 */

import { curlCommand, tailCommand } from "./commands.js";
import "./copy.js";
import { earlierEvents } from "./earlier.js";
import { button, byId, element, input } from "./elements.js";
import { EventLog } from "./event-log.js";
import { JobCards } from "./job-cards.js";
import { NO_JOBS, foldEvent, foldSnapshot, isOpen, keyOf } from "./jobs.js";
import { shownJobs } from "./shown-jobs.js";
import { percent } from "./describe.js";
import { numberOf, objectOf, textOf, timeOf } from "./fields.js";
import { NO_PACES, foldPace } from "./pace.js";
import { post } from "./post.js";
import { Stream } from "./stream.js";
import { Strip } from "./strip.js";
import { setText } from "./template.js";
import { accessOf } from "./token-form.js";

/** @import { Job, Jobs } from "./jobs.js" */
/** @import { StateDetail, StreamEvents, Transport } from "./stream.js" */
/** @import { Accepted, Body, Claimed, Connections } from "./client/wire.d.ts" */

/** Beside the page, wherever that is: a proxy may have put it under a prefix. */
const API = new URL("api/v1", document.baseURI).href;
/** Milliseconds that "Cut the connection" lasts: long enough to miss some events. */
const CUT_MS = 3000;
/** Milliseconds between questions for the number of readers. */
const COUNT_MS = 5000;
/** Milliseconds between drawings of what moves with time alone. */
const TICK_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 100;

const log = new EventLog(byId("log"));
const strip = new Strip(element("strip", HTMLCanvasElement));
const access = accessOf(API, () => stream.open());
const cards = new JobCards(byId("jobs"), cancel, access);

let project = projectInAddress();
let jobs = NO_JOBS;
let paces = NO_PACES;
/** @type {string | null} where the first visit to this project began */
let arrivedAt = null;
/** Milliseconds that this machine's clock is ahead of the log's. */
let skew = 0;
/** @type {StateDetail} */
let connection = { state: "idle", cause: null };
/** Whether the server can cancel jobs; known to be false once it has refused. */
let cancellable = true;
/** @type {unknown} the snapshot of the last `connected` */
let snapshot;
/** @type {Stream} */
let stream;
let drawing = false;

/** Milliseconds since 1970, by the log's clock. */
const logNow = () => Date.now() - skew;

function projectInAddress() {
  // No character of a project id is ever escaped, so what holds a "%" is not one.
  const named = location.hash.slice(1) || new URLSearchParams(location.search).get("project");
  return named !== null && /^[\w.~-]{1,64}$/u.test(named) ? named : "demo";
}

function path(/** @type {string} */ rest) {
  return `${API}/projects/${encodeURIComponent(project)}/${rest}`;
}

function connect() {
  const chosen = document.querySelector("[name=transport]:checked");
  const topic = `projects/${project}`;
  stream = new Stream(path("stream"), {
    transport: transportOf(chosen),
    token: (why) => access.token(why, topic),
  });
  on("event", received);
  on("control", ({ body }) => controlled(body));
  on("state", entered);
  on("duplicate", ({ body }) => log.note("duplicate", textOf(body.id) ?? ""));
  stream.open();
}

/**
 * @template {keyof StreamEvents} T
 * @param {T} type
 * @param {(detail: StreamEvents[T]) => void} listener
 */
function on(type, listener) {
  stream.addEventListener(type, (event) => listener(/** @type {CustomEvent<StreamEvents[T]>} */ (event).detail));
}

/** @returns {Transport} */
function transportOf(/** @type {Element | null} */ radio) {
  return radio instanceof HTMLInputElement && radio.value === "websocket" ? "websocket" : "sse";
}

function received(/** @type {StreamEvents["event"]} */ { body, replayed }) {
  const published = timeOf(body.timestamp);
  const at = published || logNow();
  if (!replayed && published) skew = Date.now() - published;
  const before = jobs;
  jobs = foldEvent(jobs, body);
  paces = foldPace(paces, keyOf(body), body);
  announce(before, body);
  strip.add(body, replayed, at);
  log.add(body, replayed ? "replayed" : "live");
  draw();
}

function controlled(/** @type {Body} */ body) {
  if (body.type === "pong") return;
  if (body.type === "connected") {
    snapshot = body.snapshot;
    arrivedAt ??= stream.lastEventId;
    // A reader that resumes has this already, or is about to be given it.
    if (!body.resumed) jobs = foldSnapshot(jobs, snapshot);
  } else if (body.type === "gap") {
    jobs = foldSnapshot(jobs, snapshot);
  }
  log.add(body, "control");
  draw();
}

function entered(/** @type {StateDetail} */ detail) {
  const answered = connection.state !== "connecting";
  connection = detail;
  strip.connection(["replaying", "live"].includes(detail.state), logNow());
  if (detail.cause === "cut") log.note("cut", `The connection is cut for ${CUT_MS / 1000} s`);
  if (detail.cause === "lost") {
    log.note("lost", detail.detail ?? (answered ? "The connection was lost" : "No answer"));
  }
  if (detail.state === "refused") log.note("refused", detail.detail ?? "The server refused the stream");
  if (detail.state === "live") countReaders();
  draw();
}

/** Announce to a screen reader what matters: starts and ends, not each percent. */
function announce(/** @type {Jobs} */ before, /** @type {Body} */ body) {
  const key = keyOf(body) ?? "";
  const job = jobs.get(key);
  if (job !== undefined && job.status !== null && before.get(key)?.status !== job.status) {
    setText(byId("announcement"), `${job.name || "job"}: ${job.status}${job.error === null ? "" : `, ${job.error}`}`);
  }
}

/* What is shown. */

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    show();
  });
}

function show() {
  log.show();
  cards.show(jobs, { now: logNow(), cancellable, paces });
  byId("no-jobs").hidden = jobs.size > 0;
  const { received: events, duplicates, gaps, connections } = stream.counts;
  setText(byId("received"), String(events));
  setText(byId("duplicates"), String(duplicates));
  setText(byId("gaps"), String(gaps));
  setText(byId("reconnects"), String(Math.max(0, connections - 1)));
  setText(byId("last-event-id"), stream.lastEventId ?? "–");
  byId("duplicates").classList.toggle("bad", duplicates > 0);
  byId("gaps").classList.toggle("bad", gaps > 0);
  setText(byId("curl"), curlCommand(path("stream"), stream.lastEventId, access.holds));
  setText(byId("tail"), tailCommand(project, document.baseURI, stream.lastEventId));
  showTime();
}

function showTime() {
  strip.draw(logNow());
  setText(byId("state"), stateWords());
  byId("state").dataset.state = connection.cause === "lost" ? "away" : connection.state;
  const words = noticeWords();
  byId("notice").hidden = words === "";
  byId("notice").dataset.cause = connection.cause ?? connection.state;
  setText(byId("notice"), words);
  button("cut").disabled = connection.state !== "live";
  const running = shownJobs(jobs).find(isOpen);
  document.title = running === undefined ? "Streamer" : `${percent(running.progress ?? 0)} · Streamer`;
}

function stateWords() {
  const over = stream.transport === "sse" ? "SSE" : "WebSocket";
  switch (connection.state) {
    case "live":
      return `Live over ${over}`;
    case "replaying":
      return "Catching up";
    case "waiting":
      return { cut: "Connection cut", lost: "Server away", draining: "Server restarting" }[connection.cause ?? "lost"];
    case "ended":
      return "Ended";
    case "refused":
      return "Refused";
    default:
      return byId("token").hidden ? "Connecting" : "Token needed";
  }
}

function noticeWords() {
  if (connection.state === "refused") {
    return `The server refuses this stream: ${connection.detail ?? "it did not say why"}.`;
  }
  if (connection.state !== "waiting") return "";
  const seconds = Math.max(0, Math.ceil(((connection.retryAt ?? 0) - Date.now()) / 1000));
  const next = seconds > 0 ? `Trying again in ${seconds} s` : "Trying again";
  const after = stream.lastEventId === null ? "" : `, from after ${stream.lastEventId}`;
  if (connection.cause === "cut") return `Not connected. ${next}${after}.`;
  return `The server cannot be reached. ${next}${after}; what happens meanwhile is kept and replayed.`;
}

/* What a person does. */

byId("start-form").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const form = new FormData(element("start-form", HTMLFormElement));
  const failure = byId("start-failure");
  failure.hidden = true;
  button("start").disabled = true;
  try {
    const source = String(form.get("source")).trim();
    /** @type {Claimed<Accepted>} */
    const job = await post(access, path("jobs"), { kind: "transcode", source, height: Number(form.get("height")) });
    log.note("start", `Job ${job.task_id} for ${source}; its events come after ${job.last_event_id}`);
  } catch (error) {
    failure.textContent = /** @type {Error} */ (error).message;
    failure.hidden = false;
  }
  button("start").disabled = false;
  draw();
});

async function cancel(/** @type {Job} */ job) {
  try {
    await post(access, `${API}/jobs/${encodeURIComponent(job.jobId ?? "")}/cancel`, {});
    return true;
  } catch (error) {
    const { status, message } = /** @type {Error & {status?: number}} */ (error);
    if (status === 404 || status === 405) cancellable = false;
    log.note("cancel", message);
    draw();
    return false;
  }
}

button("earlier").addEventListener("click", async () => {
  const asked = project;
  button("earlier").disabled = true;
  const say = (/** @type {string} */ words) => setText(byId("earlier-said"), words);
  say("Loading…");
  log.show();
  try {
    const found = await earlierEvents(path("events"), {
      most: log.room,
      isKnown: (id) => log.has(id),
      until: arrivedAt,
      fetch: (url, init) => access.fetch(url, init),
    });
    if (project !== asked) return;
    log.addEarlier(found.events);
    const many = found.events.length === 1 ? "1 earlier event" : `${found.events.length} earlier events`;
    say(found.complete ? `${many}: all that is kept` : `${many}; there is no room for more`);
  } catch (error) {
    if (project !== asked) return;
    say(`Not loaded: ${/** @type {Error} */ (error).message}`);
    button("earlier").disabled = false;
  }
});

button("cut").addEventListener("click", () => stream.cut(CUT_MS));

for (const radio of document.querySelectorAll("[name=transport]")) {
  radio.addEventListener("change", () => {
    const transport = transportOf(radio);
    log.note("switch", `To ${transport === "sse" ? "SSE" : "WebSocket"}, from after ${stream.lastEventId}`);
    stream.use(transport);
  });
}

byId("project-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  location.hash = input("project").value;
  input("project").blur();
});

addEventListener("hashchange", () => {
  if (projectInAddress() === project) return;
  project = projectInAddress();
  stream.close();
  jobs = NO_JOBS;
  paces = NO_PACES;
  arrivedAt = null;
  button("earlier").disabled = false;
  setText(byId("earlier-said"), "");
  log.clear();
  strip.clear();
  showProject();
  connect();
});

// A page that is left is kept for "back", and would keep its connection, one of six per server.
addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", (event) => event.persisted && stream.open());

// The network is back: why wait for the timer.
addEventListener("online", () => connection.cause === "lost" && stream.open());

/* What comes with time. */

async function countReaders() {
  if (document.hidden) return;
  try {
    const answer = await access.fetch(`${API}/ws/projects/${encodeURIComponent(project)}/connections`);
    /** @type {Claimed<Connections>} */
    const counts = objectOf(await answer.json());
    setText(byId("watching"), String(numberOf(counts.active_connections) ?? "–"));
  } catch {
    setText(byId("watching"), "–");
  }
}

function showProject() {
  input("project").value = project;
}

showProject();
connect();
setInterval(countReaders, COUNT_MS);
setInterval(() => {
  showTime();
  if ([...jobs.values()].some(isOpen)) draw();
}, TICK_MS);
