/**
 * `<streamer-progress job="8f3c" label="Encoding"></streamer-progress>`: a progress bar for any page.
 *
 * Attributes: one of `topic`, `job` and `project`; `url` of the server, `label`, `connection` (`show` or `hide`).
 * Properties: `client`, `texts`. Events: `streamer-progress`, `streamer-completed` and `streamer-failed`, whose `detail` is
 * the snapshot. Parts: bar, head, icon, label, value, track, fill, text, alert, link, retry.
 *
 * @module
 */

import { barOf } from "./progress-bar.js";
import { sharedClient } from "./shared.js";
import { adoptStyles } from "./styles.js";
import { watch } from "./watch.js";

/** @import { Tree } from "./progress-bar.js" */
/** @import { Texts } from "./texts.js" */
/** @import { ClientLike, Watch, Watched } from "./watch.js" */

/** @type {Record<string, Texts> | null} once a page needs them */
let languages = null;

/** Where a page is made on a server there is none; the import does nothing there. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? Object);

export class StreamerProgress extends Base {
  static observedAttributes = ["topic", "job", "project", "url", "label", "connection"];

  /** @type {ClientLike | null} in place of the page's own */
  client = null;
  /** @type {Partial<Texts> | null} */
  #texts = null;
  /** @type {unknown} the last status that was told */
  #told;
  /** @type {Watch | null} */
  #watch = null;
  #stop = () => {};

  constructor() {
    super();
    adoptStyles(this.attachShadow({ mode: "open" }));
  }

  /** Other words than those of the language around it (`lang`: English, Korean, Chinese). */
  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    this.#texts = texts;
    this.#draw();
  }

  connectedCallback() {
    const [topic] = ["topic", "jobs/", "projects/"].flatMap((kind) => {
      const name = this.getAttribute(kind.replace("s/", ""));
      return name ? [kind === "topic" ? name : kind + name] : [];
    });
    if (!topic) return;
    this.#told = undefined;
    const client = () => this.client ?? sharedClient(this.getAttribute("url") ?? "");
    this.#watch = watch(client, topic, { onChange: (now) => this.#note(now) });
    this.#stop = this.#watch.subscribe(() => this.#draw());
    this.#draw();
  }

  disconnectedCallback() {
    this.#stop();
    this.#stop = () => {};
    this.#watch = null;
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (!this.isConnected) return;
    if (name === "label" || name === "connection") return this.#draw();
    this.disconnectedCallback();
    this.connectedCallback();
  }

  #note(/** @type {Watched} */ now) {
    if (!now.snapshot) return;
    const { status } = now.snapshot;
    const tell = (/** @type {string} */ type) =>
      this.dispatchEvent(new CustomEvent(`streamer-${type}`, { detail: now.snapshot, bubbles: true }));
    tell("progress");
    if (status !== this.#told && (status === "completed" || status === "failed")) tell(status);
    this.#told = status;
  }

  #draw() {
    if (this.#watch === null) return;
    const lang = this.closest("[lang]")?.getAttribute("lang")?.split("-")[0] ?? "en";
    if (lang !== "en" && languages === null) {
      import("./languages.js").then((all) => {
        languages = { ...all };
        this.#draw();
      });
    }
    const shown = { show: true, hide: false }[this.getAttribute("connection") ?? ""];
    const tree = barOf(this.#watch.get(), {
      label: this.getAttribute("label") ?? "",
      texts: { ...languages?.[lang], ...this.#texts },
      retryNow: this.#watch.retryNow,
      ...(shown !== undefined && { showConnectionStatus: shown }),
    });
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const had = root.firstChild;
    const bar = drawn(had, tree);
    if (bar !== had) root.append(bar);
  }
}

/**
 * Make an element as the tree says; the same one, changed, if there is one of its name.
 *
 * @param {Node | null | undefined} had
 * @param {Tree | string} tree
 * @returns {Node}
 */
function drawn(had, tree) {
  if (typeof tree === "string") {
    const text = had ?? document.createTextNode("");
    if (text.nodeValue !== tree) text.nodeValue = tree;
    return text;
  }
  const [name, attributes, ...inside] = tree;
  const isDrawing = name === "svg" || name === "path";
  const node = /** @type {HTMLElement} */ (
    had ?? document.createElementNS(isDrawing ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", name)
  );
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") Object.assign(node.style, value);
    else if (key === "onClick") node.onclick = /** @type {() => void} */ (value);
    else if (value === undefined || value === false) node.removeAttribute(key);
    else if (key === "className") node.setAttribute("class", `${value}`);
    else if (node.getAttribute(key) !== `${value}`) node.setAttribute(key, `${value}`);
  }
  inside.forEach((one, index) => {
    const child = node.childNodes[index];
    const next = drawn(child, one);
    if (next !== child) node.append(next);
  });
  return node;
}

const { customElements } = globalThis;
if (customElements && !customElements.get("streamer-progress")) customElements.define("streamer-progress", StreamerProgress);
