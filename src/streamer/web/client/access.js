/**
 * Requests, each with the token of its moment.
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
 *
 * @typedef {(path: string, init?: RequestInit) => Promise<Response>} Ask rejects with an {@link Outcome}, which is an
 *   `Error`, or as `fetch` does
 *
 * @typedef {(why?: Why) => Promise<{token: string | null | undefined, ask: Ask}>} Authorize
 */

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
      const problem = ok || (await answer.json().catch(() => null));
      throw Object.assign(new Error(problem?.detail ?? `The server answered ${status}.`), {
        // Whatever is no problem of ours may be a proxy's word, which is not the last.
        reason: ok ? "ended" : status === 401 ? "unauthorized" : problem?.retry === false ? "refused" : undefined,
        wait: Number(answer.headers.get("Retry-After")) * 1000,
      });
    },
  };
};
