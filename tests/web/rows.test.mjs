// What `rows.js`, `address.js`, `commands.js` and `listing.js` of `src/streamer/web/` make of jobs and places.

import assert from "node:assert/strict";
import { test } from "node:test";

import { hashOf, placeIn } from "../../src/streamer/web/address.js";
import { COMMANDS, serverOf } from "../../src/streamer/web/commands.js";
import { jobsPage, projectTopics } from "../../src/streamer/web/listing.js";
import { NO_JOBS, foldEvent } from "../../src/streamer/web/jobs.js";
import { NO_PACES } from "../../src/streamer/web/pace.js";
import { MAX_ROWS, Rows, rowOfListed, rowsOf } from "../../src/streamer/web/rows.js";
import { at, known } from "./given.mjs";

/** @import { Body } from "../../src/streamer/web/client/wire.d.ts" */

/** The rows of a topic after these events, a second apart. */
function heard(/** @type {string} */ topic, /** @type {Body[]} */ ...bodies) {
  const jobs = bodies.reduce((folded, body, n) => foldEvent(folded, { timestamp: at(n + 1), ...body }), NO_JOBS);
  return rowsOf({ topic, jobs, paces: NO_PACES, withTopic: new Set() }, () => false);
}

const listed = (/** @type {object} */ fields) => known(rowOfListed({ job_id: "j1", project_id: "p", status: "running", ...fields }));
const names = (/** @type {Rows} */ rows, /** @type {Parameters<Rows["matching"]>[0]} */ wanted) => rows.matching(wanted).map(({ job }) => job.name);

test("jobs of all topics are one list, the newest first, each once", () => {
  const rows = new Rows();
  rows.heard(heard("projects/p", { type: "progress", progress: 0.1, job_id: "j1", task_name: "one" }, { type: "progress", progress: 0.1, job_id: "j2", task_name: "two" }));
  rows.heard(heard("jobs/j1", { type: "progress", progress: 0.1, job_id: "j1", task_name: "one" }));
  rows.heard(heard("projects/q", { type: "progress", progress: 0.1, task_name: "task", timestamp: at(9) }));
  rows.heard(heard("projects/r", { type: "progress", progress: 0.1, task_name: "task", timestamp: at(8) }));
  assert.deepEqual(rows.matching().map(({ job, project }) => [job.name, project]), [["task", "q"], ["task", "r"], ["two", "p"], ["one", "p"]]);
});

test("what a stream says is not undone by an older list, and a list knows when a job began", () => {
  const rows = new Rows();
  rows.heard(heard("projects/p", { type: "progress", progress: 0.9, job_id: "j1", task_name: "one", timestamp: at(10) }));
  rows.listed([listed({ progress: 0.2, updated_at: at(5), created_at: at(2) })]);
  const one = known(rows.get("job j1"));
  assert.equal(one.job.progress, 0.9);
  assert.equal(one.href, "#jobs/j1");
  rows.listed([listed({ progress: 1, status: "completed", updated_at: at(20), created_at: at(2) })]);
  assert.equal(known(rows.get("job j1")).job.status, "completed");
  assert.equal(known(rows.get("job j1")).job.createdAt, 2000);
});

test("a job that has no topic of its own is opened at its project's", () => {
  const [row] = heard("projects/p", { type: "progress", progress: 0.1, job_id: "j1", task_name: "one" });
  assert.equal(known(row).href, "#projects/p:j1");
  assert.deepEqual(placeIn(known(row).href), { topic: "projects/p", key: "j1" });
});

test("a list is of what matches all that is wanted", () => {
  const rows = new Rows();
  rows.listed([
    listed({ job_id: "a", task_name: "Encode", error: "no such codec", status: "failed" }),
    listed({ job_id: "b", task_name: "encode", project_id: "q" }),
    listed({ job_id: "c", task_name: "draw", message: "frame 3 of ENCODE" }),
  ]);
  const wanted = { words: "", project: "", statuses: [] };
  assert.deepEqual(names(rows, { ...wanted, words: " encode " }).sort(), ["Encode", "draw", "encode"]);
  assert.deepEqual(names(rows, { ...wanted, words: "codec a" }), ["Encode"]);
  assert.deepEqual(names(rows, { ...wanted, project: "q" }), ["encode"]);
  assert.deepEqual(names(rows, { ...wanted, statuses: ["failed", "cancelled"] }), ["Encode"]);
  assert.deepEqual(rows.projects(), ["p", "q"]);
});

test("so many rows are kept, those that were heard of last", () => {
  const rows = new Rows();
  rows.listed(Array.from({ length: MAX_ROWS + 10 }, (_, n) => listed({ job_id: `j${n}`, updated_at: at(n) })));
  assert.equal(rows.size, MAX_ROWS);
  assert.equal(rows.get("job j0"), undefined);
  assert.ok(rows.get(`job j${MAX_ROWS + 9}`));
});

test("a place is what its address says, and what is none is nowhere", () => {
  for (const place of [
    { topic: "jobs/8f3c", key: null },
    { topic: "projects/demo", key: null },
    { topic: "projects/demo", key: "render: 50 % <b>/ü" },
    { topic: "projects/demo", key: "a:b" },
  ]) {
    assert.deepEqual(placeIn(hashOf(place)), place);
  }
  assert.equal(placeIn("#new"), "new");
  assert.deepEqual(placeIn(hashOf({ topic: "projects/p", key: "\ud800" })), { topic: "projects/p", key: "\ufffd" });
  for (const hash of ["", "#", "#demo", "#jobs/", "#jobs/a b", "#/jobs/a", "#jobs/a:%zz", "#javascript:alert(1)", `#jobs/${"a".repeat(65)}`]) {
    assert.equal(placeIn(hash), null, hash);
  }
});

test("commands name this server, with its port and its prefix", () => {
  const server = serverOf("https://live.example:8443/streamer/?a=b#jobs/j");
  const stream = { topic: "jobs/j", server, after: "5-0", asksWho: false };
  assert.equal(server, "https://live.example:8443/streamer");
  assert.equal(COMMANDS.curl(stream), "curl -N -H 'Last-Event-ID: 5-0' https://live.example:8443/streamer/api/v1/jobs/j/stream");
  assert.equal(COMMANDS.tail(stream), "streamer tail jobs/j --url https://live.example:8443/streamer --from 5-0");
  assert.match(COMMANDS.browser(stream), /import \{ createClient \} from "https:\/\/live\.example:8443\/streamer\/client\/client\.js";/u);
  assert.match(COMMANDS.python(stream), /streamer\.follow\("https:\/\/live\.example:8443\/streamer", "jobs\/j", after="5-0"\)/u);
  assert.match(COMMANDS.react(stream), /<ProgressBar jobId="j" backendUrl="https:\/\/live\.example:8443\/streamer" \/>/u);
  assert.match(COMMANDS.curl({ ...stream, topic: "chats/4/x", after: null }), /'http.*\/api\/v1\/stream\?topic=chats\/4\/x'$/u);
  assert.match(COMMANDS.curl({ ...stream, server: "http://[::1]:8000" }), /'http:\/\/\[::1\]:8000\/api\/v1\/jobs\/j\/stream'$/u);
});

test("a token is named in commands, and never shown", () => {
  const stream = { topic: "projects/p", server: "http://s", after: null, asksWho: true };
  assert.match(COMMANDS.curl(stream), /-H "Authorization: Bearer \$STREAMER_TOKEN"/u);
  assert.match(COMMANDS.python(stream), /token=os\.environ\["STREAMER_TOKEN"\]/u);
  assert.match(COMMANDS.browser(stream), /getToken: \(\) => yourToken/u);
});

test("a list of the server is asked for what is wanted, and from where", async () => {
  /** @type {string[]} */
  const asked = [];
  const get = async (/** @type {string} */ url) => {
    asked.push(url);
    return { jobs: [{ job_id: "j1" }, null, 5], next: "7:j1", projects: [{ project_id: "p" }, {}] };
  };
  const page = await jobsPage(get, "/api", { words: " a&b ", project: "p", statuses: ["failed", "cancelled"] }, "9:j9");
  assert.deepEqual([page.rows.length, page.next], [1, "7:j1"]);
  assert.deepEqual(await projectTopics(get, "/api", 9), ["projects/p"]);
  assert.deepEqual(asked, ["/api/jobs?limit=50&q=a%26b&project=p&status=failed&status=cancelled&before=9%3Aj9", "/api/projects?limit=9"]);
});
