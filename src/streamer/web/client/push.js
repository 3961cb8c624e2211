/**
 * Web Push: this browser is told of notifications that were not read in time, also with no page open.
 *
 * ```js
 * button.onclick = () => subscribeToPush({ getToken }); // asks the person, so in a click alone
 * await keepPush({ getToken }); // whenever the page is opened: asks nobody
 * logout.onclick = () => unsubscribeFromPush({ getToken });
 * ```
 *
 * @module
 */

import { requestsTo } from "./requests.js";

/** @import { RequestOptions } from "./requests.js" */

/**
 * @typedef {object} PushOnly
 * @property {string} [reader] who is told, where nobody is asked who they are
 * @property {string} [worker] the address of `push-worker.js` on the page's own origin, or of a worker of yours; by default
 *   where it lies beside this module
 * @property {string} [home] what a click on a notification opens that leads nowhere itself; by default `/`
 *
 * @typedef {RequestOptions & PushOnly} PushOptions those that a client was made with, and its own
 *
 * @typedef {"unsupported" | "denied" | "off" | "on"} PushState unsupported: not by this browser, or not on a page without
 *   TLS; denied: the person said no, and only they can change that; on: this browser is subscribed
 *
 * @typedef {Error & {code: "unsupported" | "denied"}} PushError
 */

const PATH = "/push/subscriptions";

const isSupported = () => "PushManager" in globalThis && "Notification" in globalThis && !!globalThis.navigator?.serviceWorker;

/** @returns {PushError} */
const error = (/** @type {"unsupported" | "denied"} */ code, /** @type {string} */ message) => Object.assign(new Error(message), { code });

/** A page may demand that what becomes a script says so; this is what `trusted-types` has to allow then. */
const POLICY = "streamer-push";
/** @typedef {{createScriptURL(url: string): string}} Policy */
/** @type {Policy | undefined} */
let policy;

function trusted(/** @type {URL} */ { origin, href }) {
  if (origin !== location.origin) throw new TypeError(`a worker must be of the page's own origin, not of ${origin}; say where with "worker"`);
  const { trustedTypes } = /** @type {{trustedTypes?: {createPolicy(name: string, rules: Policy): Policy}}} */ (/** @type {unknown} */ (globalThis));
  policy ??= trustedTypes?.createPolicy(POLICY, { createScriptURL: (url) => url }) ?? { createScriptURL: (url) => url };
  return policy.createScriptURL(href);
}

const addressOf = (/** @type {PushOptions} */ { worker, home }) => {
  const address = worker ? new URL(worker, location.href) : new URL("./push-worker.js", import.meta.url);
  if (home) address.searchParams.set("home", home);
  return address;
};

/** @returns {Promise<ServiceWorkerRegistration>} once its worker is at work */
async function registered(/** @type {PushOptions} */ options) {
  const registration = await navigator.serviceWorker.register(trusted(addressOf(options)));
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (worker && worker.state !== "activated") {
    await new Promise((done, fail) => {
      worker.onstatechange = () => {
        if (worker.state === "activated") done(null);
        if (worker.state === "redundant") fail(new Error("the worker could not be installed"));
      };
    });
  }
  return registration;
}

/** @returns {Promise<PushSubscription | null>} what this browser has, which asks nobody */
async function subscribed(/** @type {PushOptions} */ options) {
  // Of the scope that such a worker has by default: the folder it lies in.
  const registration = await navigator.serviceWorker.getRegistration(new URL("./", addressOf(options)).href);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** @returns {string} bytes in base64url, as the server writes them */
const textOf = (/** @type {ArrayBuffer | null | undefined} */ bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0)))).replace(/[+/=]/gu, (c) => ({ "+": "-", "/": "_" })[c] ?? "");

/** Subscribe for the server's key, and let it know; a person has agreed to it before. */
async function subscribe(/** @type {PushOptions} */ options) {
  const request = requestsTo(options);
  const { key } = await request("/push/key");
  const { pushManager } = await registered(options);
  let subscription = await pushManager.getSubscription();
  // For another key, as of a server from before: nobody can send to it any more.
  if (subscription && textOf(subscription.options.applicationServerKey) !== key) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await request(PATH, { method: "PUT", body: JSON.stringify({ ...subscription.toJSON(), reader: options.reader }) });
}

/**
 * Whether this browser is told, and whether it could be.
 *
 * @param {PushOptions} [options]
 * @returns {Promise<PushState>}
 */
export async function pushState(options = {}) {
  if (!isSupported()) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return (await subscribed(options)) ? "on" : "off";
}

/**
 * Ask the person, and have this browser told. Call it in a click: a browser asks at no other time.
 *
 * @param {PushOptions} [options]
 * @returns {Promise<void>} rejects with a {@link PushError}, or as requests do
 */
export async function subscribeToPush(options = {}) {
  if (!isSupported()) throw error("unsupported", "This browser takes no pushes, or not on this page.");
  // First of all: later it would not be in the click any more.
  if ((await Notification.requestPermission()) !== "granted") throw error("denied", "Notifications are not allowed on this page.");
  await subscribe(options);
}

/**
 * Tell the server that this browser is still there, and whose it is by now. Call it whenever a page is opened.
 *
 * @param {PushOptions} [options]
 * @returns {Promise<boolean>} whether this browser is told
 */
export async function keepPush(options = {}) {
  if (!isSupported() || Notification.permission !== "granted" || !(await subscribed(options))) return false;
  await subscribe(options);
  return true;
}

/**
 * Have this browser told no longer, as when somebody logs out. Whatever the server says to it, nothing comes any more.
 *
 * @param {PushOptions} [options]
 * @returns {Promise<boolean>} whether it was told before
 */
export async function unsubscribeFromPush(options = {}) {
  const subscription = isSupported() ? await subscribed(options) : null;
  if (!subscription) return false;
  try {
    await requestsTo(options)(PATH, { method: "DELETE", body: JSON.stringify({ endpoint: subscription.endpoint, reader: options.reader }) });
  } finally {
    await subscription.unsubscribe();
  }
  return true;
}
