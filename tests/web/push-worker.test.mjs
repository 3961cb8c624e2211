// The worker that shows pushes: what it shows, and where a click leads.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SCRIPT = readFileSync(new URL("../../src/streamer/web/client/push-worker.js", import.meta.url), "utf-8");

/** @typedef {{title: string, options: {body: string, tag: string, data: unknown, timestamp: number}}} Shown */

/** A service worker of https://live.example, with what it did. */
function start({ query = "", windows = /** @type {string[]} */ ([]) } = {}) {
  /** @type {Map<string, (event: any) => void>} */
  const listeners = new Map();
  /** @type {{shown: Shown[], opened: string[], focused: string[], badges: number[]}} */
  const did = { shown: [], opened: [], focused: [], badges: [] };
  const scope = {
    location: new URL(`https://live.example/client/push-worker.js${query}`),
    addEventListener: (/** @type {string} */ type, /** @type {(event: any) => void} */ fn) => listeners.set(type, fn),
    registration: { showNotification: async (/** @type {string} */ title, /** @type {Shown["options"]} */ options) => void did.shown.push({ title, options }) },
    navigator: { setAppBadge: async (/** @type {number} */ n) => void did.badges.push(n) },
    clients: {
      matchAll: async () => windows.map((url) => ({ url, focus: async () => void did.focused.push(url) })),
      openWindow: async (/** @type {string} */ url) => void did.opened.push(url),
    },
  };
  runInNewContext(SCRIPT, { self: scope, URL, Date });
  async function fire(/** @type {string} */ type, /** @type {object} */ given) {
    /** @type {Promise<unknown>[]} */
    const works = [];
    listeners.get(type)?.({ ...given, waitUntil: (/** @type {Promise<unknown>} */ work) => works.push(work) });
    await Promise.all(works);
    return did;
  }
  return {
    push: (/** @type {unknown} */ said) => fire("push", { data: { json: () => said } }),
    nothing: () => fire("push", { data: null }),
    click: (/** @type {unknown} */ data) => fire("notificationclick", { notification: { data, close() {} } }),
  };
}

test("it shows the newest, with the number of all", async () => {
  const worker = start();
  const { shown, badges } = await worker.push({ id: "7-0", title: "Cats", body: "ready", unread: 3, timestamp: "2025-02-02T08:00:10.123Z", url: "/cats" });
  assert.deepEqual({ ...shown[0]?.options }, { body: "ready", tag: "7-0", data: "/cats", timestamp: 1738483210123 });
  assert.equal(shown[0]?.title, "(3) Cats");
  assert.deepEqual(badges, [3]);
});

test("one alone has no number, and a push that says nothing shows nothing", async () => {
  const worker = start();
  await worker.nothing();
  const { shown } = await worker.push({ id: "7-0", title: "Cats" });
  assert.deepEqual(shown.map(({ title }) => title), ["Cats"]);
});

for (const [data, leads] of [
  ["/chats/42", "https://live.example/chats/42"],
  ["https://live.example/a", "https://live.example/a"],
  ["https://evil.example/", "https://live.example/app"],
  ["//evil.example/", "https://live.example/app"],
  ["javascript:alert(1)", "https://live.example/app"],
  [undefined, "https://live.example/app"],
]) {
  test(`a click on what leads to ${data} opens ${leads}`, async () => {
    assert.deepEqual((await start({ query: "?home=%2Fapp" }).click(data)).opened, [leads]);
  });
}

test("a window that is there is shown, and no other opened", async () => {
  const there = "https://live.example/chats/42";
  const { opened, focused } = await start({ windows: ["https://live.example/", there] }).click("/chats/42");
  assert.deepEqual([opened, focused], [[], [there]]);
});
