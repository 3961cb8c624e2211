/**
 * Vue 3: what is known of a topic, as a shallow ref.
 *
 * @module
 */

import { onScopeDispose, shallowRef } from "vue";

import { watch } from "./watch.js";

/** @import { ShallowRef } from "vue" */
/** @import { Watched, WatchOptions } from "./watch.js" */

/**
 * `const upload = useTopic("jobs/8f3c")`, then `{{ upload.snapshot?.progress }}`; it ends with its component.
 *
 * @param {string | string[]} topics
 * @param {WatchOptions} [options]
 * @returns {Readonly<ShallowRef<Watched>>}
 */
export function useTopic(topics, options) {
  const watched = watch(topics, options);
  const now = shallowRef(watched.get());
  onScopeDispose(watched.subscribe(() => {
    now.value = watched.get();
  }));
  return now;
}
