/**
 * Vue 3: what is known of a topic, as a shallow ref.
 *
 * @module
 */

import { onScopeDispose, shallowRef } from "vue";

import { sharedClient } from "./shared.js";
import { UNKNOWN, watch } from "./watch.js";

/** @import { ShallowRef } from "vue" */
/** @import { ClientLike, Watched, WatchOptions } from "./watch.js" */

/**
 * `const upload = useTopic("jobs/8f3c")`, then `{{ upload.snapshot?.progress }}`; it ends with its component.
 *
 * @param {string | string[]} topics
 * @param {WatchOptions & {client?: ClientLike, url?: string}} [options]
 * @returns {Readonly<ShallowRef<Watched>>}
 */
export function useTopic(topics, { client, url, ...options } = {}) {
  const watched = watch(() => client ?? sharedClient(url), topics, options);
  const now = shallowRef({ ...UNKNOWN, value: options.initial });
  // On a server nothing is watched.
  if (globalThis.document) {
    onScopeDispose(watched.subscribe(() => {
      now.value = watched.get();
    }));
  }
  return now;
}
