// What the page and the client make of sequences of events, for a test in Python.
//
// On stdin a line of JSON for each: the `topic` and the `bodies`, and `looks`, after how many of
// them the states are asked for. On stdout a line for each: a list of both, one for each look.

import { readFileSync } from "node:fs";

import { fold } from "../../src/streamer/web/client/fold.js";
import { NO_JOBS, foldEvent } from "../../src/streamer/web/jobs.js";
import { shownFields } from "./shown-fields.mjs";

/** @import { Body } from "../../src/streamer/web/client/wire.d.ts" */

for (const line of readFileSync(0, "utf-8").trimEnd().split("\n")) {
  /** @type {{topic: string, bodies: Body[], looks: number[]}} */
  const { topic, bodies, looks } = JSON.parse(line);
  let jobs = NO_JOBS;
  /** @type {any} */
  let snapshot = {};
  const seen = [];
  for (const [n, body] of bodies.entries()) {
    jobs = foldEvent(jobs, body);
    snapshot = fold(snapshot, topic, body);
    if (looks.includes(n + 1)) seen.push([shownFields(jobs), { ...snapshot, cursor: null, order: Object.keys(snapshot.jobs ?? {}) }]);
  }
  console.log(JSON.stringify(seen));
}
