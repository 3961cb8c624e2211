/**
 * Shows what is pushed, and opens what it is about; a service worker, which `push.js` registers.
 *
 * It has no part in what pages load: it handles no `fetch`.
 */

/**
 * @typedef {object} Pushed what a push says: docs/NOTIFICATIONS.md
 * @property {string} id
 * @property {string} title
 * @property {string} [body]
 * @property {number} [unread]
 * @property {string} [url]
 * @property {string} [timestamp]
 *
 * @typedef {{waitUntil(work: Promise<unknown>): void}} Extendable
 * @typedef {Extendable & {data: {json(): Pushed} | null}} PushEvent
 * @typedef {Extendable & {notification: Notification}} ClickEvent
 * @typedef {{url: string, focus(): Promise<unknown>}} OpenWindow
 *
 * @typedef {object} Worker as much of a ServiceWorkerGlobalScope as is needed here
 * @property {Location} location
 * @property {ServiceWorkerRegistration} registration
 * @property {{matchAll(options: {type: "window", includeUncontrolled: true}): Promise<OpenWindow[]>,
 *   openWindow(url: string): Promise<unknown>}} clients
 * @property {Navigator & {setAppBadge?: (count: number) => Promise<void>}} navigator
 * @property {() => Promise<void>} skipWaiting
 * @property {((type: "push", fn: (event: PushEvent) => void) => void)
 *   & ((type: "notificationclick", fn: (event: ClickEvent) => void) => void)
 *   & ((type: "install", fn: () => void) => void)} addEventListener
 */

const worker = /** @type {Worker} */ (/** @type {unknown} */ (self));

/** What is opened where a notification leads nowhere. */
const home = new URL(worker.location.href).searchParams.get("home") ?? "/";

/** A newer one takes over at once: it answers no page, so none can be in the middle of something. */
worker.addEventListener("install", () => void worker.skipWaiting());

worker.addEventListener("push", (event) => {
  if (event.data) event.waitUntil(show(event.data.json()));
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

async function show(/** @type {Pushed} */ { id, title, body = "", unread = 1, url, timestamp }) {
  // It may come twice, where a server was lost in the middle of sending it: then it takes its own place, silently.
  const shown = { body, tag: id, data: url, timestamp: Date.parse(timestamp ?? "") || Date.now() };
  await worker.registration.showNotification(unread > 1 ? `(${unread}) ${title}` : title, shown);
  await worker.navigator.setAppBadge?.(unread).catch(() => {});
}

async function open(/** @type {string | undefined} */ url) {
  const { origin } = worker.location;
  let target = new URL(url ?? home, origin);
  // Whoever may notify somebody does not choose the site that their browser opens.
  if (target.origin !== origin) target = new URL(home, origin);
  const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((one) => one.url === target.href);
  await (there ? there.focus() : worker.clients.openWindow(target.href));
}
