/**
 * Svelte: what is known of a topic, as a readable store.
 *
 * @module
 */

import { readable } from "svelte/store";

import { watch } from "./watch.js";

/** @import { Readable } from "svelte/store" */
/** @import { Watched, WatchOptions } from "./watch.js" */

/**
 * `const upload = topic("jobs/8f3c")`, then `{$upload.snapshot?.progress}`; it is connected while it is used.
 *
 * @param {string | string[]} topics
 * @param {WatchOptions} [options]
 * @returns {Readable<Watched>}
 */
export function topic(topics, options) {
  const watched = watch(topics, options);
  return readable(watched.get(), (set) => watched.subscribe(() => set(watched.get())));
}
