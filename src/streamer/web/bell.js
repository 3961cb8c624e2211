/**
 * The bell: the notifications of whoever looks, how many are unread, and a list of them.
 *
 * @module
 */

import { hashOf, placeIn } from "./address.js";
import { openInbox } from "./client/inbox.js";
import { en, fill, noticeOf, whenOf } from "./client/notices.js";
import { button, byId } from "./elements.js";
import { textOf } from "./fields.js";
import { logNow } from "./log-clock.js";
import { instance, setText } from "./template.js";

/** @import { Access } from "./access.js" */
/** @import { Inbox, Notification } from "./client/inbox.js" */
/** @import { Connection } from "./connection.js" */

/** Numbers above are shown as this, and a `+`. */
const MOST = 99;
/** Milliseconds between drawings of what changes with time alone. */
const AGE_MS = 20_000;

export class Bell {
  #url;
  #access;
  #connection;
  /** @type {Inbox} */
  #inbox;
  #isOpen = false;
  #isDrawing = false;
  /** By the id of a notification. @type {Map<string, ReturnType<typeof instance<"notice-row">>>} */
  #rows = new Map();

  /**
   * @param {string} url the server
   * @param {Access} access who looks
   * @param {Connection} connection
   */
  constructor(url, access, connection) {
    this.#url = url;
    this.#access = access;
    this.#connection = connection;
    this.#inbox = this.#begin();
    button("bell").addEventListener("click", () => this.#open(!this.#isOpen));
    button("bell-mark").addEventListener("click", () => this.#inbox.markAsRead());
    button("bell-more").addEventListener("click", () => this.#inbox.loadMore().catch(() => {}));
    byId("notices").addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#isOpen) return;
      // What is opened on the page stays open.
      event.stopPropagation();
      this.#open(false);
      button("bell").focus();
    });
    for (const type of ["pointerdown", "focusin"]) {
      document.addEventListener(type, ({ target }) => {
        if (this.#isOpen && !byId("notices").contains(/** @type {Node} */ (target))) this.#open(false);
      });
    }
    setInterval(() => this.#isOpen && this.#draw(), AGE_MS);
  }

  /** Begin anew, as somebody else or as nobody. */
  restart() {
    this.#inbox.close();
    this.#inbox = this.#begin();
    // Nothing of whoever was here before.
    this.#rows.clear();
    byId("notice-list").replaceChildren();
    this.#show();
  }

  #begin() {
    const inbox = openInbox(this.#connection, {
      url: this.#url,
      environment: { fetch: (url, init) => this.#access.request(`${url}`, init) },
    });
    inbox.subscribe(() => this.#draw());
    return inbox;
  }

  #open(/** @type {boolean} */ isOpen) {
    this.#isOpen = isOpen;
    byId("bell-panel").hidden = !isOpen;
    button("bell").setAttribute("aria-expanded", `${isOpen}`);
    this.#show();
    if (isOpen) byId("bell-panel").focus();
  }

  #draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#show();
    });
  }

  #show() {
    const { unreadCount, notifications, hasMore, latest, reader, isConnected, state, reason } = this.#inbox.get();
    const count = unreadCount > MOST ? `${MOST}+` : `${unreadCount}`;
    const unread = unreadCount === 0 ? "" : fill(en.unread, { n: count });
    const label = unread === "" ? en.label : `${en.label}, ${unread}`;
    if (button("bell").getAttribute("aria-label") !== label) button("bell").setAttribute("aria-label", label);
    byId("bell-count").hidden = unreadCount === 0;
    setText(byId("bell-count"), count);
    // Of what comes while somebody is here; how many there were they hear with the button.
    setText(byId("bell-said"), latest?.unread ? `${noticeOf(latest)} ${unread}` : "");
    if (!this.#isOpen) return;
    button("bell-mark").setAttribute("aria-disabled", `${unreadCount === 0}`);
    button("bell-more").hidden = !hasMore;
    byId("notice-list").hidden = notifications.length === 0;
    byId("no-notices").hidden = notifications.length > 0;
    const isRefused = state === "refused";
    setText(byId("no-notices-said"), isRefused ? (reason ?? en.refused) : reader === null ? en.loading : en.none);
    byId("no-notices-hint").hidden = isRefused || reader === null;
    setText(byId("no-notices-code"), `streamer notify ${reader} invited message=Hello`);
    const isLost = !isConnected && reader !== null && !isRefused;
    byId("bell-link").hidden = !isLost;
    setText(byId("bell-link"), isLost ? `${en.waiting} ${reason ?? ""}` : "");
    this.#list(notifications);
  }

  #list(/** @type {readonly Notification[]} */ notifications) {
    const list = byId("notice-list");
    notifications.forEach((one, at) => {
      const row = this.#rows.get(one.id) ?? this.#make(one);
      const { root, parts } = row;
      root.toggleAttribute("data-unread", one.unread);
      parts.unread.hidden = !one.unread;
      setText(parts.when, whenOf(one.timestamp, "en", logNow()));
      // One that is there already is not moved: somebody may be at it.
      const there = list.children[at];
      if (there !== root) list.insertBefore(root, there ?? null);
    });
    while (list.children.length > notifications.length) list.lastElementChild?.remove();
    const known = new Set(notifications.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!known.has(id)) this.#rows.delete(id);
  }

  #make(/** @type {Notification} */ one) {
    const row = instance("notice-row");
    const { link, text, when } = row.parts;
    this.#rows.set(one.id, row);
    const job = textOf(one.job_id);
    const project = textOf(one.project_id);
    const place = placeIn(job !== null ? `#jobs/${job}` : `#projects/${project ?? ""}`);
    const says = noticeOf(one);
    if (place === null || place === "new") {
      link.remove();
      setText(text, says);
    } else {
      text.remove();
      link.href = hashOf(place);
      setText(link, says);
      link.addEventListener("click", () => {
        this.#inbox.markAsRead(one.id);
        this.#open(false);
      });
    }
    when.setAttribute("datetime", one.timestamp);
    return row;
  }
}
