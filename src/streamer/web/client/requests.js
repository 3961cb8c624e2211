/**
 * Short requests about a reader, answered with JSON: each has an end, and is made once more with another token.
 *
 * @module
 */

import { accessTo } from "./access.js";

/** @import { Outcome } from "./access.js" */
/** @import { ClientOptions } from "./client.js" */

/**
 * @typedef {Pick<ClientOptions, "url" | "getToken" | "headers" | "environment">} RequestOptions those that the client was made with
 *
 * @typedef {(path: string, init?: RequestInit) => Promise<any>} Request `path` is after `/api/v1`; rejects with an
 *   {@link Outcome}, which is an `Error`, or as `fetch` does
 */

/** Milliseconds for an answer. */
const ANSWER_MS = 30_000;

/**
 * @param {RequestOptions} options
 * @returns {Request}
 */
export function requestsTo({ url = "", getToken, headers, environment = {} }) {
  const api = new URL(`${url.replace(/\/$/u, "")}/api/v1`, globalThis.location?.href).href;
  const authorize = accessTo(api, getToken, headers, environment.fetch ?? globalThis.fetch);
  return async function request(path, { signal, ...init } = {}) {
    const ends = new AbortController();
    const end = () => ends.abort();
    const timer = setTimeout(end, ANSWER_MS);
    signal?.addEventListener("abort", end);
    const ask = async (/** @type {"connect" | "unauthorized"} */ why) => {
      signal?.throwIfAborted();
      const access = await authorize(why);
      return access.ask(path, { ...init, ...(init.body ? { headers: { "Content-Type": "application/json" } } : {}), signal: ends.signal });
    };
    try {
      const answer = await ask("connect").catch((/** @type {Outcome} */ error) => {
        if (error.reason !== "unauthorized" || !getToken) throw error;
        return ask(error.reason);
      });
      return await answer.json();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  };
}
