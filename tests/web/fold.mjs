// What `src/streamer/web/jobs.js` makes of many sequences of events, for a test in Python.
//
// On stdin a line of JSON for each: the `snapshot` that a page begins with, or null, the
// `bodies` that follow, and `looks`, after how many of them the jobs are asked for. On
// stdout a line for each: a list of their fields, one for each look.

import { readFileSync } from "node:fs";

import { NO_JOBS, foldEvent, foldSnapshot } from "../../src/streamer/web/jobs.js";
import { shownFields } from "./shown-fields.mjs";

/** @import { Body } from "../../src/streamer/web/client/wire.d.ts" */

for (const line of readFileSync(0, "utf-8").trimEnd().split("\n")) {
  /** @type {{snapshot: unknown, bodies: Body[], looks: number[]}} */
  const { snapshot, bodies, looks } = JSON.parse(line);
  let jobs = foldSnapshot(NO_JOBS, snapshot);
  const seen = [];
  for (let n = 0; n <= bodies.length; n += 1) {
    const body = bodies[n - 1];
    if (body !== undefined) jobs = foldEvent(jobs, body);
    if (looks.includes(n)) seen.push(shownFields(jobs));
  }
  console.log(JSON.stringify(seen));
}
