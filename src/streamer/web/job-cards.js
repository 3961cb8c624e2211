/**
 * The cards of the jobs: one for each, kept in step with what was folded.
 *
 * @module
 */

import { clock, percent } from "./describe.js";
import { elapsedSeconds, hasEnded } from "./jobs.js";
import { shownResult } from "./results.js";
import { shownJobs } from "./shown-jobs.js";
import { instance, setText } from "./template.js";

/** @import { Access } from "./access.js" */
/** @import { Jobs } from "./jobs.js" */
/** @import { Paces } from "./pace.js" */
/** @import { ShownJob } from "./shown-jobs.js" */
/** @import { CardParts } from "./template.js" */

/** @typedef {{root: HTMLElement, parts: CardParts, job: ShownJob}} Card */

/** Characters of a job id that tell it from the others on a page; all of it is in the tooltip. */
const ID_LENGTH = 8;

export class JobCards {
  #container;
  #cancel;
  #access;
  /** @type {Map<string, Card>} */
  #cards = new Map();

  /**
   * @param {HTMLElement} container
   * @param {(job: ShownJob) => Promise<boolean>} cancel called when a person asks for it; answers
   *   whether the server took it
   * @param {Pick<Access, "fetch" | "holds" | "source">} access
   */
  constructor(container, cancel, access) {
    this.#container = container;
    this.#cancel = cancel;
    this.#access = access;
  }

  /**
   * @param {Jobs} jobs
   * @param {object} options
   * @param {number} options.now milliseconds since 1970, by the log's clock
   * @param {boolean} options.cancellable whether the server can cancel jobs
   * @param {Paces} [options.paces] how fast they go
   */
  show(jobs, { now, cancellable, paces }) {
    const shown = shownJobs(jobs);
    const keys = new Set(shown.map((job) => job.key));
    for (const [key, card] of this.#cards) {
      if (keys.has(key)) continue;
      card.root.remove();
      this.#cards.delete(key);
    }
    let position = 0;
    for (const job of shown) {
      const card = this.#cards.get(job.key) ?? this.#add(job);
      card.job = job;
      update(card, now, cancellable, this.#access);
      setText(card.parts.pace, hasEnded(job) ? "" : (paces?.get(job.key)?.words ?? ""));
      const there = this.#container.children[position++] ?? null;
      // Moving an element would stop its video and take its focus.
      if (there !== card.root) this.#container.insertBefore(card.root, there);
    }
  }

  /** @returns {Card} */
  #add(/** @type {ShownJob} */ job) {
    const card = { ...instance("job-card"), job };
    card.parts.cancel.addEventListener("click", async () => {
      card.parts.cancel.disabled = true;
      card.parts.cancel.disabled = await this.#cancel(card.job);
    });
    card.parts.result.addEventListener("click", (clicked) => {
      if (!this.#access.holds || card.parts.result.origin !== location.origin) return;
      clicked.preventDefault();
      download(card.parts.result.href, this.#access);
    });
    this.#cards.set(job.key, card);
    return card;
  }
}

function update(/** @type {Card} */ { root, parts, job }, /** @type {number} */ now, /** @type {boolean} */ cancellable, /** @type {Pick<Access, "source">} */ access) {
  const done = job.progress === null ? "" : percent(job.progress);
  const status = job.status ?? "";
  root.dataset.status = status;
  setText(parts.name, job.name);
  setText(parts.status, status);
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
  const elapsed = elapsedSeconds(job, now);
  const facts = elapsed === null ? [] : [clock(elapsed)];
  if (job.attempt !== null) facts.push(`attempt ${job.attempt}`);
  if (job.parts !== null) facts.push(`${job.parts.over} of ${job.parts.total} parts`);
  const id = job.isGroup ? job.key : job.jobId;
  if (id !== null) facts.push(id.slice(0, ID_LENGTH));
  if (job.parentId !== null) facts.push(`part of ${job.parentId.slice(0, ID_LENGTH)}`);
  parts.facts.title = id ?? "";
  setText(parts.facts, facts.join(" · "));
  parts.cancel.hidden = !cancellable || job.jobId === null || hasEnded(job);
  showResult(parts, job, access);
}

/** @returns {boolean} whether the last message says more than the status does */
function tellsMore(/** @type {ShownJob} */ { status, message }) {
  return status !== "completed" && message.toLowerCase() !== status;
}

function showResult(/** @type {CardParts} */ parts, /** @type {ShownJob} */ job, /** @type {Pick<Access, "source">} */ access) {
  const { link, video, text } = shownResult(job.result, document.baseURI);
  parts.result.hidden = link === null;
  if (link !== null && parts.result.href !== link) parts.result.href = link;
  parts.video.hidden = video === null;
  // Once: another token for the same video would begin it anew.
  if (video !== null && parts.video.dataset.of !== video) {
    parts.video.dataset.of = video;
    parts.video.src = access.source(video);
  }
  parts.output.hidden = text === "";
  setText(parts.output, text);
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
