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
import { adoptStyles } from "./styles.js";
import { topicOf, watch } from "./watch.js";

/** @import { Texts } from "./texts.js" */
/** @import { ClientLike, Watch } from "./watch.js" */

/** @type {Record<string, Texts> | undefined} once a page needs them */
let languages;

/** Where a page is made on a server there is none; the import does nothing there. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? Object);

export class StreamerProgress extends Base {
  static observedAttributes = ["topic", "job", "project", "url", "label", "connection"];

  /** What is watched. @type {string | undefined} */
  #key;
  /** @type {Watch | undefined} */
  #watch;
  /** @type {(() => void) | undefined} */
  #stop;
  /** The last status that was told. @type {unknown} */
  #told;
  /** @type {HTMLElement[]} */
  #nodes = [];

  constructor() {
    super();
    adoptStyles(this.attachShadow({ mode: "open" }));
    // They may have been given before the element was defined.
    /** In place of the page's own. @type {ClientLike | undefined} */
    this.client = this.client;
    /** Other words than those of the language around it (`lang`: English, Korean, Chinese). @type {Partial<Texts> | undefined} */
    this.texts = this.texts;
  }

  connectedCallback() {
    const [topic, job, project, url, label, connection] = StreamerProgress.observedAttributes.map((name) => this.getAttribute(name) ?? "");
    const name = topicOf(topic, job, project);
    const key = `${name} ${url}`;
    if (key !== this.#key || !this.#watch) {
      this.disconnectedCallback();
      this.#key = key;
      const watched = watch(name, { client: this.client, url });
      this.#watch = watched;
      this.#stop = watched.subscribe(() => {
        this.#tell(watched.get().snapshot);
        this.attributeChangedCallback();
      });
    }
    const [language = ""] = (/** @type {HTMLElement | null} */ (this.closest("[lang]"))?.lang ?? "en").split("-");
    if (language !== "en" && !languages) {
      languages = {};
      import("./languages.js").then((all) => {
        languages = all;
        this.attributeChangedCallback();
      });
    }
    let count = 0;
    // In the same order each time: the same elements, changed.
    const make = (/** @type {string} */ name, /** @type {Record<string, any>} */ attributes, /** @type {(Node | string)[]} */ ...inside) => {
      const node = (this.#nodes[count++] ??= document.createElement(name));
      for (const [key, value] of Object.entries(attributes)) {
        if (key === "style") Object.assign(node.style, value);
        else if (key === "onClick") node.onclick = value;
        else if (value) node.setAttribute(key, value);
        else node.removeAttribute(key);
      }
      for (const one of inside) {
        if (typeof one !== "string") one.parentNode ?? node.append(one);
        // An announcement that is as it was is not made again.
        else if (node.textContent !== one) node.textContent = one;
      }
      return node;
    };
    const texts = { ...languages?.[language], ...this.texts };
    const showConnectionStatus = { show: true, hide: false }[connection ?? ""];
    const bar = barOf(make, this.#watch.get(), { label, texts, showConnectionStatus }, this.#watch.retryNow);
    bar.parentNode ?? /** @type {ShadowRoot} */ (this.shadowRoot).append(bar);
  }

  disconnectedCallback() {
    this.#stop?.();
    this.#key = this.#told = undefined;
  }

  attributeChangedCallback() {
    if (this.isConnected) this.connectedCallback();
  }

  #tell(/** @type {Record<string, any> | null} */ detail) {
    const tell = (/** @type {string} */ type) => this.dispatchEvent(new CustomEvent(`streamer-${type}`, { detail, bubbles: true }));
    if (!detail) return;
    tell("progress");
    const { status } = detail;
    if (status !== this.#told && (status === "completed" || status === "failed")) tell(status);
    this.#told = status;
  }
}

const { customElements: elements } = globalThis;
if (!elements?.get("streamer-progress")) elements?.define("streamer-progress", StreamerProgress);
