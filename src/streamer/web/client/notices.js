/**
 * The words of notifications: what each says, and whatever a person reads or hears of a bell. `{n}` is a number, any other name in
 * braces a field of the notification. Other languages are in `notices-languages.js`.
 *
 * @module
 */

/**
 * @typedef {object} NoticeTexts
 * @property {string} lang for times
 * @property {string} label what the bell is called
 * @property {string} unread with `{n}`
 * @property {string} isUnread said of one notification
 * @property {string} markAll
 * @property {string} more what the button says that lists older ones
 * @property {string} none where there are none
 * @property {string} loading before that is known
 * @property {string} close
 * @property {string} waiting the connection was lost
 * @property {string} refused it was refused, and is not tried again
 * @property {string} retry what the button says that tries again at once
 * @property {Readonly<Record<string, string>>} notices what a notification says, by its type
 */

/** @type {NoticeTexts} */
export const en = {
  lang: "en",
  label: "Notifications",
  unread: "{n} unread",
  isUnread: "Unread",
  markAll: "Mark all as read",
  more: "Show older ones",
  none: "No notifications yet.",
  loading: "Loading",
  close: "Close",
  waiting: "Connection lost, reconnecting.",
  refused: "Not connected.",
  retry: "Try again now",
  notices: {
    transcode_complete: "{title} is ready.",
    transcode_failed: "{title} could not be transcoded: {error}",
  },
};

/** @returns {string} a text with what it names, in one pass: what is put in is no text of ours */
export const fill = (/** @type {string} */ text, /** @type {Readonly<Record<string, any>>} */ fields) =>
  text.replace(/\{(\w+)\}/gu, (_, name) => (Object.hasOwn(fields, name) ? `${fields[name] ?? ""}` : ""));

/**
 * What a notification says, in one sentence; of a type that has no text its own `message`, `text` or `title`.
 *
 * @param {Readonly<Record<string, any>>} notification
 * @param {Partial<NoticeTexts>} [texts]
 * @returns {string}
 */
export function noticeOf(notification, { notices } = {}) {
  const { type, message, text, title } = notification;
  const template = { ...en.notices, ...notices }[type];
  return template ? fill(template, notification) : `${message ?? text ?? title ?? type}`;
}

/**
 * @param {string} timestamp RFC 3339
 * @param {string} lang
 * @param {number} [now] milliseconds since 1970
 * @returns {string} how long ago, such as `5 minutes ago`; of what is older than a week the day
 */
export function whenOf(timestamp, lang, now = Date.now()) {
  const seconds = Math.min(0, (Date.parse(timestamp) - now) / 1000);
  if (Number.isNaN(seconds)) return "";
  /** @type {[number, Intl.RelativeTimeFormatUnit][]} */
  const units = [[60, "second"], [60, "minute"], [24, "hour"], [7, "day"]];
  const format = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  let value = seconds;
  for (const [size, unit] of units) {
    if (Math.abs(value) < size) return format.format(unit === "second" ? 0 : Math.trunc(value), unit);
    value /= size;
  }
  return new Intl.DateTimeFormat(lang, { dateStyle: "medium" }).format(new Date(timestamp));
}
