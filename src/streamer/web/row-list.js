/**
 * A list of jobs, a line each, kept in step with what is known: once a frame, and only what is seen.
 *
 * It is one stop of the Tab key; the arrow keys go through it, Home and End to its ends.
 *
 * @module
 */

import { age, percent } from "./describe.js";
import { instance, setIcon, setText } from "./template.js";

/** @import { Row } from "./rows.js" */
/** @import { RowParts } from "./template.js" */

/** @typedef {{root: HTMLElement, parts: RowParts, row: Row, drawn: string | null}} Line `drawn`: with what its row was */

/** Rows that are in the page at first, and that come with each scroll to its end. */
const STEP = 100;
/** Characters of a name that are in the page. */
const MAX_NAME = 300;
const KEYS = ["ArrowDown", "ArrowUp", "Home", "End"];

export class RowList {
  #container;
  #ended;
  /** @type {Map<string, Line>} */
  #lines = new Map();
  #room = STEP;
  #total = 0;
  /** Ids of the row that had the focus last, and of the first. @type {string | null} */
  #stop = null;
  /** @type {string | null} */
  #first = null;
  #end;

  /**
   * @param {HTMLElement} container an ordered list
   * @param {() => void} [ended] called when its last row is seen
   */
  constructor(container, ended = () => {}) {
    this.#container = container;
    this.#ended = ended;
    container.addEventListener("keydown", (event) => this.#move(event));
    container.addEventListener("focusin", ({ target }) => {
      this.#stop = [...this.#lines.values()].find(({ parts }) => parts.link === target)?.row.id ?? null;
      this.#setStop();
    });
    this.#end = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) this.#more();
    });
  }

  /** Begin at its top, with as few rows as at first. */
  reset() {
    this.#room = STEP;
    this.#stop = null;
  }

  /**
   * @param {Row[]} rows
   * @param {object} options
   * @param {number} options.now milliseconds since 1970, by the log's clock
   * @param {string | null} [options.current] the row of this address is the one that is opened
   * @param {boolean} [options.withProject] whether each says of which project it is
   */
  show(rows, { now, current = null, withProject = true }) {
    this.#total = rows.length;
    const shown = rows.slice(0, this.#room);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, line] of this.#lines) {
      if (ids.has(id)) continue;
      line.root.remove();
      this.#lines.delete(id);
    }
    let position = 0;
    for (const row of shown) {
      const line = this.#lines.get(row.id) ?? this.#add(row);
      // Of hundreds of rows a few change with each frame.
      const circumstances = `${Math.floor(now / 1000)} ${row.href === current} ${withProject}`;
      if (line.row !== row || line.drawn !== circumstances) {
        line.row = row;
        line.drawn = circumstances;
        update(line, now, current, withProject);
      }
      const there = this.#container.children[position++] ?? null;
      // Moving an element would take its focus.
      if (there !== line.root) this.#container.insertBefore(line.root, there);
    }
    this.#end.disconnect();
    const last = this.#container.lastElementChild;
    if (last !== null) this.#end.observe(last);
    this.#first = shown[0]?.id ?? null;
    this.#setStop();
  }

  #add(/** @type {Row} */ row) {
    /** @type {Line} */
    const line = { ...instance("job-row"), row, drawn: null };
    line.parts.link.tabIndex = -1;
    this.#lines.set(row.id, line);
    return line;
  }

  #more() {
    if (this.#room < this.#total) this.#room += STEP;
    this.#ended();
  }

  #move(/** @type {KeyboardEvent} */ event) {
    if (!KEYS.includes(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    const links = [...this.#container.querySelectorAll("a")];
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    if (at < 0) return;
    event.preventDefault();
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key] ?? at;
    links[Math.max(0, Math.min(links.length - 1, to))]?.focus();
  }

  /** The Tab key stops at the row where somebody was last, else at the first. */
  #setStop() {
    const stop = this.#stop !== null && this.#lines.has(this.#stop) ? this.#stop : this.#first;
    for (const [id, { parts }] of this.#lines) {
      const index = id === stop ? 0 : -1;
      if (parts.link.tabIndex !== index) parts.link.tabIndex = index;
    }
  }
}

function update(/** @type {Line} */ { root, parts, row }, /** @type {number} */ now, /** @type {string | null} */ current, /** @type {boolean} */ withProject) {
  const { job, project, href, pace } = row;
  const status = job.status ?? "";
  if (root.dataset.status !== status) root.dataset.status = status;
  if (parts.link.getAttribute("href") !== href) parts.link.setAttribute("href", href);
  if (href === current) parts.link.setAttribute("aria-current", "true");
  else parts.link.removeAttribute("aria-current");
  setIcon(parts.icon, status);
  const id = job.isGroup ? job.key : job.jobId;
  setText(parts.name, job.name.slice(0, MAX_NAME));
  parts.link.title = id ?? job.key.slice(0, MAX_NAME);
  setText(parts.percent, job.progress === null || status === "completed" ? "" : percent(job.progress));
  const scale = `scaleX(${job.progress ?? 0})`;
  if (parts.fill.style.transform !== scale) parts.fill.style.transform = scale;
  const words = [status === "" ? "unknown" : status];
  if (job.attempt !== null && job.attempt > 1) words.push(`attempt ${job.attempt}`);
  if (job.parts !== null) words.push(`${job.parts.over} of ${job.parts.total} parts`);
  setText(parts.status, words.join(" · "));
  setText(parts.project, withProject ? (project ?? "no project") : "");
  setText(parts.pace, job.error === null ? pace : job.error.slice(0, MAX_NAME));
  const at = job.createdAt ?? (job.updatedAt || null);
  setText(parts.age, at === null ? "" : age((now - at) / 1000));
}
