/**
 * What a stream needs of the browser, so that a test can hold it.
 *
 * @module
 */

/**
 * @typedef {object} Environment the browser, as much of it as a stream needs
 * @property {new (url: string) => Pick<EventSource, "close" | "onerror" | "onmessage" | "readyState">} EventSource
 * @property {new (url: string, protocols: string[]) => Pick<WebSocket, "close" | "onclose" | "onmessage" | "readyState" | "send">} WebSocket
 * @property {(url: string, init: RequestInit) => Promise<Pick<Response, "json" | "ok" | "status">>} fetch
 * @property {(call: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 * @property {(call: () => void, ms: number) => number} setInterval
 * @property {(timer: number) => void} clearInterval
 * @property {() => number} random from 0 to 1
 * @property {() => number} now milliseconds since 1970
 */

/** @returns {Environment} the browser's own */
export function browser() {
  return {
    EventSource: globalThis.EventSource,
    WebSocket: globalThis.WebSocket,
    // Bound: a browser refuses these as methods of any other object.
    fetch: globalThis.fetch.bind(globalThis),
    setTimeout: globalThis.setTimeout.bind(globalThis),
    clearTimeout: globalThis.clearTimeout.bind(globalThis),
    setInterval: globalThis.setInterval.bind(globalThis),
    clearInterval: globalThis.clearInterval.bind(globalThis),
    random: Math.random,
    now: Date.now,
  };
}
