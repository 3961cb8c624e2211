/**
 * Svelte: what is known of a topic, as a readable store.
 *
 * @module
 */

import { sharedClient } from "./shared.js";
import { watch } from "./watch.js";

/** @import { ClientLike, Watched, WatchOptions } from "./watch.js" */

/**
 * `const upload = topic("jobs/8f3c")`, then `{$upload.snapshot?.progress}`; it is connected while it is used.
 *
 * @param {string | string[]} topics
 * @param {WatchOptions & {client?: ClientLike, url?: string}} [options]
 * @returns {{subscribe: (run: (now: Watched) => void) => () => void}}
 */
export function topic(topics, { client, url, ...options } = {}) {
  const watched = watch(() => client ?? sharedClient(url), topics, options);
  return {
    subscribe(run) {
      run(watched.get());
      return watched.subscribe(() => run(watched.get()));
    },
  };
}
