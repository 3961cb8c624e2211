/**
 * React 18 and 19: somebody's notifications for all components within a provider, and a bell with a list of them.
 *
 * ```jsx
 * <NotificationsProvider url="https://events.example" getToken={fetchToken}>
 *   <NotificationBell />
 * </NotificationsProvider>
 * ```
 *
 * @module
 */

import * as React from "react";

import { createClient } from "./client.js";
import { NOTHING, openInbox } from "./inbox.js";
import { en, fill, noticeOf, whenOf } from "./notices.js";
import { adoptStyles } from "./notifications-styles.js";

/** @import { ClientOptions } from "./client.js" */
/** @import { Inbox, InboxState, Notification } from "./inbox.js" */
/** @import { NoticeTexts } from "./notices.js" */
/** @import { Subscribing } from "./unread.js" */

/**
 * @typedef {object} ProviderProps
 * @property {string | undefined} [url] of the server, by default the page's own; or the address of the older WebSocket,
 *   `ws://…/api/v1/ws?token=…`
 * @property {string | null | undefined} [token] of whoever looks
 * @property {ClientOptions["getToken"]} [getToken] asked for it instead; it may be another function each time
 * @property {Subscribing | undefined} [client] in place of one of its own
 * @property {string | undefined} [reader] who looks, where nobody is asked who they are
 * @property {boolean | undefined} [admin] hear what is for admins, too
 * @property {ClientOptions["share"]} [share] as that of a client: where tabs have different users, the user's id; by default the `reader`
 * @property {ClientOptions["headers"]} [headers]
 * @property {number | undefined} [limit] how many are listed at once, by default 20
 * @property {number | undefined} [pollInterval] milliseconds between two looks while there is no stream, by default 30,000
 * @property {React.ReactNode} [children]
 *
 * @typedef {InboxState & Pick<Inbox, "markAsRead" | "loadMore" | "sendMessage" | "retryNow">} Notifications
 *
 * @typedef {object} BellProps
 * @property {Partial<NoticeTexts> | undefined} [texts] other words
 * @property {string | undefined} [className]
 * @property {((notification: Notification) => React.ReactNode) | undefined} [render] what is shown of one, in place of its sentence
 * @property {((notification: Notification) => void) | undefined} [onSelect] called for one that is chosen, which marks it as read and those
 *   before it; without it they are no buttons
 */

const { createElement: h } = React;

/** Numbers above are shown as this, and a `+`. */
const MOST = 99;

/** @type {React.Context<Notifications | null>} */
export const NotificationsContext = React.createContext(/** @type {Notifications | null} */ (null));

/** What the older address says: the server's, whose token, and whether it is an admin's. */
function read(/** @type {string} */ url) {
  const found = /^(?:ws|http)(s?:\/\/[^?]*?)\/api\/v1\/ws(\/admin)?\/?(?:\?(.*))?$/u.exec(url);
  if (!found) return { url };
  const [, rest, admin, query = ""] = found;
  const given = new URLSearchParams(query);
  return { url: `http${rest}`, token: given.get("token"), reader: given.get("user_id") ?? undefined, admin: admin !== undefined };
}

/**
 * An inbox that is open while somebody listens.
 *
 * @param {Omit<ProviderProps, "children">} props may be others at any time, as far as it does not begin anew
 */
function inboxOf(props) {
  const { url = "", token, reader, admin, client: given, share, headers, limit, pollInterval } = props;
  const older = read(url);
  const own = token ?? older.token;
  /** @type {Inbox | undefined} */
  let inbox;
  let now = NOTHING;
  const self = {
    props,
    get: () => now,
    /** @returns {() => void} */
    subscribe(/** @type {() => void} */ fn) {
      const options = {
        url: older.url,
        ...(headers && { headers }),
        ...(own || self.props.getToken ? { getToken: async (/** @type {any} */ why) => (own ?? (await self.props.getToken?.(why)) ?? null) } : {}),
      };
      const client = given ?? createClient({ ...options, share: share ?? reader ?? true });
      const opened = openInbox(client, { ...options, reader: reader ?? older.reader, admin: admin ?? older.admin, limit, pollInterval });
      inbox = opened;
      opened.subscribe(() => {
        now = opened.get();
        fn();
      });
      return () => {
        opened.close();
        inbox = undefined;
        if (!given) /** @type {ReturnType<typeof createClient>} */ (client).close();
      };
    },
    /** What is asked for before it is open, or after it was closed, is asked of nobody. */
    calls: {
      markAsRead: (/** @type {unknown} */ upTo) => inbox?.markAsRead(upTo) ?? Promise.resolve(),
      loadMore: () => inbox?.loadMore() ?? Promise.resolve(),
      sendMessage: (/** @type {any} */ message) => inbox?.sendMessage(message) ?? Promise.reject(new Error("not connected")),
      retryNow: () => inbox?.retryNow(),
    },
  };
  return self;
}

/**
 * Somebody's notifications, for all within: one connection, however many look.
 *
 * @param {ProviderProps} props
 */
export function NotificationsProvider({ children, ...props }) {
  const { url, token, client, reader, admin, share, limit, pollInterval } = props;
  const isAsked = !!props.getToken;
  const inbox = React.useMemo(() => inboxOf(props), [url, token, client, reader, admin, share, limit, pollInterval, isAsked]);
  React.useInsertionEffect(() => {
    inbox.props = props;
  });
  const now = React.useSyncExternalStore(inbox.subscribe, inbox.get, inbox.get);
  const value = React.useMemo(() => ({ ...now, ...inbox.calls }), [inbox, now]);
  return h(NotificationsContext.Provider, { value }, children);
}

/** @returns {Notifications} what the provider around knows, and can do */
export function useNotifications() {
  const known = React.useContext(NotificationsContext);
  if (!known) throw new Error("useNotifications is used outside of a <NotificationsProvider>");
  return known;
}

const BELL = "M8 1.5c-2.600 0-4.300 1.900-4.300 4.400v2.600L2.300 11v.8h11.400V11l-1.400-2.500V5.900C12.300 3.400 10.600 1.500 8 1.500zM6.300 13.200a1.800 1.800 0 0 0 3.400 0z";

/**
 * A bell with the number of unread notifications, and a list of them behind it.
 *
 * @param {BellProps} props
 */
export function NotificationBell({ texts, className, render, onSelect }) {
  const now = useNotifications();
  const { unreadCount, notifications, hasMore, latest, state, reason, isConnected, reader } = now;
  const [isOpen, setOpen] = React.useState(false);
  const root = React.useRef(/** @type {HTMLDivElement | null} */ (null));
  const panel = React.useRef(/** @type {HTMLElement | null} */ (null));
  const bell = React.useRef(/** @type {HTMLButtonElement | null} */ (null));
  const id = React.useId();
  const t = { ...en, ...texts };
  const count = unreadCount > MOST ? `${MOST}+` : `${unreadCount}`;
  const unread = unreadCount ? fill(t.unread, { n: count }) : "";
  const close = () => {
    setOpen(false);
    bell.current?.focus();
  };

  React.useInsertionEffect(() => adoptStyles(document), []);
  React.useEffect(() => {
    if (!isOpen) return undefined;
    panel.current?.focus();
    // Also by whoever leaves with the keyboard.
    const left = (/** @type {Event} */ { target }) => root.current?.contains(/** @type {Node} */ (target)) || setOpen(false);
    document.addEventListener("pointerdown", left);
    document.addEventListener("focusin", left);
    return () => {
      document.removeEventListener("pointerdown", left);
      document.removeEventListener("focusin", left);
    };
  }, [isOpen]);

  const item = (/** @type {Notification} */ one) => {
    const inside = render ? render(one) : noticeOf(one, t);
    const choose = () => {
      now.markAsRead(one.id);
      onSelect?.(one);
    };
    return h(
      "li",
      { key: one.id, part: "item", "data-unread": one.unread ? "" : undefined },
      h("span", { part: "dot" }, one.unread && h("span", { part: "hidden" }, `${t.isUnread}: `)),
      onSelect ? h("button", { part: "text", type: "button", onClick: choose }, inside) : h("div", { part: "text" }, inside),
      h("time", { part: "when", dateTime: one.timestamp }, whenOf(one.timestamp, t.lang)),
    );
  };
  const isLost = !isConnected && reader !== null;
  const isRefused = state === "refused";
  return h(
    "div",
    {
      ref: root, className, "data-streamer-bell": "",
      onKeyDown: (/** @type {React.KeyboardEvent} */ event) => {
        if (event.key !== "Escape" || !isOpen) return;
        event.stopPropagation();
        close();
      },
    },
    h(
      "button",
      {
        ref: bell, part: "bell", type: "button", "aria-label": unread ? `${t.label}, ${unread}` : t.label, "aria-expanded": isOpen, "aria-haspopup": "dialog",
        "aria-controls": isOpen ? id : undefined, onClick: () => setOpen(!isOpen),
      },
      h("svg", { viewBox: "0 0 16 16", width: "1.35em", height: "1.35em", fill: "currentColor", "aria-hidden": "true" }, h("path", { d: BELL })),
      unreadCount > 0 && h("span", { part: "badge", "aria-hidden": "true" }, count),
    ),
    // Of what comes while somebody is here; how many there were they hear with the button.
    h("div", { part: "said", role: "status" }, latest?.unread ? `${noticeOf(latest, t)} ${unread}` : ""),
    isOpen && h(
      "section",
      { ref: panel, part: "panel", role: "dialog", id, tabIndex: -1, "aria-label": t.label },
      h(
        "div",
        { part: "head" },
        h("h2", { part: "title" }, t.label),
        h("button", { part: "mark", type: "button", "aria-disabled": !unreadCount, onClick: () => now.markAsRead() }, t.markAll),
      ),
      notifications.length
        ? h("ul", { part: "list", tabIndex: 0, "aria-label": t.label }, notifications.map(item))
        : h("p", { part: "none" }, reader === null && !isRefused ? t.loading : t.none),
      (isLost || isRefused) && h(
        "p",
        { part: "link" },
        h("span", null, `${isRefused ? t.refused : t.waiting} ${reason ?? ""}`),
        h("button", { part: "retry", type: "button", onClick: now.retryNow }, t.retry),
      ),
      hasMore && h("div", { part: "foot" }, h("button", { part: "more", type: "button", onClick: () => now.loadMore().catch(() => {}) }, t.more)),
    ),
  );
}
