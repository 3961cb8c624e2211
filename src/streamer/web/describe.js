/**
 * One line of plain words for an event, a control or a state of the connection.
 *
 * @module
 */

import { numberOf, objectOf, textOf } from "./fields.js";

/** @import { Body } from "./client/wire.d.ts" */

/** Characters of one line at most; the rest can be read on the wire. */
const MAX_LENGTH = 240;

/** @type {[number, string][]} seconds, and their unit */
const AGES = [[86_400, "d"], [3600, "h"], [60, "min"]];

/** Said elsewhere on the line, or the same on each. */
const COMMON = new Set([
  "id", "type", "topic", "timestamp", "project_id", "job_id", "task_name", "attempt",
]);

/**
 * @param {Body} body
 * @returns {string}
 */
export function describe(body) {
  return shortened(words(body));
}

/** @returns {string} such as `42 %` */
export function percent(/** @type {number} */ fraction) {
  // 0.57 * 100 is a little less than 57.
  return `${Math.floor(fraction * 100 + 1e-9)} %`;
}

/** @returns {string} such as `0:07` or `1:02:03` */
export function clock(/** @type {number} */ seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((n) => String(n).padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${parts.join(":")}` : parts.join(":").replace(/^0/, "");
}

/** @returns {string} how long ago, such as `12 s` or `3 d` */
export function age(/** @type {number} */ seconds) {
  for (const [size, unit] of AGES) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

function words(/** @type {Body} */ body) {
  switch (body.type) {
    case "progress":
      return joined(body.task_name, progressed(body), body.message);
    case "status":
      return joined(body.task_name, body.status, attempted(body), body.message);
    case "error":
      return joined(body.task_name, body.error);
    case "completed":
      if (textOf(body.result_omitted)) return joined(body.task_name, `its result is left out: ${body.result_omitted}`);
      return joined(body.task_name, objectOf(body.result).url ?? rest({ result: body.result }));
    case "log":
      return logged(body);
    case "connected":
      return body.resumed ? `Resumed after ${textOf(body.cursor)}` : `First visit, from ${textOf(body.cursor)} on`;
    case "caught_up":
      return "Replay is over; live from here";
    case "gap":
      return `Lost, ${textOf(body.reason)}: the events after ${textOf(body.after)} up to ${textOf(body.until)}`;
    case "end":
      return `No more will come: ${textOf(body.reason)}`;
    case "expiring":
      return `The token ends at ${textOf(body.expires_at)}`;
    case "expired":
      return joined("The stream has ended", body.detail);
    case "refreshed":
      return "A new token was taken";
    case "reconnect":
      return `The server is going away; back in ${((numberOf(body.retry_ms) ?? 0) / 1000).toFixed(1)} s`;
    default:
      return rest(body);
  }
}

function joined(/** @type {unknown[]} */ ...parts) {
  return parts.map(textOf).filter((part) => part !== null && part !== "").join(" · ");
}

/** The lines of a job's log; anybody else's event of this type as it is. */
function logged(/** @type {Body} */ body) {
  const lines = Array.isArray(body.lines) ? body.lines.map((line) => textOf(objectOf(line).text)) : [];
  if (lines.length === 0 || lines.includes(null)) return rest(body);
  const before = numberOf(body.left_out);
  return joined(body.task_name, before ? `${before} lines left out` : null, ...lines);
}

function progressed(/** @type {Body} */ { progress }) {
  const fraction = numberOf(progress);
  return fraction === null ? progress : percent(fraction);
}

function attempted(/** @type {Body} */ { attempt }) {
  return (numberOf(attempt) ?? 0) > 1 ? `attempt ${attempt}` : undefined;
}

function rest(/** @type {object} */ fields) {
  const own = Object.entries(fields).filter(([name]) => !COMMON.has(name));
  return own.length > 0 ? JSON.stringify(Object.fromEntries(own)) : "";
}

function shortened(/** @type {string} */ text) {
  const line = text.replace(/\s+/gu, " ");
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH - 1)}…`;
}
