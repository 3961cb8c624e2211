// Nothing that a publisher may put into an event breaks the page, for this event or for the next.

import assert from "node:assert/strict";
import { test } from "node:test";

import { describe } from "../../src/streamer/web/describe.js";
import { EventLog } from "../../src/streamer/web/event-log.js";
import { JobCard } from "../../src/streamer/web/job-card.js";
import { NO_JOBS, foldEvent, foldSnapshot, keyOf } from "../../src/streamer/web/jobs.js";
import { NO_PACES, foldPace } from "../../src/streamer/web/pace.js";
import { RowList } from "../../src/streamer/web/row-list.js";
import { Rows, rowOfListed, rowsOf } from "../../src/streamer/web/rows.js";
import { shownJobs } from "../../src/streamer/web/shown-jobs.js";
import { createClient } from "../../src/streamer/web/client/client.js";
import { Strip } from "../../src/streamer/web/strip.js";
import { controls, events } from "./any-json.mjs";
import { fakeDocument } from "./fake-document.mjs";
import { FakeServer, settled } from "./fake-server.mjs";
import { known, last } from "./given.mjs";

/** @import { Access } from "../../src/streamer/web/access.js" */
/** @import { Jobs } from "../../src/streamer/web/jobs.js" */

const element = fakeDocument();
/** @satisfies {Pick<Access, "fetch" | "holds" | "source">} */
const nobody = { holds: false, source: (/** @type {string} */ url) => url, fetch: async () => new Response() };
const good = { id: "9-0", type: "progress", topic: "projects/p", job_id: "good", task_name: "good", progress: 0.75, timestamp: "2026-01-01T00:00:00Z" };

const options = { now: 1e12 };
const noPaces = { paces: NO_PACES, withTopic: new Set() };

/** Fold, draw the rows and each job's card, and look whether a good job is still drawn; the body is named where not. */
function drawn(/** @type {Jobs} */ given, /** @type {unknown} */ body) {
  const jobs = foldEvent(given, good);
  const list = element();
  try {
    const rows = new Rows();
    rows.heard(rowsOf({ topic: "projects/p", jobs, ...noPaces }, rows.hasTopic));
    new RowList(list).show(rows.matching(), options);
    assert.ok(rows.matching({ words: "good", project: "p", statuses: ["running"] }).length > 0);
    for (const job of shownJobs(jobs)) {
      const container = element();
      const card = new JobCard(container, async () => null, nobody);
      card.show({ job, ...options, pace: "", details: body, retryable: true });
      assert.equal(typeof container.children[0]?.parts.status?.textContent, "string");
    }
  } catch (error) {
    throw new Error(`${error} for ${JSON.stringify(body).slice(0, 300)}`, { cause: error });
  }
  assert.equal(list.children.some(({ parts }) => parts.name?.textContent === "good" && parts.percent?.textContent === "75 %"), true);
  return list;
}

test("the finding: a message that is a number", () => {
  const body = { type: "error", task_name: "t", error: "x", message: 5 };
  assert.deepEqual(drawn(foldEvent(NO_JOBS, body), body).children.map(({ parts }) => parts.name?.textContent).sort(), ["good", "t"]);
});

test("a row and a card are drawn of any event, beside those of the others", () => {
  for (const body of events()) drawn(foldEvent(NO_JOBS, body), body);
});

test("a list that was drawn already is drawn again after any event", () => {
  const container = element();
  const list = new RowList(container);
  const rows = new Rows();
  let jobs = NO_JOBS;
  let paces = NO_PACES;
  let n = 0;
  for (const body of [...events(), good]) {
    jobs = foldEvent(jobs, body);
    paces = foldPace(paces, keyOf(body), body);
    // A frame has several events.
    if (n++ % 20 > 0 && body !== good) continue;
    rows.heard(rowsOf({ topic: "projects/p", jobs, paces, withTopic: new Set() }, rows.hasTopic));
    list.show(rows.matching({ words: "good", project: "", statuses: [] }), options);
  }
  assert.equal(container.children.some(({ parts }) => parts.percent?.textContent === "75 %"), true);
});

test("whatever a list of the server has in it is a row, or none", () => {
  for (const body of [...events(), null, 5, [], {}]) {
    const rows = new Rows();
    const row = rowOfListed(body);
    if (row !== null) rows.listed([row]);
    const one = rowOfListed({ ...body, job_id: "j1" });
    rows.listed([known(one)]);
    const list = element();
    new RowList(list).show(rows.matching(), options);
    assert.ok(list.children.length > 0);
  }
});

test("a snapshot that an older version has stored is drawn, whatever is in it", () => {
  for (const body of events()) {
    drawn(foldSnapshot(NO_JOBS, { tasks: { t: body }, jobs: { t: body } }), body);
    drawn(foldSnapshot(NO_JOBS, { ...body, tasks: body, jobs: body }), body);
    drawn(foldSnapshot(NO_JOBS, body), body);
  }
  for (const snapshot of [undefined, null, 5, "x", [], [null], { tasks: null, jobs: 5 }]) {
    drawn(foldSnapshot(NO_JOBS, snapshot), snapshot);
  }
});

test("every body is one line of words, and a line of the log", () => {
  const list = element();
  const log = new EventLog(list);
  for (const body of [...events(), ...controls()]) {
    const line = describe(body);
    assert.equal(typeof line, "string");
    assert.ok(line.length <= 240);
    log.add(body, "live");
  }
  log.show();
  assert.ok(list.childElementCount > 0);
});

test("every body is a tick of finite height", () => {
  const strip = new Strip(fakeCanvas());
  for (const body of events()) strip.add(body, false, 1e12);
  strip.draw(1e12);
});

function fakeCanvas() {
  const finite = (/** @type {number[]} */ ...numbers) => assert.ok(numbers.every(Number.isFinite), String(numbers));
  const nothing = () => {};
  /** @type {Record<string | symbol, (...all: number[]) => void>} */
  const drawing = { fillRect: finite, arc: (...all) => finite(...all.slice(0, 5)) };
  const pen = new Proxy(drawing, {
    get: (target, name) => target[name] ?? nothing,
    set: () => true,
  });
  Object.assign(globalThis, { getComputedStyle: () => ({ getPropertyValue: () => "#000" }) });
  const canvas = { getBoundingClientRect: () => ({ width: 300, height: 100 }), getContext: () => pen, width: 0, height: 0 };
  return /** @type {HTMLCanvasElement} */ (/** @type {unknown} */ (canvas));
}

test("a client tells of any event of its topic, whatever its publisher put into it", async () => {
  const server = new FakeServer();
  const client = createClient({ url: "http://server", share: false, environment: { fetch: server.fetch } });
  const subscription = client.subscribe("projects/p");
  let heard = 0;
  subscription.on("*", () => (heard += 1));
  await settled();
  await server.live("1-0");
  const bodies = [...events()].map((body, n) => ({ ...body, id: `${n + 2}-0`, topic: "projects/p", topics: undefined, timestamp: good.timestamp }));
  await server.last.say(...bodies);
  assert.deepEqual([heard, subscription.lastEventId, server.connections.length], [bodies.length, last(bodies).id, 1]);
  await server.last.say({ ...good, id: "999999-0" });
  assert.equal(subscription.snapshot?.jobs?.["good"]?.progress, 0.75);
  client.close();
});

test("a client comes back after any control event", async () => {
  const server = new FakeServer();
  server.answers["/status"] = () => new TypeError("no");
  server.answers["/events"] = () => new TypeError("no");
  const client = createClient({ url: "http://server", share: false, transport: "sse", environment: { fetch: server.fetch } });
  const subscription = client.subscribe("projects/p");
  await settled();
  // Positions are the server's own words, and not a publisher's, and so are its last ones; every 23rd of the others is enough.
  const bodies = [...controls()].filter(({ type, cursor, until }) => !/^(end|refused)$/u.test(`${type}`) && typeof (cursor ?? "") === "string" && typeof (until ?? "") === "string");
  for (const body of bodies.filter((_, n) => n % 23 === 0)) {
    const before = server.last;
    if (!before.isOver) before.write(`data: ${JSON.stringify(body)}\n\n`);
    await settled();
    assert.ok(!/ended|refused/u.test(subscription.state), JSON.stringify(body).slice(0, 300));
    if (!before.isOver) continue;
    client.retryNow();
    await settled();
    assert.ok(server.last !== before, JSON.stringify(body).slice(0, 300));
  }
  client.close();
});
