/**
 * One topic that the page watches: its subscription, and what its jobs look like.
 *
 * @module
 */

import { isBody, numberOf, objectOf, timeOf } from "./fields.js";
import { NO_JOBS, foldEvent, foldSnapshot, keyOf } from "./jobs.js";
import { heardLive } from "./log-clock.js";
import { NO_PACES, foldPace } from "./pace.js";

/** @import { Client } from "./client/client.js" */
/** @import { Body } from "./client/wire.d.ts" */
/** @import { Jobs } from "./jobs.js" */
/** @import { Paces } from "./pace.js" */

/**
 * @typedef {object} Listener
 * @property {() => void} changed anything is another
 * @property {(body: Body, replayed: boolean) => void} [heard] an event
 * @property {(body: Body) => void} [lost] a gap
 * @property {(state: string, reason: string | null) => void} [entered] a state of the connection
 */

/** Failures whose details are remembered, as many as jobs that are over. */
const MAX_DETAILS = 16;

export class Feed {
  #own;
  /** Whether the jobs are those of a snapshot and what came after it. */
  #isKnown = false;
  /** @type {(() => void)[]} */
  #off = [];
  /** @type {Set<Listener>} */
  #listeners = new Set();

  /** @type {ReturnType<Client["subscribe"]> | null} */
  subscription = null;
  /** @type {Jobs} */
  jobs = NO_JOBS;
  /** @type {Paces} */
  paces = NO_PACES;
  /** Ids of jobs that have a topic of their own, as their events say. @type {Set<string>} */
  withTopic = new Set();
  /** What else is known of each job's failure, by its key. @type {Map<string, unknown>} */
  details = new Map();
  /** Where it was first connected. @type {string | null} */
  arrivedAt = null;

  /** @param {string} topic @param {Listener} listener */
  constructor(topic, listener) {
    this.topic = topic;
    // All that is published there is of that one job, whatever the events say.
    this.#own = topic.startsWith("jobs/") && topic.split("/").length === 2 ? topic.slice("jobs/".length) : null;
    this.#listeners.add(listener);
  }

  /** @returns {() => void} ends it */
  listen(/** @type {Listener} */ listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Watch it over `client`, from where it is. */
  attach(/** @type {Client} */ client) {
    const after = this.subscription?.lastEventId ?? null;
    this.close();
    const one = client.subscribe(this.topic, after === null ? {} : { from: after });
    this.subscription = one;
    this.#off = [
      one.on("*", (body) => this.#heard(body)),
      one.on("gap", (body) => this.#lost(body)),
      one.on("snapshot", (snapshot) => this.#isKnown || this.#know(snapshot)),
      one.on("state", ({ state, reason }) => this.#tell((listener) => listener.entered?.(state, reason))),
    ];
  }

  close() {
    for (const off of this.#off) off();
    this.#off = [];
    this.subscription?.close();
  }

  #heard(/** @type {Body} */ given) {
    const body = this.#own === null ? given : { ...given, job_id: this.#own };
    const state = this.subscription?.state;
    const replayed = state !== "live" && state !== "polling";
    const at = timeOf(body.timestamp);
    if (!replayed) heardLive(at);
    this.jobs = foldEvent(this.jobs, body);
    this.paces = foldPace(this.paces, keyOf(body), body);
    const key = keyOf(body);
    this.#note(body);
    if (key !== null && Array.isArray(body.topics) && body.topics.includes(`jobs/${key}`)) this.withTopic.add(key);
    this.#tell((listener) => listener.heard?.(body, replayed));
  }

  #lost(/** @type {Body} */ body) {
    const snapshot = this.subscription?.snapshot;
    if (snapshot) this.#know(snapshot);
    this.#tell((listener) => listener.lost?.(body));
  }

  #know(/** @type {unknown} */ snapshot) {
    this.#isKnown = true;
    this.arrivedAt ??= this.subscription?.lastEventId ?? null;
    this.jobs = foldSnapshot(this.jobs, this.#own === null ? snapshot : ofOne(this.#own, snapshot));
    for (const body of Object.values(objectOf(objectOf(snapshot).tasks))) {
      if (isBody(body)) this.#note(this.#own === null ? body : { ...body, job_id: this.#own });
    }
    this.#tell(() => {});
  }

  #note(/** @type {Body} */ body) {
    const key = keyOf(body);
    if (key !== null && body.type === "error" && body.details) this.details.set(key, body.details);
    if (this.details.size > MAX_DETAILS) this.details.delete(/** @type {string} */ (this.details.keys().next().value));
  }

  #tell(/** @type {(listener: Listener) => void} */ what) {
    for (const listener of this.#listeners) {
      what(listener);
      listener.changed();
    }
  }
}

/** The snapshot of a job's own topic as that of a topic with that one job. */
function ofOne(/** @type {string} */ id, /** @type {unknown} */ snapshot) {
  const state = objectOf(snapshot);
  const tasks = Object.entries(objectOf(state.tasks));
  // Nothing was ever published of it.
  if (state.status === null && tasks.length === 0) return {};
  const [first] = tasks.filter(([name]) => name !== "cancel");
  const times = tasks.map(([, body]) => timeOf(objectOf(body).timestamp)).filter((at) => !Number.isNaN(at));
  const last = times.length === 0 ? null : new Date(Math.max(...times)).toISOString();
  const isOver = ["completed", "failed", "cancelled"].includes(String(state.status));
  const own = {
    ...state,
    attempt: numberOf(state.attempt),
    task_name: first?.[0] ?? null,
    parent_id: objectOf(first?.[1]).parent_id ?? null,
    updated_at: last,
    ended_at: isOver ? last : null,
  };
  return { jobs: { [id]: own } };
}
