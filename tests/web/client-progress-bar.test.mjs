import assert from "node:assert/strict";
import { test } from "node:test";

import { barOf } from "../../src/streamer/web/client/progress-bar.js";
import * as languages from "../../src/streamer/web/client/languages.js";
import { en } from "../../src/streamer/web/client/texts.js";
import { watch } from "../../src/streamer/web/client/watch.js";

/** Each element by its part: its attributes, and what is in it. @typedef {Record<string, {inside: string} & Record<string, any>>} Parts */

const unknown = watch("jobs/a").get();
const live = { ...unknown, state: "live", isConnected: true, hasRun: true };
const of = (/** @type {any} */ snapshot, more = {}) => ({ ...live, snapshot, ...more });

/** @returns {Parts} */
function parts(/** @type {any} */ now, look = {}) {
  /** @type {Parts} */
  const all = {};
  barOf((name, attributes, ...inside) => {
    all[attributes.part ?? name] = { ...attributes, inside: inside.join("") };
    return inside.join("");
  }, now, look);
  return all;
}

const part = (/** @type {any} */ now, /** @type {string} */ name, look = {}) => parts(now, look)[name] ?? assert.fail(name);
const track = (/** @type {any} */ now, look = {}) => part(now, "track", look);
const inPart = (/** @type {any} */ now, /** @type {string} */ name, look = {}) => part(now, name, look).inside;
/** What is announced at each look. */
const heard = (/** @type {any[]} */ ...looks) => looks.map((now) => inPart(now, "said", { label: "Film" }));

test("a bar has a role, a name, and its value as a number and as words", () => {
  const now = of({ status: "running", progress: 0.456, message: "frame 9" });
  const bar = track(now, { label: "Film" });
  assert.equal(bar.role, "progressbar");
  assert.equal(bar["aria-label"], "Film");
  assert.equal(bar["aria-valuenow"], "45");
  assert.equal(bar["aria-valuetext"], "45%, Running · frame 9");
});

test("a bar whose progress nobody knows has no value", () => {
  for (const now of [unknown, of({ status: "running", progress: null })]) {
    assert.equal(track(now)["aria-valuenow"], undefined);
    assert.equal(part(now, "fill unknown").style.inlineSize, null);
  }
  assert.equal(track(of({ status: "cancelled", progress: null }))["aria-valuenow"], undefined);
  assert.equal(part(of({ status: "cancelled", progress: null }), "fill").style.inlineSize, "0%");
});

test("a percentage is rounded down, so that 100 is the end", () => {
  const shown = (/** @type {number} */ progress) => track(of({ status: "running", progress }))["aria-valuenow"];
  assert.deepEqual([0, 0.29, 0.999, 1].map(shown), ["0", "29", "99", "100"]);
});

test("what a publisher said last is shown until the end, where it may be of any time", () => {
  assert.equal(inPart(of({ status: "running", message: "frame 9" }), "text"), "Running · frame 9");
  assert.equal(inPart(of({ status: "completed", message: "frame 9" }), "text"), "Done");
});

test("each state has a sign and words of its own", () => {
  const states = ["queued", "running", "retrying", "stalled", "completed", "failed", "cancelled"];
  const looks = states.map((status) => of({ status, progress: 0.5 }));
  assert.equal(new Set(looks.map((now) => inPart(now, "icon"))).size, states.length);
  assert.equal(new Set(looks.map((now) => inPart(now, "text"))).size, states.length);
});

test("a state that a newer server may have is shown as it is", () => {
  const now = of({ status: "paused", progress: 0.5 });
  assert.equal(inPart(now, "text"), "paused");
  assert.equal(inPart(now, "icon"), "○");
});

test("a failure is an alert that says what and why, and is said nowhere else", () => {
  const now = of({ status: "failed", progress: 0.5, error: "no space" });
  assert.equal(part(now, "alert").role, "alert");
  assert.equal(inPart(now, "alert"), "Failed: no space");
  assert.equal(inPart(of({ status: "failed", message: "frame 9" }), "alert"), "Failed: frame 9");
  assert.equal(inPart(of({ status: "failed" }), "alert", { label: "Film" }), "Failed: Film");
  assert.equal(inPart(now, "text"), "");
  assert.deepEqual(heard(now), [""]);
});

test("a connection that is refused is an alert, one that is lost is a line; each with a button", () => {
  const refused = of(null, { state: "refused", reason: "The token was revoked.", isConnected: false });
  assert.equal(inPart(refused, "alert"), "Not connected: The token was revoked.");
  assert.equal(inPart(refused, "bdi"), "");
  assert.equal(part(refused, "fill").style.inlineSize, "0%");
  const waiting = of({ status: "running", progress: 0.5 }, { state: "waiting", reason: "The server is restarting.", reconnectAttempts: 1, isConnected: false });
  assert.equal(inPart(waiting, "alert"), "");
  assert.equal(inPart(waiting, "bdi"), "Connection lost, reconnecting: The server is restarting.");
  for (const now of [refused, waiting]) {
    assert.equal(part(now, "link").hidden, false);
    assert.equal(part(now, "retry").hidden, false);
    assert.equal(part(now, "link", { showConnectionStatus: false }).hidden, true);
  }
});

test("how the connection is, is said on request while it is there, and of what is over no more", () => {
  const show = { showConnectionStatus: true };
  const away = { ...unknown, state: "waiting", reason: "This device is offline." };
  assert.equal(inPart(unknown, "text"), "Connecting");
  assert.equal(inPart(away, "text"), "");
  assert.equal(track(away)["aria-valuetext"], "Connection lost, reconnecting");
  assert.equal(inPart(away, "text", { showConnectionStatus: false }), "Connection lost, reconnecting");
  const shown = (/** @type {any} */ now) => [part(now, "link", show).hidden, inPart(now, "bdi", show), part(now, "retry", show).hidden];
  assert.equal(part(live, "link").hidden, true);
  assert.deepEqual(shown(live), [false, "Connected", true]);
  assert.deepEqual(shown({ ...live, state: "polling" }), [false, "Connected, slower", true]);
  assert.deepEqual(shown(unknown), [false, "Connecting", true]);
  const over = of({ status: "completed", progress: 1 }, { state: "waiting", reconnectAttempts: 1, isConnected: false });
  assert.equal(part(over, "link").hidden, true);
  assert.equal(part(over, "link", show).hidden, true);
});

test("the start, each quarter and the end are said, and not each percent", () => {
  const at = (/** @type {number} */ progress) => of({ status: "running", progress });
  assert.deepEqual(heard(of({ status: "queued", progress: 0 }), at(0), at(0.1), at(0.26), at(0.3), at(0.8), of({ status: "completed", progress: 1 })), [
    "Film: Waiting", "Film: Running", "Film: Running", "Film: 25%", "Film: 25%", "Film: 75%", "Film: Done",
  ]);
});

test("another attempt is said, until the next quarter", () => {
  const all = heard(
    of({ status: "retrying", progress: 0.3, attempt: 2 }),
    of({ status: "running", progress: 0, attempt: 2 }),
    of({ status: "running", progress: 0.3, attempt: 2 }),
    of({ status: "completed", progress: 1, attempt: 2 }),
  );
  assert.deepEqual(all, ["Film: Trying again, attempt 2", "Film: Running, attempt 2", "Film: 25%", "Film: Done"]);
});

test("a lost connection is said once, and how far it is when it is back", () => {
  const running = { status: "running", progress: 0.6 };
  const away = of(running, { state: "waiting", reconnectAttempts: 1 });
  assert.deepEqual(heard(of(running), away, of(running, { state: "connecting", reconnectAttempts: 1 }), of(running)), [
    "Film: 50%", "Film: Connection lost, reconnecting", "Film: Connection lost, reconnecting", "Film: 50%",
  ]);
});

test("nothing is said of what was over before anybody watched, or has not begun", () => {
  const silent = { hasRun: false };
  assert.deepEqual(heard(unknown, of({ status: "completed", progress: 1 }, silent), of({ status: null }, silent)), ["", "", ""]);
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
