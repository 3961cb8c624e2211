/**
 * Somebody's notifications: the newest of them, how many are unread, and how far their videos are.
 *
 * @module
 */

import { ORIGIN } from "./order.js";
import { requestsTo } from "./requests.js";
import { follow, isAfter } from "./unread.js";

/** @import { RequestOptions } from "./requests.js" */
/** @import { Counted, Subscribing } from "./unread.js" */

/**
 * @typedef {Readonly<Record<string, any>> & {id: string, type: string, timestamp: string, unread: boolean}} Notification its own
 *   fields, as docs/NOTIFICATIONS.md has them, and whether it is unread
 *
 * @typedef {object} Progress how far a video is
 * @property {string} status as it was published, or `completed` or `failed`
 * @property {number} progress 0 to 100
 * @property {string} message
 * @property {string} [timestamp]
 *
 * @typedef {object} InboxState what is known at the moment; never changed, another one takes its place
 * @property {string | null} reader whose it is, as the server knows them
 * @property {boolean} isConnected whether what happens is told at once
 * @property {string} state of the connection
 * @property {string | null} reason why there is none, as one sentence
 * @property {number} unreadCount
 * @property {readonly Notification[]} notifications the newest first
 * @property {boolean} hasMore whether there are older ones
 * @property {Notification | null} latest the last that came while somebody watched
 * @property {Readonly<Record<string, Progress>>} progress by `video_id`
 * @property {any} lastMessage the last event of any type, or the answer to what was sent
 *
 * @typedef {RequestOptions & {reader?: string | undefined, admin?: boolean | undefined, limit?: number | undefined,
 *   pollInterval?: number | undefined}} InboxOptions `reader`: who reads, where nobody is asked who they are; `admin`: hear what is for
 *   admins, too; `limit`: how many are listed at once
 */

/** Notifications that are kept here; older ones are asked for again. */
const MOST = 500;
const MOST_VIDEOS = 100;

/** @type {InboxState} */
export const NOTHING = {
  reader: null, isConnected: false, state: "connecting", reason: null, unreadCount: 0, notifications: [], hasMore: false, latest: null,
  progress: {}, lastMessage: null,
};

/**
 * @param {Subscribing} client
 * @param {InboxOptions} [options] those that the client was made with, and its own
 */
export function openInbox(client, { reader, admin = false, limit = 20, pollInterval, ...options } = {}) {
  const request = requestsTo(options);
  /** @type {any[]} */
  let items = [];
  /** Where the list goes on. @type {string | null} */
  let next = null;
  /** @type {Pick<Counted, "counted" | "reader"> & {cursors: Record<string, string | null>} | null} */
  let known = null;
  /** @type {any} */
  let lastMessage = null;
  /** @type {string | undefined} */
  let latest;
  /** @type {Map<string, Progress>} */
  const videos = new Map();
  /** @type {Promise<void> | undefined} */
  let loading;
  let now = NOTHING;

  /** @returns {Promise<any>} a page */
  function list(/** @type {string | null} */ before, /** @type {RequestInit} */ init = {}) {
    const query = new URLSearchParams({ counted: "true", limit: `${limit}`, ...(before && { before }), ...(reader && { reader }) });
    return request(`/notifications?${query}`, init);
  }

  const inbox = follow(client, {
    pollInterval,
    async count(signal) {
      const page = await list(null, { signal });
      const cursors = Object.values(page.cursors);
      const cursor = cursors.includes(null) ? null : cursors.reduce((a, b) => (isAfter(a, b) ? b : a));
      return { ...page, cursor, topics: [...Object.keys(page.counted), ...(admin ? ["admin"] : [])] };
    },
    mark: (cursor) => request("/notifications/read", { method: "POST", body: JSON.stringify({ cursor, ...(reader && { reader }) }), keepalive: true }),
    took(page) {
      const isOther = known?.reader !== page.reader;
      const listed = new Set(page.notifications.map((/** @type {any} */ { id }) => id));
      const oldest = page.notifications.at(-1)?.id;
      // The list is read after the count: what came between is in it, and may have been heard.
      const newer = isOther ? [] : items.filter(({ id }) => isAfter(id, page.counted_to) && !listed.has(id));
      // As far as nothing is between.
      const older = !isOther && page.next && items.some(({ id }) => listed.has(id)) ? items.filter(({ id }) => isAfter(oldest, id)) : [];
      items = [...newer, ...page.notifications, ...older];
      if (!older.length) next = page.next;
      known = page;
    },
    reset() {
      items = [];
      next = null;
    },
    heard(body, counts) {
      const { id, type, video_id, status, progress, message = "", timestamp, error } = body;
      lastMessage = body;
      if (counts && !items.some((one) => one.id === id)) {
        items.unshift(body);
        latest = id;
        if (items.splice(MOST).length) next = items[MOST - 1].id;
      }
      /** @type {Record<string, Partial<Progress>>} */
      const far = {
        transcode_progress: { status, progress, message },
        transcode_complete: { status: "completed", progress: 100, message },
        transcode_failed: { status: "failed", message: error ?? "" },
      };
      if (typeof video_id === "string" && Object.hasOwn(far, type)) {
        const before = videos.get(video_id)?.progress ?? 0;
        videos.delete(video_id);
        videos.set(video_id, /** @type {Progress} */ ({ progress: before, ...far[type], timestamp }));
        if (videos.size > MOST_VIDEOS) videos.delete(/** @type {string} */ (videos.keys().next().value));
      }
    },
  });

  /** Whether it is after what was read, of one of the topics where it counts. */
  function isUnread(/** @type {any} */ { id, topic, topics = [topic] }) {
    const { cursors = /** @type {Record<string, string | null>} */ ({}) } = known ?? {};
    const marked = inbox.cursor ?? ORIGIN;
    return isAfter(id, marked) && topics.some((/** @type {string} */ name) => Object.hasOwn(cursors, name) && isAfter(id, cursors[name] ?? ORIGIN));
  }

  function look() {
    const { state, reason, unread } = inbox;
    const notifications = items.map((body) => {
      const unread = isUnread(body);
      return body.unread === unread ? body : { ...body, unread };
    });
    items = [...notifications];
    now = {
      reader: known?.reader ?? null,
      isConnected: /live|replaying|polling/u.test(state),
      state,
      reason,
      unreadCount: unread ?? 0,
      notifications,
      hasMore: next !== null,
      latest: notifications.find(({ id }) => id === latest) ?? null,
      progress: Object.fromEntries(videos),
      lastMessage,
    };
  }

  inbox.subscribe(look);

  /** An answer, as it comes over the older WebSocket. */
  const answered = (/** @type {any} */ message) => {
    lastMessage = message;
    inbox.changed();
    return message;
  };

  return {
    /** @returns {InboxState} the same one until something changes */
    get: () => now,
    subscribe: inbox.subscribe,
    retryNow: inbox.retryNow,
    close: inbox.close,

    /**
     * Mark as read up to a notification, by default all. Whatever is no id is all, for it is often called by a button.
     *
     * @param {unknown} [upTo]
     * @returns {Promise<void>} once it is stored, as that of `reading`; who does not wait for it sees by the number that it was refused
     */
    markAsRead(upTo) {
      const marked = inbox.markAsRead(typeof upTo === "string" ? upTo : undefined);
      marked.catch(() => {});
      return marked;
    },

    /** List older ones, too. @returns {Promise<void>} */
    loadMore() {
      loading ??= (async () => {
        const before = next;
        if (before === null) return;
        const page = await list(before);
        // What was listed meanwhile may have begun anew.
        if (next !== before) return;
        const listed = new Set(items.map(({ id }) => id));
        items = [...items, ...page.notifications.filter((/** @type {any} */ { id }) => !listed.has(id))];
        next = page.next;
        inbox.changed();
      })().finally(() => (loading = undefined));
      return loading;
    },

    /**
     * Say what the older WebSocket understands: `ping`, `get_stats`, `{type: "read", cursor}`, also as JSON. The answer is the `lastMessage` then.
     *
     * @param {string | {type?: string, cursor?: string}} message
     * @returns {Promise<any>} the answer
     */
    async sendMessage(message) {
      const { type = "", cursor } = typeof message !== "string" ? message : message.startsWith("{") ? JSON.parse(message) : { type: message };
      switch (type) {
        case "ping":
          await request("/ws/health");
          return answered({ type: "pong" });
        case "get_stats":
          return answered({ type: "stats", ...(await request("/ws/stats")) });
        case "read":
          await inbox.markAsRead(cursor);
          return answered({ type: "moved", cursor: inbox.cursor, unread: inbox.unread });
        default:
          throw new TypeError(`${JSON.stringify(message)} cannot be sent; allowed are ping, get_stats and {type: "read", cursor}`);
      }
    },
  };
}

/** @typedef {ReturnType<typeof openInbox>} Inbox */
