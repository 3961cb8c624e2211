/**
 * What is opened: one job or one project, with its line, its events, and the same stream elsewhere.
 *
 * @module
 */

import { isOf } from "./address.js";
import { COMMANDS, serverOf } from "./commands.js";
import "./copy.js";
import { percent } from "./describe.js";
import { button, byId, element } from "./elements.js";
import { EventLog } from "./event-log.js";
import { numberOf, objectOf, timeOf } from "./fields.js";
import { JobCard } from "./job-card.js";
import { hasEnded, isOpen } from "./jobs.js";
import { CUT_MS } from "./line.js";
import { logNow } from "./log-clock.js";
import { Past } from "./past.js";
import { RowList } from "./row-list.js";
import { shownJobs } from "./shown-jobs.js";
import { Strip } from "./strip.js";
import { setText } from "./template.js";

/** @import { Access } from "./access.js" */
/** @import { Place } from "./address.js" */
/** @import { Body, Claimed, Connections } from "./client/wire.d.ts" */
/** @import { Condition } from "./connection.js" */
/** @import { Feed } from "./feed.js" */
/** @import { Rows } from "./rows.js" */
/** @import { ShownJob } from "./shown-jobs.js" */

/** Milliseconds in which a start and an end are one announcement. */
const QUIET_MS = 1000;

export class Opened {
  #api;
  #access;
  #rows;
  #log = new EventLog(byId("log"));
  #strip = new Strip(element("strip", HTMLCanvasElement));
  #parts = new RowList(byId("part-rows"));
  #card;
  #act;
  /** @type {{place: Place, feed: Feed, off: () => void} | null} */
  #opened = null;
  #counts = { received: 0, gaps: 0, reconnects: 0 };
  #wasLost = false;
  /** Whether that was a person's doing. */
  #wasCut = false;
  #past;
  /** @type {string | null} the job that the server says can be run again */
  #retryable = null;
  /** The last state that was announced of each job. @type {Map<string, string>} */
  #announced = new Map();
  #said = 0;

  /**
   * @param {string} api
   * @param {Access} access
   * @param {Rows} rows
   * @param {(what: "cancel" | "retry", job: ShownJob) => Promise<string | null>} act
   */
  constructor(api, access, rows, act) {
    this.#api = api;
    this.#access = access;
    this.#rows = rows;
    this.#act = act;
    this.#card = new JobCard(byId("card"), (what, job) => this.#ask(what, job), access);
    this.#past = new Past(this.#log, api, access);
    for (const radio of document.querySelectorAll("[name=log]")) {
      radio.addEventListener("change", () => {
        const { value } = /** @type {HTMLInputElement} */ (radio);
        byId("log").dataset.show = value;
        this.#log.isRaw = value === "raw";
      });
    }
  }

  get place() {
    return this.#opened?.place ?? null;
  }

  /** Show this place, whose topic `feed` is; null: nothing. */
  open(/** @type {Place | null} */ place, /** @type {Feed | null} */ feed) {
    this.#opened?.off();
    this.#opened = null;
    this.#log.clear();
    this.#strip.clear();
    this.#counts = { received: 0, gaps: 0, reconnects: 0 };
    this.#wasLost = this.#wasCut = false;
    this.#retryable = null;
    this.#announced.clear();
    setText(byId("announcement"), "");
    this.#card.show(null);
    this.#past.of(place, feed);
    if (place === null || feed === null) return;
    const off = feed.listen({
      changed: () => {},
      heard: (body, replayed) => this.#heard(body, replayed),
      lost: (body) => this.#lost(body),
      entered: (state, reason) => this.#entered(state, reason),
    });
    this.#opened = { place, feed, off };
    for (const job of this.#jobs()) this.#announced.set(job.key, job.status ?? "");
    this.#strip.connection(["live", "polling", "replaying"].includes(feed.subscription?.state ?? ""), logNow());
    this.#countReaders();
  }

  /** Say in the log what a person did. */
  note(/** @type {string} */ type, /** @type {string} */ words) {
    if (type === "cut") this.#wasCut = true;
    this.#log.note(type, words);
  }

  /** The jobs that are shown: that one, or all of the project. @returns {ShownJob[]} */
  #jobs() {
    if (this.#opened === null) return [];
    const { place, feed } = this.#opened;
    const key = place.key ?? (place.topic.startsWith("jobs/") ? place.topic.slice("jobs/".length) : null);
    const jobs = shownJobs(feed.jobs);
    return key === null ? jobs : jobs.filter((job) => job.key === key);
  }

  get #isOne() {
    return this.place !== null && (this.place.key !== null || this.place.topic.startsWith("jobs/"));
  }

  /* What comes. */

  #heard(/** @type {Body} */ body, /** @type {boolean} */ replayed) {
    if (this.place === null || !isOf(this.place, body)) return;
    const at = timeOf(body.timestamp) || logNow();
    this.#counts.received += 1;
    this.#strip.add(body, replayed, at);
    this.#log.add(body, replayed ? "replayed" : "live");
  }

  #lost(/** @type {Body} */ body) {
    this.#counts.gaps += 1;
    this.#log.add(body, "control");
  }

  #entered(/** @type {string} */ state, /** @type {string | null} */ reason) {
    const isConnected = ["live", "polling", "replaying", "ended"].includes(state);
    this.#strip.connection(isConnected, logNow());
    if (state === "waiting" && !this.#wasLost) {
      this.#wasLost = true;
      if (!this.#wasCut) this.#log.note("lost", reason ?? "The connection was lost");
    } else if (isConnected && this.#wasLost) {
      this.#wasLost = this.#wasCut = false;
      this.#counts.reconnects += 1;
      this.#log.note("resumed", `Connected again, after ${this.#opened?.feed.subscription?.lastEventId}`);
    } else if (state === "refused") {
      this.#log.note("refused", reason ?? "The server refuses this stream");
    } else if (state === "ended") {
      this.#log.note("end", "It is over: no more will come");
    }
    if (state === "live") this.#countReaders();
  }

  /* What is shown. */

  show(/** @type {Condition} */ condition) {
    if (this.#opened === null) return;
    const { place, feed } = this.#opened;
    this.#log.show();
    const jobs = this.#jobs();
    const listed = this.#rowOf(place);
    const told = this.#isOne ? (jobs[0] ?? listed) : undefined;
    // When it began, its own stream may not say to one who came late.
    const job = told && { ...told, createdAt: told.createdAt ?? listed?.createdAt ?? null };
    const key = job?.key ?? place.topic;
    setText(byId("opened-title"), this.#isOne ? (job?.name ?? place.key ?? place.topic) : (place.topic.split("/").slice(1).join("/")));
    const project = job === undefined ? null : (this.#rows.get(`job ${job.jobId}`)?.project ?? null);
    const of = project !== null && place.topic.startsWith("jobs/") ? ` · of project ${project}` : "";
    setText(byId("opened-topic"), `${place.topic}${of}`);
    this.#card.show(
      job === undefined
        ? null
        : {
            job,
            now: logNow(),
            // As in the list: another stream of the same job may have watched it for longer.
            pace: (this.#rows.get(`job ${job.jobId}`)?.pace || feed.paces.get(key)?.words) ?? "",
            details: feed.details.get(key),
            retryable: this.#retryable === job.key,
          },
    );
    if (job !== undefined) this.#lookAt(job);
    const parts = this.#isOne ? this.#rows.partsOf(key) : this.#rows.matching({ words: "", project: place.topic.replace(/^projects\//u, ""), statuses: [] });
    byId("parts").hidden = parts.length === 0;
    setText(byId("parts-title"), this.#isOne ? "Parts" : "Jobs");
    this.#parts.show(parts, { now: logNow(), withProject: false });
    byId("nothing-known").hidden = job !== undefined || parts.length > 0 || byId("log").childElementCount > 0;
    const { subscription } = feed;
    setText(byId("received"), String(this.#counts.received));
    setText(byId("gaps"), String(this.#counts.gaps));
    setText(byId("reconnects"), String(this.#counts.reconnects));
    setText(byId("last-event-id"), subscription?.lastEventId ?? "–");
    byId("gaps").classList.toggle("bad", this.#counts.gaps > 0);
    this.showCode();
    this.#announce(jobs);
    this.#past.look();
    this.showTime(condition);
  }

  /** Show what moves with time alone. */
  showTime(/** @type {Condition} */ condition) {
    if (this.#opened === null) return;
    this.#strip.draw(logNow());
    const words = this.#noticeWords(condition);
    byId("notice").hidden = words === "";
    byId("notice").dataset.cause = condition.isCut ? "cut" : condition.state;
    setText(byId("notice"), words);
    const { state } = this.#opened.feed.subscription ?? { state: "" };
    button("cut").disabled = condition.isCut || !["live", "polling"].includes(condition.state) || state === "ended";
  }

  /** Show how the same stream is read elsewhere. */
  showCode() {
    if (this.#opened === null) return;
    const { place, feed } = this.#opened;
    const chosen = document.querySelector("[name=elsewhere]:checked");
    const kind = chosen instanceof HTMLInputElement ? chosen.value : "curl";
    const command = COMMANDS[/** @type {keyof typeof COMMANDS} */ (kind)] ?? COMMANDS.curl;
    const after = feed.subscription?.lastEventId ?? null;
    setText(byId("code"), command({ topic: place.topic, server: serverOf(document.baseURI), after, asksWho: this.#access.holds }));
  }

  /** What the page's title says. @returns {string | null} */
  get title() {
    const running = this.#jobs().find(isOpen);
    return running === undefined ? null : percent(running.progress ?? 0);
  }

  #noticeWords(/** @type {Condition} */ { state, reason, retryAt, isCut }) {
    const subscription = this.#opened?.feed.subscription;
    if (subscription?.state === "refused") return `The server refuses this stream: ${subscription.reason ?? "it did not say why"}`;
    if (isCut) return `Not connected: the line is cut for ${CUT_MS / 1000} s.${this.#after()}`;
    if (state !== "waiting") return "";
    const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1000));
    return `${reason ?? "The server cannot be reached."} ${seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again."}${this.#after()}`;
  }

  #after() {
    const after = this.#opened?.feed.subscription?.lastEventId ?? null;
    return after === null ? "" : ` What happens meanwhile is kept, and replayed from after ${after}.`;
  }

  /** Announce to a screen reader what matters, and not often: starts and ends, not each percent. */
  #announce(/** @type {ShownJob[]} */ jobs) {
    const now = Date.now();
    if (now - this.#said < QUIET_MS) return;
    /** @type {string[]} */
    const words = [];
    for (const { key, name, status, error } of jobs) {
      if (status === null || this.#announced.get(key) === status) continue;
      this.#announced.set(key, status);
      words.push(`${name || "job"}: ${status}${error === null ? "" : `, ${error}`}`);
    }
    if (words.length === 0) return;
    this.#said = now;
    setText(byId("announcement"), words.length > 3 ? `${words.length} jobs are in another state` : words.join(". "));
  }

  /** What the list has of the job that is opened. */
  #rowOf(/** @type {Place} */ { topic }) {
    return topic.startsWith("jobs/") ? this.#rows.get(`job ${topic.slice("jobs/".length)}`)?.job : undefined;
  }

  /* What is asked of the server. */

  /** Whether it can be run again, the server knows. */
  async #lookAt(/** @type {ShownJob} */ job) {
    const isOver = hasEnded(job) && job.status !== "completed" && job.jobId !== null;
    if (!isOver) this.#retryable = null;
    const asked = `${job.key} ${job.endedAt ?? job.updatedAt}`;
    if (!isOver || this.#looked === asked) return;
    this.#looked = asked;
    const state = await this.#access.get(`${this.#api}/jobs/${encodeURIComponent(job.jobId ?? "")}`).catch(() => null);
    if (this.#looked === asked) this.#retryable = state?.retryable === true ? job.key : null;
  }

  /** Of which end it was asked last. */
  #looked = "";

  async #ask(/** @type {"cancel" | "retry"} */ what, /** @type {ShownJob} */ job) {
    const refusal = await this.#act(what, job);
    this.note(what, refusal ?? { cancel: "Asked to be cancelled", retry: "Asked to be run again" }[what]);
    return refusal;
  }

  async #countReaders() {
    const topic = this.place?.topic ?? "";
    const project = topic.startsWith("projects/") ? topic.slice("projects/".length) : null;
    const box = byId("watching").parentElement;
    if (box !== null) box.hidden = project === null;
    if (document.hidden || project === null) return;
    try {
      const answer = await this.#access.fetch(`${this.#api}/ws/projects/${encodeURIComponent(project)}/connections`);
      /** @type {Claimed<Connections>} */
      const counts = objectOf(await answer.json());
      setText(byId("watching"), String(numberOf(counts.active_connections) ?? "–"));
    } catch {
      setText(byId("watching"), "–");
    }
  }

  /** Count them again. */
  count() {
    this.#countReaders();
  }
}
