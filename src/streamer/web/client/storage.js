/**
 * How far a subscription is, kept over a reload of its tab or for its device.
 *
 * @module
 */

/** @import { Subscription } from "./subscription.js" */

const NAME = "streamer";
/** Milliseconds between writes at most. What came since is told once more after a crash, never lost. */
const WRITE_MS = 1000;
/** Milliseconds for an answer of the database: some never come, as where another tab holds it up. */
const ANSWER_MS = 2000;
const ID = /^\d{1,15}-\d{1,20}$/u;

/**
 * Begin where it was, if that is known, and keep where it is from now on.
 *
 * @param {Subscription} one
 * @param {string} key
 * @param {"session" | "device"} persist
 * @param {AbortSignal} closed
 */
export async function keep(one, key, persist, closed) {
  const [kept, put] = await (persist === "device" ? device : session)(`${NAME} ${key}`);
  if (ID.test(`${kept}`)) one.lastEventId = `${kept}`;
  let last = kept;
  const write = () => {
    const { lastEventId } = one;
    try {
      if (lastEventId && lastEventId !== last) put((last = lastEventId));
    } catch {
      // It is full, or the browser has closed it: after a reload it begins where it could be written last.
    }
    if (one.closed || closed.aborted || one.state === "ended") clearInterval(writing);
  };
  const writing = setInterval(write, WRITE_MS);
  // A page has until here to say where it is.
  for (const type of ["pagehide", "visibilitychange"]) addEventListener(type, write, { capture: true, signal: closed });
  closed.addEventListener("abort", write);
}

/** @typedef {[unknown, (id: string) => void]} Store what is kept, and what keeps it */

/** @returns {Store} */
const session = (/** @type {string} */ key) => [sessionStorage[key], (id) => (sessionStorage[key] = id)];

/** @returns {Promise<Store>} */
async function device(/** @type {string} */ key) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(NAME);
  const database = await answered(opening);
  const store = (/** @type {IDBTransactionMode} */ mode) => database.transaction(NAME, mode).objectStore(NAME);
  return [await answered(store("readonly").get(key)), (id) => store("readwrite").put(id, key)];
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const answered = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = failed;
  setTimeout(failed, ANSWER_MS);
});
