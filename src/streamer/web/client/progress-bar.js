/**
 * What a progress bar shows and says: pure, the same for React, for the custom element and for a test.
 *
 * @module
 */

import { en } from "./texts.js";
import { OVER } from "./watch.js";

/** @import { Texts } from "./texts.js" */
/** @import { Watched } from "./watch.js" */

/**
 * @typedef {(name: string, attributes: Record<string, any>, ...inside: any[]) => any} Make makes an element of what is in
 *   it: elements, or one text. Attributes are as React wants them; what is empty is not one
 *
 * @typedef {object} Look
 * @property {string | undefined} [label] what it is the progress of
 * @property {Partial<Texts> | undefined} [texts] other words
 * @property {string | undefined} [className]
 * @property {boolean | undefined} [showConnectionStatus] by default only while there is something to say of it
 */

/**
 * Of each state a sign that no system draws as an emoji. States differ by it and by a word, and only then by colour.
 *
 * @type {Record<string, string>}
 */
const SIGNS = { running: "●", retrying: "↻", stalled: "‖", completed: "✓", failed: "!", cancelled: "×" };

const join = (/** @type {string} */ separator, /** @type {any[]} */ ...words) => words.filter(Boolean).join(separator);

/**
 * The bar, as elements. A screen reader hears the start, each quarter, a retry and the end, not each percent; what failed
 * or was refused it hears as an alert instead.
 *
 * @param {Make} make
 * @param {Watched} now
 * @param {Look} look
 * @param {() => void} [retryNow] what the button does
 * @returns {any} what `make` made of the outermost
 */
export function barOf(make, now, { label, texts, className, showConnectionStatus }, retryNow) {
  /** @type {Record<string, string>} */
  const t = { ...en, ...texts };
  const say = (/** @type {string} */ key, /** @type {unknown} */ n = "") => (t[key] ?? key).replace("{n}", `${n}`);
  const { snapshot, state: link, reason, reconnectAttempts, isConnected, hasRun } = now;
  const { status, progress, attempt, message, error } = snapshot ?? {};
  const name = label || t.label;
  const isRefused = link === "refused";
  // Also while it tries again, or what is shown would flicker.
  const isLost = link === "waiting" || reconnectAttempts > 0;
  const state = snapshot ? (status ?? "idle") : isRefused ? link : isLost ? "waiting" : "connecting";
  const isFailed = state === "failed";
  const isOver = OVER.includes(state);
  // 100 only once it is so, while 0.29 * 100 is a little less than 29.
  const percent = progress == null ? undefined : `${Math.floor(progress * 100 + 1e-9)}`;
  const isUnknown = !percent && (state === "running" || (!snapshot && !isRefused));
  const value = percent ? say("percent", percent) : "";
  const again = attempt > 1 && !isOver && say("attempt", attempt);
  const words = join(" · ", say(state), again, !isOver && message);
  const quarter = state === "running" && Math.floor(progress * 4) * 25;
  const said = isRefused || isFailed || !hasRun ? "" : isLost ? t.waiting : quarter ? say("percent", quarter) : join(", ", say(state), again);
  const isLinkHidden = !(showConnectionStatus ?? (isLost || isRefused)) || (isOver && !isConnected);
  const block = (/** @type {string} */ part, /** @type {any} */ more, /** @type {any[]} */ ...inside) => make("div", { part, ...more }, ...inside);
  return block(
    "bar",
    { className, "data-streamer": state },
    block(
      "head",
      { "aria-hidden": "true" },
      make("b", { part: "icon" }, SIGNS[state] ?? "○"),
      make("b", { part: "label" }, name),
      make("span", { part: "value" }, value),
    ),
    block(
      "track",
      {
        role: "progressbar",
        "aria-label": name,
        "aria-valuenow": percent,
        "aria-valuetext": join(", ", value, words),
      },
      block(isUnknown ? "fill unknown" : "fill", { style: { inlineSize: isUnknown ? null : `${percent ?? 0}%` } }),
    ),
    block("text", {}, isFailed || (!snapshot && !isLinkHidden) ? "" : words),
    block(
      "alert",
      { role: "alert" },
      make("bdi", {}, join(" · ", isFailed && join(": ", t.failed, error || message || name), isRefused && join(": ", t.refused, reason))),
    ),
    block(
      "link",
      { hidden: isLinkHidden },
      make("bdi", {}, isRefused ? "" : isLost ? join(": ", t.waiting, reason) : link === "polling" ? t.polling : isConnected ? t.live : t.connecting),
      make("button", { part: "retry", type: "button", hidden: !isLost && !isRefused, onClick: retryNow }, t.retry),
    ),
    block("said", { role: "status" }, said && `${name}: ${said}`),
  );
}
