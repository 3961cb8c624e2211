/**
 * The card of the job that is opened: how far it is, what came of it, and what can be done with it.
 *
 * @module
 */

import { clock, percent } from "./describe.js";
import { elapsedSeconds, hasEnded } from "./jobs.js";
import { shownResult, textOfJson } from "./results.js";
import { instance, setIcon, setText } from "./template.js";

/** @import { Access } from "./access.js" */
/** @import { ShownJob } from "./shown-jobs.js" */

/**
 * @typedef {object} Shown
 * @property {ShownJob} job
 * @property {number} now milliseconds since 1970, by the log's clock
 * @property {string} pace how fast it goes
 * @property {unknown} details of its failure
 * @property {boolean} retryable whether the server can run it again
 */

export class JobCard {
  #root;
  #parts;
  #access;
  /** @type {ShownJob | null} */
  #job = null;
  /** Whether what was asked for has yet to be seen. */
  #asked = "";

  /**
   * @param {HTMLElement} container
   * @param {(what: "cancel" | "retry", job: ShownJob) => Promise<string | null>} act called when a person asks for
   *   it; answers why it was refused, null where it was not
   * @param {Pick<Access, "fetch" | "holds" | "source">} access
   */
  constructor(container, act, access) {
    const { root, parts } = instance("job-card");
    this.#root = root;
    this.#parts = parts;
    this.#access = access;
    root.hidden = true;
    container.replaceChildren(root);
    for (const what of /** @type {const} */ (["cancel", "retry"])) {
      parts[what].addEventListener("click", async () => {
        const job = this.#job;
        if (job === null) return;
        this.#asked = `${job.key} ${what}`;
        parts[what].disabled = true;
        const refusal = await act(what, job);
        if (this.#job?.key !== job.key) return;
        if (refusal !== null) this.#asked = "";
        parts.refusal.hidden = refusal === null;
        setText(parts.refusal, refusal ?? "");
        parts[what].disabled = refusal === null;
      });
    }
    parts.result.addEventListener("click", (clicked) => {
      if (!access.holds || parts.result.origin !== location.origin) return;
      clicked.preventDefault();
      download(parts.result.href, access);
    });
  }

  /** Show this one; null: none. */
  show(/** @type {Shown | null} */ shown) {
    this.#root.hidden = shown === null;
    if (shown === null) {
      this.#job = null;
      this.#parts.video.removeAttribute("src");
      return;
    }
    if (this.#job?.key !== shown.job.key) {
      this.#asked = "";
      this.#parts.refusal.hidden = true;
    }
    const before = this.#job;
    this.#job = shown.job;
    this.#update(shown);
    // What was asked for is done once the state is another.
    if (before?.status !== shown.job.status) {
      this.#asked = "";
      this.#parts.refusal.hidden = true;
    }
    this.#parts.cancel.disabled = this.#asked === `${shown.job.key} cancel`;
    this.#parts.retry.disabled = this.#asked === `${shown.job.key} retry`;
  }

  #update(/** @type {Shown} */ { job, now, pace, details, retryable }) {
    const root = this.#root;
    const parts = this.#parts;
    const done = job.progress === null ? "" : percent(job.progress);
    const status = job.status ?? "";
    root.dataset.status = status;
    root.dataset.key = job.key;
    setIcon(parts.icon, status);
    setText(parts.status, status === "" ? "unknown" : status);
    setText(parts.percent, done);
    // Without a value it is indeterminate to a screen reader, which is the truth.
    if (job.progress === null) parts.bar.removeAttribute("aria-valuenow");
    else parts.bar.setAttribute("aria-valuenow", String(Math.floor(job.progress * 100)));
    parts.bar.setAttribute("aria-valuetext", `${done} ${status}`);
    parts.bar.setAttribute("aria-label", `Progress of ${job.name}`);
    parts.fill.style.transform = `scaleX(${job.progress ?? 0})`;
    setText(parts.message, tellsMore(job) ? job.message : "");
    parts.error.hidden = job.error === null;
    setText(parts.error, job.error ?? "");
    const more = job.error === null ? "" : textOfJson(details);
    parts.details.hidden = more === "";
    setText(parts.details, more);
    const elapsed = elapsedSeconds(job, now);
    const facts = elapsed === null ? [] : [clock(elapsed)];
    if (job.attempt !== null) facts.push(`attempt ${job.attempt}`);
    if (job.parts !== null) facts.push(`${job.parts.over} of ${job.parts.total} parts`);
    const id = job.isGroup ? job.key : job.jobId;
    if (id !== null) facts.push(id);
    setText(parts.facts, facts.join(" · "));
    setText(parts.pace, hasEnded(job) ? "" : pace);
    parts.cancel.hidden = job.jobId === null || hasEnded(job);
    parts.retry.hidden = !retryable;
    this.#showResult(job);
  }

  #showResult(/** @type {ShownJob} */ job) {
    const parts = this.#parts;
    const { link, video, poster, text } = shownResult(job.result, document.baseURI);
    parts.result.hidden = link === null;
    if (link !== null && parts.result.href !== link) parts.result.href = link;
    parts.video.hidden = video === null;
    // Once: another token for the same video would begin it anew.
    if (video !== null && parts.video.dataset.of !== video) {
      parts.video.dataset.of = video;
      if (poster === null) parts.video.removeAttribute("poster");
      else parts.video.poster = this.#access.source(poster);
      parts.video.src = this.#access.source(video);
    }
    if (video === null) {
      delete parts.video.dataset.of;
      parts.video.removeAttribute("src");
    }
    parts.output.hidden = text === "";
    setText(parts.output, text);
  }
}

/** @returns {boolean} whether the last message says more than the status does */
function tellsMore(/** @type {ShownJob} */ { status, message }) {
  return status !== "completed" && message.toLowerCase() !== status;
}

/** Save a file of this server, without its address, which would need a token, being gone to. */
async function download(/** @type {string} */ url, /** @type {Pick<Access, "fetch">} */ access) {
  const answer = await access.fetch(url);
  if (!answer.ok) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = new URL(url).pathname.split("/").at(-1) ?? "";
  link.click();
  URL.revokeObjectURL(link.href);
}
