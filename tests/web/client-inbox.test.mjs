import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/streamer/web/client/client.js";
import { openInbox } from "../../src/streamer/web/client/inbox.js";
import { pass, problem, settled } from "./fake-server.mjs";
import { InboxServer } from "./inbox-server.mjs";

/** The inbox of 7, who has three notifications, of which one is read, and is live. */
async function opened(/** @type {{server?: InboxServer, [option: string]: any}} */ { server = new InboxServer(), ...more } = {}) {
  if (!server.events.length) {
    for (const n of [3, 4, 5]) await server.tell(n);
    server.cursors["users/7"] = server.cursors.system = "3-0";
  }
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch }, ...more };
  const client = createClient(options);
  const inbox = openInbox(client, options);
  await settled();
  if (server.connections.length) await server.live(server.events.at(-1)?.id);
  return { server, client, inbox, end: () => (inbox.close(), client.close()) };
}

const shown = (/** @type {ReturnType<typeof openInbox>} */ inbox) =>
  inbox.get().notifications.map(({ id, unread }) => `${id}${unread ? "*" : ""}`).join(" ");

test("it lists the newest first, says which are unread, and counts on", async () => {
  const { server, inbox, end } = await opened();
  assert.deepEqual([shown(inbox), inbox.get().unreadCount, inbox.get().reader], ["5-0* 4-0* 3-0", 2, "7"]);
  assert.deepEqual(server.last.topics, ["system", "users/7"]);
  await server.tell(6);
  await server.tell(7, "system_message", { topic: "system", message: "back at 8" });
  await server.tell(8, "transcode_progress", { video_id: "v1", progress: 5 });
  assert.deepEqual([shown(inbox), inbox.get().unreadCount], ["7-0* 6-0* 5-0* 4-0* 3-0", 4]);
  assert.deepEqual([inbox.get().latest?.message, inbox.get().lastMessage.type], ["back at 8", "transcode_progress"]);
  end();
});

test("a value is the same until something changes, and what is in it is never changed", async () => {
  const { server, inbox, end } = await opened();
  const before = inbox.get();
  assert.equal(inbox.get(), before);
  const kept = JSON.stringify(before);
  await server.tell(6);
  await inbox.markAsRead();
  assert.ok(inbox.get() !== before);
  assert.equal(JSON.stringify(before), kept);
  end();
});

test("all are marked as read, or those up to one, and what is no id is all", async () => {
  const { server, inbox, end } = await opened();
  const marked = inbox.markAsRead("4-0");
  await null;
  await null;
  assert.equal(shown(inbox), "5-0* 4-0 3-0");
  await marked;
  await settled();
  assert.equal(inbox.get().unreadCount, 1);
  await inbox.markAsRead({ type: "click" });
  assert.deepEqual([shown(inbox), inbox.get().unreadCount], ["5-0 4-0 3-0", 0]);
  assert.deepEqual(server.said.filter((one) => one.startsWith("read")), ["read 4-0", "read 5-0"]);
  end();
});

test("what another device has marked is shown as read, with what is for everybody", async () => {
  const { server, inbox, end } = await opened();
  await server.tell(6, "system_message", { topic: "system" });
  server.cursors = { "users/7": "6-0", system: "6-0" };
  await server.last.say({ type: "read", topic: "users/7", reader: "7", cursor: "6-0" });
  assert.deepEqual([shown(inbox), inbox.get().unreadCount], ["6-0 5-0 4-0 3-0", 0]);
  end();
});

test("older ones are listed on demand, and what comes meanwhile is not lost", async () => {
  const server = new InboxServer();
  for (let n = 2; n < 8; n += 1) await server.tell(n);
  const { inbox, end } = await opened({ server, limit: 2 });
  assert.deepEqual([shown(inbox), inbox.get().hasMore], ["7-0* 6-0*", true]);
  const both = [inbox.loadMore(), inbox.loadMore()];
  await server.tell(8);
  await Promise.all(both);
  await settled();
  assert.equal(shown(inbox), "8-0* 7-0* 6-0* 5-0* 4-0*");
  await inbox.markAsRead("6-0");
  await settled();
  // What was loaded stays, though it was counted anew.
  assert.equal(shown(inbox), "8-0* 7-0* 6-0 5-0 4-0");
  await inbox.loadMore();
  await settled();
  assert.deepEqual([shown(inbox), inbox.get().hasMore], ["8-0* 7-0* 6-0 5-0 4-0 3-0 2-0", false]);
  await inbox.loadMore();
  assert.equal(server.said.filter((one) => one.startsWith("list before")).length, 2);
  end();
});

test("where more came than a list has while it was away, it begins anew", async () => {
  const { server, inbox, end } = await opened({ limit: 3 });
  server.instead = () => new TypeError("fetch failed");
  await server.last.end();
  for (let n = 6; n < 12; n += 1) server.events.push({ id: `${n}-0`, type: "invited", topic: "users/7" });
  await pass(31_000);
  assert.deepEqual([shown(inbox), inbox.get().hasMore], ["11-0* 10-0* 9-0*", true]);
  end();
});

test("while the stream is down it is asked for every so often, and says that it is not connected", async () => {
  const { server, inbox, end } = await opened({ pollInterval: 5000 });
  server.instead = () => new TypeError("fetch failed");
  assert.equal(inbox.get().isConnected, true);
  await server.last.end();
  assert.equal(inbox.get().isConnected, false);
  server.events.push({ id: "6-0", type: "invited", topic: "users/7" });
  await pass(6000);
  assert.deepEqual([shown(inbox), inbox.get().unreadCount, inbox.get().isConnected], ["6-0* 5-0* 4-0* 3-0", 3, false]);
  end();
});

test("what came between the count and the list is listed once", async () => {
  const { server, inbox, end } = await opened({ pollInterval: 5000 });
  await server.tell(6);
  server.countedTo = "5-0";
  server.instead = () => new TypeError("fetch failed");
  await server.last.end();
  await pass(6000);
  assert.equal(shown(inbox), "6-0* 5-0* 4-0* 3-0");
  end();
});

test("how far a video is, is known by its name, to its end", async () => {
  const { server, inbox, end } = await opened();
  const progress = { video_id: "v1", status: "processing", progress: 45, message: "half way" };
  await server.tell(6, "transcode_progress", progress);
  await server.tell(7, "transcode_progress", { ...progress, video_id: "__proto__", progress: 5 });
  const { timestamp } = server.events[0];
  assert.deepEqual(inbox.get().progress.v1, { status: "processing", progress: 45, message: "half way", timestamp });
  assert.equal(Object.hasOwn(inbox.get().progress, "__proto__"), true);
  await server.tell(8, "transcode_complete", { video_id: "v1", title: "Cats", format_type: "hls", file_size: 1 });
  assert.deepEqual([inbox.get().progress.v1?.status, inbox.get().progress.v1?.progress], ["completed", 100]);
  await server.tell(9, "transcode_progress", { ...progress, video_id: "v2" });
  await server.tell(10, "transcode_failed", { video_id: "v2", title: "Dogs", error: "no space" });
  assert.deepEqual(inbox.get().progress.v2, { status: "failed", progress: 45, message: "no space", timestamp });
  end();
});

test("of videos and notifications no more are kept than there is room for", async () => {
  const { server, inbox, end } = await opened();
  for (let n = 6; n < 706; n += 1) server.last.write(`event: x\ndata: ${JSON.stringify({ id: `${n}-0`, type: n % 7 ? "invited" : "transcode_progress", topic: "users/7", video_id: `v${n}` })}\nid: ${n}-0\n\n`);
  await settled();
  assert.deepEqual([inbox.get().notifications.length, Object.keys(inbox.get().progress).length, inbox.get().hasMore], [500, 100, true]);
  end();
});

test("where nobody is asked who they are it is anybody's", async () => {
  const server = new InboxServer("anybody");
  server.isOpen = true;
  await server.tell(3);
  const { inbox, end } = await opened({ server });
  assert.deepEqual([inbox.get().reader, inbox.get().unreadCount], ["anybody", 1]);
  await inbox.markAsRead();
  assert.equal(inbox.get().unreadCount, 0);
  end();
});

test("one that asks for somebody else's is refused, and says why", async () => {
  const { inbox, end } = await opened({ reader: "8" });
  assert.deepEqual([inbox.get().state, inbox.get().reason, inbox.get().isConnected], ["refused", "somebody else's", false]);
  end();
});

test("one that has no inbox is refused, and says why", async () => {
  const server = new InboxServer();
  server.refusal = () => problem(403, "nobody's token");
  const { inbox, end } = await opened({ server });
  assert.deepEqual([inbox.get().state, inbox.get().reason, server.said.length], ["refused", "nobody's token", 1]);
  end();
});

test("with the token of another user it is another inbox", async () => {
  const { server, inbox, end } = await opened();
  server.reader = "8";
  server.cursors = { "users/8": null, system: null };
  server.events = [];
  await server.tell(9, "invited", { topic: "users/8" });
  inbox.retryNow();
  await settled();
  await pass(2000);
  assert.deepEqual([shown(inbox), inbox.get().reader], ["9-0*", "8"]);
  assert.deepEqual(server.last.topics, ["system", "users/8"]);
  end();
});

test("a log that begins empty again leaves nothing of before", async () => {
  const { server, inbox, end } = await opened();
  server.events = [];
  server.cursors = { "users/7": null, system: null };
  await server.last.say({ type: "gap", topic: null, after: "5-0", until: "1-0", reason: "reset", cursor: "1-0" });
  assert.deepEqual([shown(inbox), inbox.get().unreadCount], ["", 0]);
  await server.tell(2);
  assert.deepEqual([shown(inbox), inbox.get().unreadCount], ["2-0*", 1]);
  end();
});

test("an admin hears what is for admins, which is no notification", async () => {
  const { server, inbox, end } = await opened({ admin: true });
  assert.deepEqual(server.last.topics, ["admin", "system", "users/7"]);
  await server.tell(6, "transcode_complete", { topic: "admin", video_id: "v1" });
  assert.deepEqual([inbox.get().unreadCount, inbox.get().progress.v1?.progress, inbox.get().lastMessage.topic], [2, 100, "admin"]);
  end();
});

test("what the older WebSocket was sent is answered as it was, and nothing else", async () => {
  const { server, inbox, end } = await opened();
  await inbox.sendMessage("ping");
  assert.deepEqual(inbox.get().lastMessage, { type: "pong" });
  await inbox.sendMessage("get_stats");
  assert.deepEqual(inbox.get().lastMessage, { type: "stats", total_users: 2, total_connections: 3 });
  await inbox.sendMessage(JSON.stringify({ type: "ping" }));
  await inbox.sendMessage({ type: "read", cursor: "4-0" });
  assert.equal(server.cursors["users/7"], "4-0");
  await assert.rejects(inbox.sendMessage({ type: "dance" }), /"dance".*allowed are ping, get_stats/);
  end();
});

test("a mark that is refused is undone where it is shown", async () => {
  const { server, inbox, end } = await opened();
  let times = 0;
  server.refusal = () => {
    server.refusal = null;
    times += 1;
    return problem(403, "no longer");
  };
  // Whoever waits is told; nobody has to.
  await assert.rejects(inbox.markAsRead(), /no longer/);
  await settled();
  server.refusal = () => {
    server.refusal = null;
    return problem(403, "no longer");
  };
  inbox.markAsRead();
  await settled();
  assert.deepEqual([times, shown(inbox), inbox.get().unreadCount], [1, "5-0* 4-0* 3-0", 2]);
  end();
});
