// `fetch` over a line that is cut, as a browser tells it: by a TypeError.

/**
 * What `cuts` says of each request, in order: after how many bytes of its answer's body it is cut; -1: before
 * it is answered at all. What is asked after the last of them is not cut.
 */
export function cutting(cuts, real = fetch) {
  return async (url, init = {}) => {
    const cut = cuts.shift();
    if (cut === undefined) return real(url, init);
    const line = new AbortController();
    const signals = [line.signal, init.signal].filter((signal) => signal);
    const response = await real(url, { ...init, signal: AbortSignal.any(signals) });
    if (cut < 0) {
      line.abort();
      throw new TypeError("fetch failed");
    }
    if (response.body === null) return response;
    const reader = response.body.getReader();
    let left = cut;
    let isCut = false;
    const body = new ReadableStream({
      async pull(controller) {
        if (isCut) return controller.error(new TypeError("network error"));
        const { done, value } = await reader.read();
        if (done) return controller.close();
        isCut = value.length > left;
        controller.enqueue(isCut ? value.subarray(0, left) : value);
        left -= value.length;
        if (isCut) line.abort();
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, response);
  };
}
