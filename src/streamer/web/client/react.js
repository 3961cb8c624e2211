/**
 * React 18 and 19: hooks that watch jobs, projects and topics, and a progress bar.
 *
 * However many components use them, the page has one connection to each server; StrictMode's second mount costs none.
 * A component is drawn at most once a frame, callbacks are called for every event.
 *
 * @module
 */

import {
  createContext, createElement, useContext, useEffect, useInsertionEffect, useMemo, useRef, useState, useSyncExternalStore,
} from "react";

import { barOf } from "./progress-bar.js";
import { sharedClient } from "./shared.js";
import { UNKNOWN, watch } from "./watch.js";

/** @import { ReactElement } from "react" */
/** @import { Look, Tree } from "./progress-bar.js" */
/** @import { Body, ClientLike, Watched, WatchOptions } from "./watch.js" */

/**
 * @typedef {object} Where
 * @property {string} [backendUrl] of the server; by default the page's own
 * @property {ClientLike} [client] in place of the page's own: with a token, of another server
 *
 * @typedef {object} Calls
 * @property {((body: Body) => void) | undefined} [onMessage] every event
 * @property {((progress: number, message: string) => void) | undefined} [onProgress] `progress` is 0.0 to 1.0
 * @property {((result: any) => void) | undefined} [onCompleted]
 * @property {((error: string) => void) | undefined} [onError]
 *
 * @typedef {object} Older options of an older hook
 * @property {string} projectId
 * @property {boolean} [autoReconnect] false: give up when the connection is lost. Default: never give up
 * @property {number} [maxReconnectAttempts] give up after so many in a row, where `pollingFallback` is false
 * @property {boolean} [pollingFallback] false: `maxReconnectAttempts` holds. (It polls whenever no stream is possible.)
 * @property {number} [pollingInterval] accepted, and not needed: a poll is answered at once when something happens
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
 * @typedef {Known & Watched & {reconnectAttempts: number, retryNow: () => void}} Hooked
 *
 * @typedef {Where & Pick<Look, "label" | "texts" | "className" | "showConnectionStatus"> & {projectId?: string, jobId?: string,
 *   topic?: string, onCompleted?: Calls["onCompleted"], onError?: Calls["onError"]}} ProgressBarProps
 */

/** The client of all components within: `createElement(StreamerContext.Provider, {value: client}, …)`. */
export const StreamerContext = createContext(/** @type {ClientLike | null} */ (null));

/** @type {Known} */
const NOTHING = { status: null, progress: null, message: null, result: null, error: null, attempt: null, jobs: {} };

const atFirst = () => UNKNOWN;
const never = () => () => {};

/**
 * @param {string | string[]} topics empty: nothing is watched
 * @param {Where & WatchOptions} options its functions may be others each time
 * @param {number} [most] attempts to connect
 * @returns {Hooked}
 */
function useWatch(topics, options, most = Infinity) {
  const { from, persist, initial, backendUrl } = options;
  const around = useContext(StreamerContext);
  const client = options.client ?? around;
  const latest = useRef(options);
  useInsertionEffect(() => {
    latest.current = options;
  });
  const watched = useMemo(
    () =>
      watch(() => client ?? sharedClient(backendUrl), topics, {
        from,
        persist,
        initial,
        reduce: (value, body) => latest.current.reduce?.(value, body),
        onEvent: (body) => latest.current.onEvent?.(body),
        onChange: (now) => latest.current.onChange?.(now),
      }),
    [client, backendUrl, `${topics}`, from, persist],
  );
  const [givenUp, giveUp] = useState(/** @type {unknown} */ (null));
  const isOff = givenUp === watched;
  const now = useSyncExternalStore(isOff || !topics.length ? never : watched.subscribe, watched.get, atFirst);
  const isTooMany = now.attempts > most;
  useEffect(() => {
    if (isTooMany) giveUp(watched);
  }, [isTooMany, watched]);
  return {
    ...NOTHING,
    ...now.snapshot,
    ...now,
    ...(isOff && { state: "refused" }),
    reconnectAttempts: Math.min(now.attempts, most),
    retryNow() {
      giveUp(null);
      watched.retryNow();
    },
  };
}

/**
 * @param {string} topic
 * @param {Where & Calls} options
 * @param {number} [most]
 */
function useTopic(topic, { onMessage, onProgress, onCompleted, onError, ...where }, most) {
  const seen = useRef("");
  return useWatch(topic, {
    ...where,
    onEvent(body) {
      onMessage?.(body);
      if (body.type === "progress") onProgress?.(body.progress, body.message ?? "");
      if (body.type === "completed") onCompleted?.(body.result);
      if (body.type === "error") onError?.(body.error);
      if (body.type === "completed" || body.type === "error") seen.current = topic;
    },
    onChange({ snapshot }) {
      if (!snapshot || seen.current === topic) return;
      seen.current = topic;
      // Over before anybody watched. What is over in a project may be yesterday's, and is told by its status alone.
      if (!topic.startsWith("jobs/")) return;
      if (snapshot.status === "completed") onCompleted?.(snapshot.result);
      if (snapshot.status === "failed") onError?.(snapshot.error ?? "");
    },
  }, most);
}

/**
 * One job. `onCompleted` and `onError` are called too if it was over before.
 *
 * @param {string | null | undefined} jobId none: nothing is watched
 * @param {Where & Calls} [options]
 */
export const useJob = (jobId, options = {}) => useTopic(jobId ? `jobs/${jobId}` : "", options);

/**
 * One project, and whatever is published to it.
 *
 * @param {string | null | undefined | Where & Calls & Older} project its id; or the options of the older hook
 * @param {Where & Calls} [options]
 */
export function useProject(project, options) {
  const { projectId, autoReconnect, maxReconnectAttempts = Infinity, pollingFallback, pollingInterval, ...more } =
    /** @type {Where & Calls & Older} */ (typeof project === "object" && project ? project : { projectId: project, ...options });
  const most = autoReconnect === false ? 0 : pollingFallback === false ? maxReconnectAttempts : Infinity;
  return useTopic(projectId ? `projects/${projectId}` : "", more, most);
}

/**
 * The events of some topics, reduced to a value: by default a list of the last of them.
 *
 * @template [T=Body[]]
 * @param {string | string[]} topics
 * @param {Where & {from?: string, persist?: false | "session" | "device", reduce?: (value: T, body: Body) => T, initial?: T,
 *   limit?: number}} [options] `limit`: how many are in the list, by default 100
 * @returns {Hooked & {value: T}}
 */
export function useStream(topics, { limit = 100, ...options } = {}) {
  const { initial = [] } = options;
  const reduce = (/** @type {any} */ events, /** @type {Body} */ body) => [...events, body].slice(-limit);
  const now = useWatch(topics, { reduce, ...options, initial });
  return { ...now, value: now.value ?? initial };
}

/** @returns {ReactElement} */
const element = (/** @type {Tree} */ [name, attributes, ...inside]) =>
  createElement(name, attributes, ...inside.map((one) => (typeof one === "string" ? one : element(one))));

/**
 * A progress bar that says what it shows, to people who see it and to people who hear it.
 *
 * @param {ProgressBarProps} props one of `projectId`, `jobId` and `topic`
 */
export function ProgressBar({ projectId, jobId, topic, label, texts, className, showConnectionStatus, ...options }) {
  const name = topic ?? (jobId ? `jobs/${jobId}` : projectId ? `projects/${projectId}` : "");
  const now = useTopic(name, options);
  useEffect(() => {
    import("./styles.js").then(({ adoptStyles }) => adoptStyles(document));
  }, []);
  return element(barOf(now, { label, texts, className, showConnectionStatus, retryNow: now.retryNow }));
}
