/**
 * What becomes of a page: left, kept for "back", frozen, shown again, without a network and with one.
 *
 * @module
 */

/**
 * @typedef {object} Living
 * @property {() => void} wake connect at once
 * @property {() => void} sleep have no connection until then
 * @property {AbortSignal} signal of its end
 */

export function watchPage(/** @type {Living} */ { wake, sleep, signal }) {
  const happened = {
    online: wake,
    pageshow: wake,
    // A page may be frozen and resumed without being seen.
    resume: wake,
    visibilitychange: () => document.hidden || wake(),
    pagehide: sleep,
    freeze: sleep,
  };
  // While they are captured: some are the document's, and do not bubble.
  for (const [type, call] of Object.entries(happened)) globalThis.addEventListener?.(type, call, { capture: true, signal });
}
