// What the bell does where there is no page: bundled and run by test_web_notifications.py, with React 18 and 19.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createElement as h } from "react";
import { renderToString } from "react-dom/server";

import { noticeOf, whenOf } from "../../src/streamer/web/client/notices.js";
import { ko, zh } from "../../src/streamer/web/client/notices-languages.js";
import { NotificationBell, NotificationsProvider, useNotifications } from "../../src/streamer/web/client/notifications-react.js";

test("on a server the bell is there, nothing is known, and nothing is connected", () => {
  // The page's own client could not even be made here: it would not know its server.
  const html = renderToString(h(NotificationsProvider, {}, h(NotificationBell, {})));
  assert.match(html, /aria-label="Notifications"/);
  assert.match(html, /aria-expanded="false"/);
  assert.doesNotMatch(html, /part="badge"/);
});

test("outside of a provider the hook says what is missing", () => {
  function Lost() {
    useNotifications();
    return null;
  }
  assert.throws(() => renderToString(h(Lost)), /outside of a <NotificationsProvider>/);
});

test("what is called before anything is connected does nothing, and what is sent is refused", async () => {
  /** @type {import("../../src/streamer/web/client/notifications-react.js").Notifications | undefined} */
  let now;
  function Caller() {
    now = useNotifications();
    return null;
  }
  renderToString(h(NotificationsProvider, {}, h(Caller)));
  await now?.markAsRead();
  await now?.loadMore();
  now?.retryNow();
  await assert.rejects(/** @type {Promise<unknown>} */ (now?.sendMessage("ping")), /not connected/);
});

test("a notification says what its type has a text for, else its own words", () => {
  const complete = { type: "transcode_complete", title: "{error} Cats" };
  assert.equal(noticeOf(complete), "{error} Cats is ready.");
  assert.equal(noticeOf(complete, zh), "{error} Cats 已转码完成。");
  assert.equal(noticeOf({ type: "transcode_failed", title: "Cats" }), "Cats could not be transcoded: ");
  assert.equal(noticeOf({ type: "invited", by: "ada" }, { ...ko, notices: { invited: "{by}, {toString}" } }), "ada, ");
  assert.equal(noticeOf({ type: "invited", message: "Come in" }), "Come in");
  assert.equal(noticeOf({ type: "label", title: "A title" }), "A title");
  assert.equal(noticeOf({ type: "invited" }), "invited");
});

test("a time is said in words, of what is older than a week as a day, of none not at all", () => {
  const at = (/** @type {number} */ seconds) => new Date(1_795_000_000_000 - seconds * 1000).toISOString();
  const said = [-5, 0, 59, 60, 3599, 3600, 86_400, 6 * 86_400].map((seconds) => whenOf(at(seconds), "en", 1_795_000_000_000));
  assert.deepEqual(said, ["now", "now", "now", "1 minute ago", "59 minutes ago", "1 hour ago", "yesterday", "6 days ago"]);
  assert.match(whenOf(at(8 * 86_400), "en", 1_795_000_000_000), /^\w{3} \d+, 2026$/);
  assert.equal(whenOf("tomorrow", "en"), "");
  assert.match(whenOf(at(3600), "ko", 1_795_000_000_000), /1시간 전/);
});
