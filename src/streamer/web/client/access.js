/**
 * Requests, each with the token of its moment; why one failed, and when to try again.
 *
 * @module
 */

/**
 * @typedef {"connect" | "expiring" | "unauthorized"} Why what a token is wanted for: a connection; one that is
 *   open, and whose token ends soon; one that was refused, with the token before or without one
 *
 * @typedef {object} Outcome why there is no answer, or how a connection ended
 * @property {"ended" | "refused" | "unauthorized" | false | undefined} [reason] ended: no more will come; refused: the same
 *   request will be refused again; unauthorized: it will be with the same token; none: it was lost, come back
 * @property {string} [message] one sentence
 * @property {number | undefined} [wait] milliseconds; none, 0 or NaN: back off
 * @property {string | undefined} [topic] the one that is refused, where others may not be
 *
 * @typedef {(path: string, init?: RequestInit) => Promise<Response>} Ask rejects with an {@link Outcome}, which is an
 *   `Error`, or as `fetch` does
 *
 * @typedef {(why?: Why) => Promise<{token: string | null | undefined, ask: Ask}>} Authorize
 */

/** Milliseconds before another attempt, unless the server said; doubled for each that fails. */
export const FIRST_RETRY_MS = 500;
/** Milliseconds between attempts at most: a server that is back is found within this time. */
const MAX_RETRY_MS = 15_000;

/**
 * How long to wait before another attempt, in milliseconds: with jitter, or all readers of a server that was away come
 * back in the same instant.
 */
export const backOff = (/** @type {number} */ failures, first = FIRST_RETRY_MS) => Math.min(MAX_RETRY_MS, first * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);

/**
 * What the server has against it: a problem over HTTP, `refused` over WebSocket, `reconnect` and `expired` on any stream.
 * Whatever is none of them may be a proxy's word, which is not the last.
 *
 * @returns {Error & Outcome}
 */
export const refusal = (/** @type {any} */ { status, detail = `The server answered ${status}.`, retry, retry_after, retry_ms = retry_after * 1000, topic }) =>
  Object.assign(new Error(detail), {
    reason: status === 204 ? /** @type {const} */ ("ended") : status === 401 ? /** @type {const} */ ("unauthorized") : retry === false && /** @type {const} */ ("refused"),
    wait: retry_ms,
    topic,
  });

/**
 * @param {string} api the server's address, up to /api/v1
 * @param {((why: Why) => string | null | Promise<string | null>) | undefined} getToken
 * @param {Record<string, string> | undefined} headers
 * @param {typeof globalThis.fetch} fetch
 * @returns {Authorize}
 */
export const accessTo = (api, getToken, headers, fetch) => async (why = "connect") => {
  const token = await getToken?.(why);
  return {
    token,
    async ask(path, init) {
      const answer = await fetch(api + path, {
        cache: "no-store",
        ...init,
        headers: { ...headers, .../** @type {Record<string, string>} */ (init?.headers), ...(token && { Authorization: `Bearer ${token}` }) },
      });
      const { status, ok } = answer;
      if (ok && status !== 204) return answer;
      throw refusal({ ...(await answer.json().catch(() => null)), status, retry_after: answer.headers.get("Retry-After") });
    },
  };
};
