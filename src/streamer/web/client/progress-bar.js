/**
 * What a progress bar shows and says: pure, the same for React, for the custom element and for a test.
 *
 * @module
 */

import { en } from "./texts.js";

/** @import { Texts } from "./texts.js" */
/** @import { Watched } from "./watch.js" */

/**
 * @typedef {[string, Record<string, unknown>, ...(Tree | string)[]]} Tree an element: its name, its attributes,
 *   what is in it. Class names and styles are as React wants them
 *
 * @typedef {object} Memory what was seen and said of a bar so far
 * @property {string | null | undefined} status undefined until something is known
 * @property {number} quarter of the way, 0 to 4
 * @property {number} attempt
 * @property {boolean} away whether the connection was lost
 * @property {[keyof Texts, number?] | null} said the last announcement, and its number
 *
 * @typedef {object} Look
 * @property {string | undefined} [label] what it is the progress of
 * @property {Partial<Texts> | undefined} [texts] other words
 * @property {string | undefined} [className]
 * @property {boolean | undefined} [showConnectionStatus] by default only while there is something to say of it
 * @property {() => void} [retryNow] what the button does
 */

/** @type {Memory} */
export const NOTHING_SAID = { status: undefined, quarter: 0, attempt: 0, away: false, said: null };

/** Drawn in a square of 16, as lines. The states differ by them and by a word, and only then by colour. */
const CLOCK = "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM8 5v3l2 2";
/** @type {Record<string, string>} */
const ICONS = {
  connecting: "M3 8h.1M8 8h.1M13 8h.1",
  idle: CLOCK,
  queued: CLOCK,
  running: "M5 3v10l7-5z",
  retrying: "M13 8a5 5 0 1 1-2-4M13 2v3h-3",
  stalled: "M5.5 4v8M10.5 4v8",
  completed: "M3 8.5l3.5 3.5L13 5",
  failed: "M8 2l6.5 12h-13zM8 6.5v3M8 12h.1",
  cancelled: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM4 4l8 8",
};

const OVER = ["completed", "failed", "cancelled"];

/** @returns {number | null} 0 to 100, and 100 only once that is so; null where nobody knows */
function percentOf(/** @type {Watched} */ { snapshot }) {
  const progress = snapshot?.progress;
  // 0.29 * 100 is a little less than 29.
  return typeof progress === "number" ? Math.floor(Math.min(1, Math.max(0, progress)) * 100 + 1e-9) : null;
}

/** Also while it tries again, or what is shown would flicker. */
const isAway = (/** @type {Watched} */ { state, attempts }) => state === "refused" || attempts > 0;

/**
 * What is remembered after one more look. A screen reader hears the start, each quarter, a retry and the end, not
 * each percent; what failed is said by an alert instead.
 *
 * @param {Memory} before
 * @param {Watched} now
 * @returns {Memory}
 */
export function remember(before, now) {
  const away = isAway(now);
  let { said } = before;
  if (away !== before.away) said = [away ? "waiting" : "live"];
  if (!now.snapshot) return { ...before, away, said };
  const percent = percentOf(now);
  const quarter = Math.floor((percent ?? 0) / 25);
  const status = now.snapshot.status ?? null;
  const attempt = Number(now.snapshot.attempt) || 0;
  const isFirst = before.status === undefined;
  if (status !== before.status) {
    const begins = status === "running" && !["retrying", "stalled"].includes(`${before.status}`);
    if (status === null || status === "failed" || (isFirst && OVER.includes(status))) said = null;
    else if (isFirst && quarter > 0) said = ["percent", percent ?? 0];
    else said = [/** @type {keyof Texts} */ (begins ? "started" : status)];
    if (status === "retrying" && attempt) said = ["attempt", attempt];
  } else if (status === "running" && attempt > before.attempt && before.attempt) said = ["attempt", attempt];
  else if (status === "running" && quarter > before.quarter) said = ["percent", percent ?? 0];
  return { status, quarter, attempt, away, said };
}

/**
 * The bar, as elements.
 *
 * @param {Watched} now
 * @param {Look} [look]
 * @returns {Tree}
 */
export function barOf(now, { label, texts, className, showConnectionStatus, retryNow } = {}) {
  const t = { ...en, ...texts };
  const say = (/** @type {keyof Texts} */ key, /** @type {unknown} */ n) => t[key].replace("{n}", `${n}`);
  const { snapshot, reason } = now;
  const name = label || t.label;
  const state = snapshot ? (snapshot.status ?? "idle") : "connecting";
  const isOver = OVER.includes(state);
  const percent = percentOf(now);
  const isUnknown = percent === null && (state === "running" || state === "connecting");
  const value = percent === null ? "" : say("percent", percent);
  const word = t[/** @type {keyof Texts} */ (state)] ?? state;
  const words = [word, Number(snapshot?.attempt) > 1 && !isOver && say("attempt", snapshot?.attempt), !isOver && snapshot?.message]
    .filter(Boolean)
    .join(" · ");
  const link = /** @type {keyof Texts} */ (now.state === "refused" || now.state === "polling" ? now.state : isAway(now) ? "waiting" : isOver || now.isConnected || now.state === "ended" ? "live" : "connecting");
  const failures = [
    state === "failed" && `${t.failed}: ${snapshot?.error || snapshot?.message || name}`,
    now.state === "refused" && `${t.refused}${reason ? `: ${reason}` : ""}`,
  ].filter(Boolean);
  const isLinkShown = (showConnectionStatus ?? (isAway(now) && !isOver)) && now.state !== "refused";
  const [key, n] = now.memory.said ?? [];
  const block = (/** @type {string} */ part, /** @type {Record<string, unknown>} */ more, /** @type {(Tree | string)[]} */ ...inside) =>
    /** @type {Tree} */ (["div", { part, ...more }, ...inside]);
  return [
    "div",
    { className: ["streamer-progress", className].filter(Boolean).join(" "), part: "bar", "data-state": state, "data-connection": now.state },
    block(
      "head",
      {},
      ["svg", { viewBox: "0 0 16 16", width: "16", part: "icon", "aria-hidden": "true" }, ["path", { d: ICONS[state] ?? ICONS.idle }]],
      ["span", { part: "label" }, name],
      ["span", { part: "value", "aria-hidden": "true" }, value],
    ),
    block(
      "track",
      {
        role: "progressbar",
        "aria-label": name,
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-valuenow": percent === null ? undefined : `${percent}`,
        "aria-valuetext": [value, words].filter(Boolean).join(", "),
        "data-unknown": isUnknown ? "" : undefined,
      },
      block("fill", { style: { inlineSize: isUnknown ? "" : `${percent ?? 0}%` } }),
    ),
    block("text", { hidden: state === "failed" }, words),
    block("alert", { role: "alert" }, failures.join(" · ")),
    block(
      "link",
      { hidden: !isLinkShown },
      ["span", {}, t[link], ": ".slice(isAway(now) && reason ? 0 : 2), ["bdi", {}, (isAway(now) && reason) || ""]],
      ["button", { type: "button", part: "retry", hidden: !isAway(now), onClick: retryNow }, t.retry],
    ),
    block("said", { role: "status" }, key ? `${name}: ${say(key, n)}` : ""),
  ];
}
