import assert from "node:assert/strict";
import { test } from "node:test";

import { barOf, NOTHING_SAID, remember } from "../../src/streamer/web/client/progress-bar.js";
import * as languages from "../../src/streamer/web/client/languages.js";
import { en } from "../../src/streamer/web/client/texts.js";
import { UNKNOWN } from "../../src/streamer/web/client/watch.js";

/** @import { Tree } from "../../src/streamer/web/client/progress-bar.js" */

/** @returns {Tree} the first element of the tree for which `is` holds */
function find(/** @type {Tree} */ tree, /** @type {(attributes: any) => boolean} */ is) {
  const found = search(tree, is);
  assert.ok(found);
  return found;
}

/** @returns {Tree | undefined} */
function search(/** @type {Tree} */ tree, /** @type {(attributes: any) => boolean} */ is) {
  if (is(tree[1])) return tree;
  for (const inside of tree.slice(2)) {
    const found = Array.isArray(inside) ? search(/** @type {Tree} */ (inside), is) : undefined;
    if (found) return found;
  }
  return undefined;
}

const live = { ...UNKNOWN, state: "live", isConnected: true };
const of = (/** @type {any} */ snapshot, more = {}) => ({ ...live, snapshot, ...more });
const part = (/** @type {any} */ now, /** @type {string} */ name, look = {}) => find(barOf(now, look), (all) => all.part === name);
const track = (/** @type {any} */ now, look = {}) => part(now, "track", look)[1];
const inPart = (/** @type {any} */ now, /** @type {string} */ name, look = {}) => part(now, name, look).slice(2).join("");

/** What is announced over a sequence of looks, without repeats. */
function heard(/** @type {any[]} */ ...looks) {
  let memory = NOTHING_SAID;
  return looks.map((now) => {
    memory = remember(memory, now);
    return inPart({ ...now, memory }, "said", { label: "Film" });
  });
}

test("a bar has a role, a name, and its value as a number and as words", () => {
  const now = of({ status: "running", progress: 0.456, message: "frame 9" });
  const bar = track(now, { label: "Film" });
  assert.equal(bar.role, "progressbar");
  assert.equal(bar["aria-label"], "Film");
  assert.equal(bar["aria-valuenow"], "45");
  assert.equal(bar["aria-valuetext"], "45%, Running · frame 9");
});

test("a bar whose progress nobody knows has no value", () => {
  for (const now of [UNKNOWN, of({ status: "running", progress: null })]) {
    assert.equal(track(now)["aria-valuenow"], undefined);
    assert.equal(track(now)["data-unknown"], "");
  }
  assert.equal(track(of({ status: "cancelled", progress: null }))["data-unknown"], undefined);
});

test("a percentage is rounded down, so that 100 is the end, and what is out of range is cut", () => {
  const shown = (/** @type {number} */ progress) => track(of({ status: "running", progress }))["aria-valuenow"];
  assert.deepEqual([0, 0.29, 0.999, 1, -1, 7].map(shown), ["0", "29", "99", "100", "0", "100"]);
});

test("each state has a drawing and words of its own", () => {
  const states = ["queued", "running", "retrying", "stalled", "completed", "cancelled"];
  const all = states.map((status) => {
    const [, , drawing, ...said] = part(of({ status, progress: 0.5 }), "icon");
    return `${JSON.stringify([drawing, said])} ${inPart(of({ status, progress: 0.5 }), "text")}`;
  });
  assert.equal(new Set(all).size, states.length);
});

test("a failure is an alert that says what and why, and is said nowhere else", () => {
  const now = of({ status: "failed", progress: 0.5, error: "no space" });
  const alert = part(now, "alert");
  assert.equal(alert[1].role, "alert");
  assert.equal(alert[2], "Failed: no space");
  assert.equal(part(now, "text")[1].hidden, true);
  assert.equal(heard(of({ status: "running", progress: 0.5 }), now)[1], "");
});

test("a connection that is refused is an alert, one that is lost is a line with a button", () => {
  const refused = of(null, { state: "refused", reason: "The token was revoked.", isConnected: false });
  assert.equal(inPart(refused, "alert"), "Not connected: The token was revoked.");
  const waiting = of({ status: "running", progress: 0.5 }, { state: "waiting", attempts: 1, isConnected: false });
  assert.equal(part(waiting, "link")[1].hidden, false);
  assert.equal(part(waiting, "link", { showConnectionStatus: false })[1].hidden, true);
  assert.equal(part(live, "link")[1].hidden, true);
  assert.equal(part(live, "link", { showConnectionStatus: true })[1].hidden, false);
  assert.equal(part(waiting, "retry")[1].hidden, false);
});

test("the start, each quarter and the end are said, and not each percent", () => {
  const at = (/** @type {number} */ progress) => of({ status: "running", progress });
  assert.deepEqual(heard(of({ status: "queued", progress: 0 }), at(0), at(0.1), at(0.26), at(0.3), at(0.8), of({ status: "completed", progress: 1 })), [
    "Film: Waiting", "Film: Started", "Film: Started", "Film: 26%", "Film: 26%", "Film: 80%", "Film: Done",
  ]);
});

test("another attempt is said, whichever way it is reported", () => {
  const running = { status: "running", progress: 0.1 };
  const [, retrying, again] = heard(of({ ...running, attempt: 1 }), of({ status: "retrying", progress: 0.1, attempt: 2 }), of({ ...running, attempt: 2 }));
  assert.equal(retrying, "Film: attempt 2");
  assert.equal(again, "Film: Running");
  assert.equal(heard(of({ ...running, attempt: 1 }), of({ ...running, attempt: 2 }))[1], "Film: attempt 2");
});

test("a lost connection is said once, and that it is back", () => {
  const running = { status: "running", progress: 0.1 };
  const away = of(running, { state: "waiting", attempts: 1 });
  assert.deepEqual(heard(of(running), away, of(running, { state: "connecting", attempts: 1 }), of(running)).slice(1), [
    "Film: Connection lost, reconnecting", "Film: Connection lost, reconnecting", "Film: Connected",
  ]);
});

test("who comes late hears how far it is, and nothing of what was over before", () => {
  assert.deepEqual(heard(of({ status: "running", progress: 0.6 })), ["Film: 60%"]);
  assert.deepEqual(heard(of({ status: "completed", progress: 1 })), [""]);
});

test("a job that is run again after its end is said to start again", () => {
  const again = heard(of({ status: "running", progress: 0.6 }), of({ status: "completed", progress: 1 }), of({ status: "running", progress: 0 }));
  assert.equal(again[2], "Film: Started");
});

test("each language has every text, with its number where English has one", () => {
  for (const language of Object.values(languages)) {
    for (const [key, english] of Object.entries(en)) {
      const own = language[/** @type {keyof typeof en} */ (key)];
      assert.ok(own, key);
      assert.equal(own.includes("{n}"), english.includes("{n}"), key);
    }
  }
});

test("texts are replaced one by one; what a publisher said stays as it is", () => {
  const now = of({ status: "running", progress: 0.5, message: "{n} left" });
  assert.equal(inPart(now, "text", { texts: { running: "Läuft" } }), "Läuft · {n} left");
  assert.equal(track(now, { texts: languages.ko })["aria-label"], "진행률");
});
