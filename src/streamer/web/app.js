/**
 * The page: the jobs of all projects, one of them opened, and the form for new ones.
 *
 * Data flows one way: what is watched (feeds) and what the server lists make the rows; the rows and what is
 * opened are drawn, once a frame at most.
 *
 * @module
 */

import { chatIn, hashOf, isSame, placeIn } from "./address.js";
import { Bell } from "./bell.js";
import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { button, byId, element, input } from "./elements.js";
import { Feed } from "./feed.js";
import { isOpen } from "./jobs.js";
import { jobsPage, projectTopics } from "./listing.js";
import { logNow } from "./log-clock.js";
import { Opened } from "./opened.js";
import { post } from "./post.js";
import { RowList } from "./row-list.js";
import { Rows, rowsOf } from "./rows.js";
import { startForm } from "./start.js";
import { setText } from "./template.js";
import { accessOf } from "./token-form.js";

/** @import { Condition, Transport } from "./connection.js" */
/** @import { Wanted } from "./rows.js" */
/** @import { ShownJob } from "./shown-jobs.js" */

/** Beside the page, wherever that is: a proxy may have put it under a prefix. */
const SERVER = new URL(".", document.baseURI).href.replace(/\/$/u, "");
const API = `${SERVER}/api/v1`;
/** Topics of one connection, two less than a server's limit, for the bell's; projects among them, and jobs of none. */
const MAX_TOPICS = 98;
const MAX_PROJECTS = 90;
/** Milliseconds between looks for projects and jobs that are not watched yet. */
const LOOK_MS = 3000;
/** Milliseconds between questions for the number of readers. */
const COUNT_MS = 5000;
/** Milliseconds between drawings of what moves with time alone. */
const TICK_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 100;
/** Milliseconds in which ages change. */
const AGE_MS = 1000;
/** Milliseconds after the last key before the server is asked for what was typed. */
const TYPED_MS = 250;

const rows = new Rows();
const access = accessOf(API, () => restart());
const connection = new Connection(SERVER, (why) => token(why), draw);
const opened = new Opened(API, access, rows, act);
const list = new RowList(byId("rows"), listMore);
const bell = new Bell(SERVER, access, connection);
const chat = new Chat(SERVER, access);

/** Feeds whose jobs are not in the rows yet. @type {Set<Feed>} */
const changed = new Set();
/** The topics of the projects there are, the newest first. @type {string[]} */
let projects = [];
let place = placeIn(location.hash);
/** Where the next list of what is wanted begins; undefined: nothing was listed; null: all was. @type {string | null | undefined} */
let next;
let isListing = false;
let isDrawing = false;
/** Counts what was wanted: an answer to what was wanted before is for nobody. */
let wish = 0;
let typed = 0;

/** As whom the connection is. */
async function token(/** @type {import("./connection.js").Why} */ why) {
  const given = await access.token(why, connection.topics);
  if (why === "expiring") opened.note("token", "A new token was taken");
  return given;
}

/* What is watched. */

function watch() {
  // A conversation is read at its own address, by its own connection.
  const topics = new Set(place !== null && place !== "new" && chatIn(place) === null ? [place.topic] : []);
  for (const topic of projects.slice(0, MAX_PROJECTS)) topics.add(topic);
  for (const { job, project } of rows.matching()) {
    if (topics.size >= MAX_TOPICS) break;
    if (project === null && job.jobId !== null && isOpen(job)) topics.add(`jobs/${job.jobId}`);
  }
  connection.watch(topics, (topic) => {
    /** @type {Feed} */
    const feed = new Feed(topic, {
      changed() {
        changed.add(feed);
        draw();
      },
    });
    return feed;
  });
}

/** Look for what is not watched yet: nothing tells of a new project but the list of them. */
async function look() {
  if (document.hidden) return;
  try {
    const [topics, page] = await Promise.all([
      projectTopics((url) => access.get(url), API, MAX_PROJECTS),
      jobsPage((url) => access.get(url), API, { words: "", project: "", statuses: [] }, null),
    ]);
    projects = topics;
    rows.listed(page.rows);
    if (next === undefined) next = isAnythingWanted() ? null : page.next;
    setText(byId("listed-said"), "");
    watch();
    draw();
  } catch (error) {
    // The line says it where the server is away; of all else nobody else does.
    if (!(error instanceof TypeError)) setText(byId("listed-said"), `The list is not up to date: ${/** @type {Error} */ (error).message}`);
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, LOOK_MS);
}

/* What is wanted of the list. */

/** @returns {Wanted} */
function wanted() {
  const chosen = document.querySelector("[name=statuses]:checked");
  const statuses = chosen instanceof HTMLInputElement && chosen.value !== "" ? chosen.value.split(",") : [];
  return { words: input("words").value, project: element("project-filter", HTMLSelectElement).value, statuses };
}

function isAnythingWanted() {
  const { words, project, statuses } = wanted();
  return words.trim() !== "" || project !== "" || statuses.length > 0;
}

function want() {
  wish += 1;
  next = undefined;
  list.reset();
  byId("all").scrollTop = 0;
  draw();
  clearTimeout(typed);
  typed = setTimeout(listMore, TYPED_MS);
}

/** List older ones, that nothing is heard of. */
async function listMore() {
  draw();
  if (isListing || next === null) return;
  isListing = true;
  const mine = wish;
  try {
    const page = await jobsPage((url) => access.get(url), API, wanted(), next ?? null);
    rows.listed(page.rows);
    if (mine === wish) next = page.next;
  } catch {
    // What is away is looked for by `look`, and what is refused is said there.
    if (mine === wish) next = null;
  }
  isListing = false;
  if (mine !== wish) listMore();
  draw();
}

for (const type of ["input", "change"]) byId("filters").addEventListener(type, want);
byId("filters").addEventListener("submit", (submitted) => submitted.preventDefault());

/* What is opened. */

function go() {
  const before = place;
  place = placeIn(location.hash);
  if (!isSame(before, place)) show(true);
}

function show(/** @type {boolean} */ isMove) {
  const talk = chatIn(place);
  const isOne = place !== null && place !== "new" && talk === null;
  document.body.dataset.view = place === null ? "list" : talk !== null ? "chat" : isOne ? "opened" : "new";
  byId("opened").hidden = !isOne;
  byId("chat").hidden = talk === null;
  byId("new").hidden = isOne || talk !== null;
  chat.open(talk);
  watch();
  const one = isOne ? /** @type {import("./address.js").Place} */ (place) : null;
  opened.open(one, one === null ? null : (connection.feeds.get(one.topic) ?? null));
  // Who comes from a list by keyboard goes on at what was opened.
  if (isMove && isOne) byId("opened-title").focus({ preventScroll: true });
  if (isMove && place === "new") input("source").focus();
  if (isMove && talk !== null) byId("chat-text").focus();
  if (isMove) scrollTo(0, 0);
  draw();
}

async function act(/** @type {"cancel" | "retry"} */ what, /** @type {ShownJob} */ job) {
  try {
    await post(access, `${API}/jobs/${encodeURIComponent(job.jobId ?? "")}/${what}`, {});
    const feed = connection.feeds.get(`jobs/${job.jobId}`);
    if (what === "retry" && feed !== undefined) connection.again(feed);
    return null;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

/** Go on as somebody else, or as nobody. */
function restart() {
  bell.restart();
  connection.reopen();
  chat.restart();
  look();
}

/* What is drawn. */

function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawNow();
  });
}

function drawNow() {
  for (const feed of changed) rows.heard(rowsOf(feed, rows.hasTopic));
  changed.clear();
  const found = rows.matching(wanted());
  list.show(found, { now: logNow(), current: place !== null && place !== "new" ? hashOf(place) : null });
  showProjects();
  byId("no-jobs").hidden = found.length > 0 || next === undefined;
  setText(byId("no-jobs-said"), isAnythingWanted() ? "No job is like that." : "No job yet.");
  byId("no-jobs-hint").hidden = isAnythingWanted();
  const condition = connection.condition();
  reviveOpened();
  opened.show(condition);
  showState(condition);
}

/** Somebody had the job run again that is opened: its own stream had ended, its project's says so. */
function reviveOpened() {
  const topic = opened.place?.topic ?? "";
  const feed = connection.feeds.get(topic);
  const row = topic.startsWith("jobs/") ? rows.get(`job ${topic.slice("jobs/".length)}`) : undefined;
  if (feed?.subscription?.state === "ended" && row !== undefined && isOpen(row.job)) connection.again(feed);
}

function showProjects() {
  const select = element("project-filter", HTMLSelectElement);
  const names = rows.projects();
  if (select.options.length === names.length + 1) return;
  const chosen = select.value;
  const all = /** @type {HTMLOptionElement} */ (select.options[0]);
  select.replaceChildren(all, ...names.map((name) => new Option(name, name)));
  select.value = names.includes(chosen) ? chosen : "";
}

function showState(/** @type {Condition} */ given) {
  const condition = { ...given, ...chat.condition };
  const badge = byId("state");
  setText(badge, stateWords(condition));
  badge.dataset.state = condition.isCut ? "cut" : condition.state;
  const title = opened.title ?? chat.title;
  document.title = title === null ? "Streamer" : `${title} · Streamer`;
}

function stateWords(/** @type {Condition} */ { state, reason, over, isCut }) {
  if (isCut) return "Connection cut";
  switch (state) {
    case "live":
    case "polling":
      return `Live over ${over}`;
    case "replaying":
      return "Catching up";
    case "waiting":
      return reason === "This device is offline." ? "Offline" : reason === "The server is restarting." ? "Server restarting" : "Server away";
    case "refused":
      return "Refused";
    case "ended":
      return "Ended";
    case "idle":
      return byId("token").hidden ? "Nothing to watch yet" : "Token needed";
    default:
      return byId("token").hidden ? "Connecting" : "Token needed";
  }
}

/* What a person does. */

button("cut").addEventListener("click", () => {
  opened.note("cut", "The connection is cut");
  connection.cut();
});

for (const radio of document.querySelectorAll("[name=transport]")) {
  radio.addEventListener("change", () => {
    const { value } = /** @type {HTMLInputElement} */ (radio);
    opened.note("switch", `To ${value === "sse" ? "SSE" : value === "websocket" ? "WebSocket" : "whatever passes"}`);
    connection.reopen(/** @type {Transport} */ (value));
  });
}

for (const radio of document.querySelectorAll("[name=elsewhere]")) radio.addEventListener("change", () => opened.showCode());

addEventListener("keydown", (event) => {
  const { target } = event;
  const isTyping = target instanceof HTMLElement && target.matches("input:not([type=radio], [type=file]), textarea");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    input("words").focus();
  } else if (event.key === "Escape" && isTyping && target === input("words") && input("words").value !== "") {
    event.preventDefault();
    input("words").value = "";
    want();
  } else if (event.key === "Escape" && place !== null) {
    close();
  }
});

/** Close what is opened, and go on in the list where one was. */
function close() {
  const href = location.hash;
  location.hash = "";
  requestAnimationFrame(() => {
    const link = [...byId("rows").querySelectorAll("a")].find((one) => one.getAttribute("href") === href);
    (link ?? input("words")).focus();
  });
}

startForm(SERVER, access, (jobId) => {
  location.hash = `#jobs/${jobId}`;
});

addEventListener("hashchange", go);
addEventListener("visibilitychange", () => document.hidden || look());

show(false);
keepLooking();
setInterval(() => opened.count(), COUNT_MS);
setInterval(() => {
  const condition = connection.condition();
  opened.showTime(condition);
  showState(condition);
}, TICK_MS);
setInterval(draw, AGE_MS);
