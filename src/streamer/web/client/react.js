/**
 * React 18 and 19: hooks that watch jobs, projects and topics, and a progress bar.
 *
 * However many components use them, the page has one connection to each server; StrictMode's second mount costs none.
 * A component is drawn at most once a frame, callbacks are called for every event.
 *
 * @module
 */

import * as React from "react";

import { barOf } from "./progress-bar.js";
import { adoptStyles } from "./styles.js";
import { topicOf, watch } from "./watch.js";

/** @import { Look } from "./progress-bar.js" */
/** @import { Body, ClientLike, Watched, WatchOptions } from "./watch.js" */

/**
 * @typedef {object} Where
 * @property {string | undefined} [backendUrl] of the server; by default the page's own
 * @property {ClientLike | undefined} [client] in place of the page's own: with a token, of another server
 *
 * @typedef {object} Calls
 * @property {((body: Body) => void) | undefined} [onMessage] every event
 * @property {((progress: number, message: string) => void) | undefined} [onProgress] `progress` is 0.0 to 1.0
 * @property {((result: any) => void) | undefined} [onCompleted]
 * @property {((error: string) => void) | undefined} [onError]
 *
 * @typedef {Pick<WatchOptions, "autoReconnect" | "maxReconnectAttempts" | "pollingFallback" | "pollingInterval">} Reconnecting
 *
 * @typedef {Reconnecting & {projectId: string | null | undefined}} Older options of an older hook
 *
 * @typedef {object} Known what is known of one topic: the fields of its snapshot
 * @property {string | null} status
 * @property {number | null} progress 0.0 to 1.0
 * @property {string | null} message
 * @property {any} result
 * @property {string | null} error
 * @property {number | null} attempt
 * @property {Record<string, any>} jobs by id; empty for a job's own topic
 *
 * @typedef {Known & Watched & {retryNow: () => void}} Hooked
 *
 * @typedef {Where & Pick<Look, "label" | "texts" | "className" | "showConnectionStatus"> & Pick<Calls, "onCompleted" | "onError"> &
 *   {[name in "projectId" | "jobId" | "topic"]?: string | null | undefined}} ProgressBarProps
 */

/** The client of all components within: `createElement(StreamerContext.Provider, {value: client}, …)`. */
export const StreamerContext = React.createContext(/** @type {ClientLike | null} */ (null));

/** @type {Known} */
const NOTHING = { status: null, progress: null, message: null, result: null, error: null, attempt: null, jobs: {} };

/**
 * @param {string | string[] | null | undefined} topics none: nothing is watched
 * @param {Where & WatchOptions} options its functions may be others each time
 * @returns {Hooked}
 */
function useWatch(topics, options) {
  const { from, persist, backendUrl } = options;
  const around = React.useContext(StreamerContext);
  const client = options.client ?? around;
  const watched = React.useMemo(
    () => watch(topics, { ...options, client, url: backendUrl }),
    [client, backendUrl, `${topics}`, from, persist],
  );
  React.useInsertionEffect(() => {
    watched.options = options;
  });
  const now = React.useSyncExternalStore(watched.subscribe, watched.get, watched.get);
  return { ...NOTHING, ...now.snapshot, ...now, retryNow: watched.retryNow };
}

/**
 * @param {string} topic
 * @param {Where & Calls & WatchOptions} options
 */
function useTopic(topic, { onMessage, onProgress, onCompleted, onError, ...options }) {
  const tell = (/** @type {unknown} */ how, /** @type {Record<string, any>} */ { result, error }) => {
    if (how === "completed") onCompleted?.(result);
    if (how === "failed" || how === "error") onError?.(error ?? "");
  };
  return useWatch(topic, {
    ...options,
    onEvent(body) {
      onMessage?.(body);
      if (body.type === "progress") onProgress?.(body.progress, body.message ?? "");
      tell(body.type, body);
    },
    onSnapshot(snapshot) {
      // Over before anybody watched. What is over in a project may be yesterday's, and is told by its status alone.
      if (topic.startsWith("jobs/")) tell(snapshot.status, snapshot);
    },
  });
}

/**
 * One job. `onCompleted` and `onError` are called too if it was over before.
 *
 * @param {string | null | undefined} jobId none: nothing is watched
 * @param {Where & Calls & Reconnecting} [options]
 */
export const useJob = (jobId, options = {}) => useTopic(topicOf("", jobId), options);

/**
 * One project, and whatever is published to it.
 *
 * @param {string | null | undefined | Where & Calls & Older} project its id; or the options of the older hook
 * @param {Where & Calls & Reconnecting} [options]
 */
export function useProject(project, options) {
  const { projectId, ...more } = /** @type {Where & Calls & Older} */ (
    typeof project === "object" && project ? project : { projectId: project, ...options }
  );
  return useTopic(topicOf("", "", projectId), more);
}

/**
 * The events of some topics, reduced to a value: by default a list of the last of them.
 *
 * @template [T=Body[]]
 * @param {string | string[] | null | undefined} topics none: nothing is watched
 * @param {Where & Reconnecting & {from?: string, persist?: false | "session" | "device", reduce?: (value: T, body: Body) => T,
 *   initial?: T, limit?: number}} [options] `limit`: how many are in the list, by default 100
 * @returns {Hooked & {value: T}}
 */
export const useStream = (topics, { limit = 100, ...options } = {}) =>
  useWatch(topics, { reduce: (events, body) => [...events, body].slice(-limit || Infinity), initial: [], ...options });

/**
 * A progress bar that says what it shows, to people who see it and to people who hear it.
 *
 * @param {ProgressBarProps} props one of `projectId`, `jobId` and `topic`
 */
export function ProgressBar({ projectId, jobId, topic, ...props }) {
  const now = useTopic(topicOf(topic, jobId, projectId), props);
  React.useInsertionEffect(() => adoptStyles(document), []);
  return barOf(React.createElement, now, props, now.retryNow);
}
