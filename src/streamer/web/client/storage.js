/**
 * How far a subscription is, kept over a reload of its tab or for its device.
 *
 * @module
 */

/** @import { Environment } from "./environment.js" */
/** @import { Subscription } from "./subscription.js" */

const NAME = "streamer";
/** Milliseconds between writes at most. What came since is told once more after a crash, never lost. */
const WRITE_MS = 1000;
const ID = /^\d{1,15}-\d{1,20}$/u;

/** @typedef {{read: () => Promise<unknown>, write: (id: string) => void}} Store */

/**
 * Begin where it was, if that is known, and keep where it is from now on.
 *
 * @param {Subscription} subscription
 * @param {string} key
 * @param {"session" | "device"} persist
 * @param {Environment} environment
 */
export async function keep(subscription, key, persist, environment) {
  const store = persist === "device" ? await device(key, environment) : session(key, environment);
  const kept = await store.read();
  if (typeof kept === "string" && ID.test(kept)) subscription.lastEventId = kept;
  let timer = 0;
  const write = () => {
    environment.clearTimeout(timer);
    timer = 0;
    if (subscription.lastEventId !== null) store.write(subscription.lastEventId);
  };
  const later = () => {
    timer ||= environment.setTimeout(write, WRITE_MS);
  };
  subscription.on("*", later);
  subscription.on("gap", later);
  subscription.on("state", later);
  // A page has until here to say where it is.
  const off = [environment.listen("pagehide", write), environment.listen("visibilitychange", write)];
  subscription.on("closed", () => {
    write();
    for (const one of off) one();
  });
}

/** @returns {Store} */
function session(/** @type {string} */ key, /** @type {Environment} */ { sessionStorage = globalThis.sessionStorage }) {
  return {
    read: async () => sessionStorage.getItem(`${NAME} ${key}`),
    write: (id) => sessionStorage.setItem(`${NAME} ${key}`, id),
  };
}

/** @returns {Promise<Store>} */
async function device(/** @type {string} */ key, /** @type {Environment} */ { indexedDB = globalThis.indexedDB }) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(NAME);
  const database = await /** @type {Promise<IDBDatabase>} */ (answered(opening));
  const store = (/** @type {IDBTransactionMode} */ mode) => database.transaction(NAME, mode).objectStore(NAME);
  return {
    read: () => answered(store("readonly").get(key)),
    write: (id) => void store("readwrite").put(id, key),
  };
}

/** @returns {Promise<unknown>} */
function answered(/** @type {IDBRequest} */ request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}
