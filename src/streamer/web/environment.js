/**
 * What the client needs of the browser (or of Node), so that a test can hold it.
 *
 * @module
 */

/** @import { Opener } from "./stream.js" */

/**
 * @typedef {object} Environment the browser, as much of it as a client needs
 * @property {new (url: string, protocols: string[]) => Pick<WebSocket, "close" | "onclose" | "onmessage" | "readyState" | "send">} WebSocket
 * @property {(url: string, init: RequestInit) => Promise<Pick<Response, "json" | "ok" | "status"> & Partial<Pick<Response, "body" | "headers">>>} fetch
 * @property {(call: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 * @property {(call: () => void, ms: number) => number} setInterval
 * @property {(timer: number) => void} clearInterval
 * @property {() => number} random from 0 to 1
 * @property {() => number} now milliseconds since 1970
 * @property {() => boolean} online false where the browser knows that there is no network
 * @property {(type: string, fn: (event: Event) => void) => () => void} listen to the window; returns what ends it
 * @property {{[name: string]: Opener}} [openers] ways to open a connection, in place of our own
 * @property {Pick<LockManager, "request"> | undefined} [locks] absent where there are none
 * @property {(new (name: string) => Channel) | undefined} [BroadcastChannel] absent where there is none
 * @property {Pick<Storage, "getItem" | "setItem">} [sessionStorage] absent where there is none
 * @property {IDBFactory} [indexedDB] absent where there is none
 *
 * @typedef {Pick<BroadcastChannel, "close" | "onmessage" | "postMessage">} Channel
 */

/** @returns {Environment} the browser's own */
export function browser() {
  const g = globalThis;
  return {
    WebSocket: g.WebSocket,
    // Bound: a browser refuses these as methods of any other object.
    fetch: g.fetch.bind(g),
    setTimeout: g.setTimeout.bind(g),
    clearTimeout: g.clearTimeout.bind(g),
    setInterval: g.setInterval.bind(g),
    clearInterval: g.clearInterval.bind(g),
    random: Math.random,
    now: Date.now,
    online: () => g.navigator?.onLine !== false,
    // In a page alone: a worker or Node has no tabs.
    locks: g.document && g.navigator?.locks,
    BroadcastChannel: g.document && g.BroadcastChannel,
    listen(type, fn) {
      // While it is captured: some are the document's, and do not bubble.
      g.addEventListener?.(type, fn, true);
      return () => g.removeEventListener?.(type, fn, true);
    },
  };
}
