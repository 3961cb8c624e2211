/**
 * What is wanted of the server, on one connection: the topics, and the position from which each is.
 *
 * @module
 */

import { isAfter } from "./order.js";
import { Stream } from "./stream.js";

/** @import { Environment } from "./environment.js" */
/** @import { StateDetail, TokenSource, Transport } from "./stream.js" */
/** @import { Body } from "./wire.d.ts" */

/**
 * @typedef {Map<string, string | null | undefined>} Wants by topic the position to begin after; null: from now on;
 *   undefined: that of the connection *
 * @typedef {StateDetail & {transport: Transport}} LinkState
 *
 * @typedef {object} Hooks
 * @property {(body: Body) => void} receive every event and control
 * @property {(state: LinkState) => void} state
 * @property {() => void} [heard]
 *
 * @typedef {object} Source
 * @property {(wants: Wants, isFresh?: boolean) => void} want fresh: somebody has no position yet, and waits for `connected`
 * @property {() => void} retry connect at once where it is waiting to
 * @property {() => unknown} wake the page is back: see whether the connection still is
 * @property {() => void} sleep disconnect for as long as the page is kept for "back"
 * @property {() => void} close
 *
 * @typedef {object} LinkOptions
 * @property {string} api the server's address, up to /api/v1
 * @property {Transport | "auto"} transport
 * @property {TokenSource | null} token
 * @property {Record<string, string>} headers
 * @property {number} maxAttempts
 * @property {Partial<Environment>} environment
 */

/**
 * @param {LinkOptions} options
 * @param {Hooks} hooks
 * @returns {Source}
 */
export function openLink({ api, ...options }, hooks) {
  /** @type {Stream | null} */
  let stream = null;
  let topics = "";
  const tell = (/** @type {StateDetail} */ detail) =>
    hooks.state({ ...detail, transport: stream?.transport ?? "sse" });

  function begin(/** @type {string} */ address, /** @type {string | null} */ cursor) {
    const mine = new Stream(address, { ...options, lastEventId: cursor });
    stream = mine;
    for (const type of ["event", "control", "state", "heard"]) {
      mine.addEventListener(type, (event) => {
        const { detail } = /** @type {CustomEvent} */ (event);
        if (mine !== stream) return;
        if (type === "state") tell(detail);
        else if (type === "heard") hooks.heard?.();
        else hooks.receive(detail.body);
      });
    }
    mine.open();
  }

  function stop() {
    const last = stream;
    stream = null;
    topics = "";
    last?.close();
  }

  return {
    want(wants, isFresh = false) {
      const names = [...wants.keys()].sort();
      if (names.length === 0) return stop();
      /** @type {string | null} */
      let lowest = stream?.lastEventId ?? null;
      let isNew = false;
      for (const cursor of wants.values()) {
        if (!cursor) continue;
        if (lowest === null || isAfter(lowest, cursor)) {
          lowest = cursor;
          isNew = true;
        }
      }
      const address = `${api}/stream?${names.map((name) => `topic=${name}`).join("&")}`;
      if (stream === null) begin(address, lowest);
      else if (address !== topics || isNew || isFresh) stream.move(address, lowest);
      topics = address;
    },
    retry: () => stream?.open(),
    wake: () => stream?.wake(),
    sleep: () => stream?.close(),
    close: stop,
  };
}
