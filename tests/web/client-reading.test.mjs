import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/streamer/web/client/client.js";
import { reading } from "../../src/streamer/web/client/reading.js";
import { isAfter } from "../../src/streamer/web/client/unread.js";
import { pass, problem, settled } from "./fake-server.mjs";
import { ReadingServer } from "./reading-server.mjs";

const TOPIC = "chats/42";

/** A topic with two messages, one of which ada has read; she is live. */
async function opened(/** @type {any} */ more = {}) {
  const server = new ReadingServer(TOPIC);
  server.events = [{ id: "3-0", type: "message" }, { id: "4-0", type: "typing" }, { id: "5-0", type: "message" }];
  server.cursor = "3-0";
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch }, ...more };
  const client = createClient(options);
  const topic = reading(client, TOPIC, options);
  await settled();
  await server.live("5-0");
  return { server, client, topic, end: () => (topic.close(), client.close()) };
}

test("it counts on from where the log has counted, and only what counts there", async () => {
  const { server, topic, end } = await opened();
  assert.equal(topic.unread, 1);
  await server.append("6-0");
  await server.append("7-0", "typing");
  await server.append("8-0");
  assert.equal(topic.unread, 3);
  assert.equal(topic.reader, "ada");
  // Once before there was a stream, once when it was there.
  assert.deepEqual(server.reads, ["GET", "GET"]);
  end();
});

test("before the log has answered, and where nothing counts, nothing is said", async () => {
  const server = new ReadingServer(TOPIC);
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch } };
  const client = createClient(options);
  const release = server.hold();
  const topic = reading(client, TOPIC, options);
  await settled();
  assert.equal(topic.unread, null);
  server.counted = () => /** @type {any} */ ({ reader: "ada", cursor: null, unread: null, counted: null, counted_to: "1-0" });
  await release();
  await server.live("1-0");
  await server.append("2-0");
  assert.equal(topic.unread, null);
  topic.close();
  client.close();
});

test("whoever listens is told once of all that comes in one piece, and one that throws keeps nothing from the others", async () => {
  const { server, topic, end } = await opened();
  /** @type {unknown[]} */
  const thrown = [];
  const { nextTick } = process;
  process.nextTick = (fn, ...all) => nextTick(() => {
    try {
      fn(...all);
    } catch (error) {
      thrown.push(error);
    }
  });
  /** @type {unknown[]} */
  const told = [];
  topic.subscribe(() => {
    throw new Error("one that throws");
  });
  const stop = topic.subscribe(() => told.push(topic.unread));
  const events = [6, 7, 8].map((n) => ({ id: `${n}-0`, type: "message", topic: TOPIC }));
  await server.last.say(...events.slice(0, 2));
  stop();
  await server.last.say(...events.slice(2));
  process.nextTick = nextTick;
  assert.ok(told.length >= 1 && told.at(-1) === 3, `${told}`);
  assert.ok(thrown.length > 0);
  end();
});

test("what is marked as read is read at once, and stored up to what was seen", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  const marked = topic.markAsRead();
  assert.equal(topic.unread, 0);
  assert.equal(topic.cursor, "6-0");
  await marked;
  assert.equal(server.cursor, "6-0");
  await server.append("7-0");
  assert.equal(topic.unread, 1);
  assert.deepEqual(server.reads, ["GET", "GET", "PUT 6-0"]);
  end();
});

test("what is marked up to an event before the last is counted anew", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await server.append("7-0");
  assert.equal(topic.unread, 3);
  await topic.markAsRead("6-0");
  await settled();
  assert.equal(topic.unread, 1);
  assert.deepEqual(server.reads.slice(2), ["PUT 6-0", "GET"]);
  end();
});

test("several marks at once are one request, to the last of them", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await Promise.all([topic.markAsRead("5-0"), topic.markAsRead("6-0"), topic.markAsRead("3-0")]);
  await settled();
  assert.equal(topic.unread, 0);
  assert.deepEqual(server.reads.slice(2).filter((one) => one !== "GET"), ["PUT 6-0"]);
  end();
});

test("what another device has read is read here, and nobody is asked", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await server.read("6-0");
  assert.equal(topic.unread, 0);
  assert.equal(server.reads.length, 2);
  end();
});

test("of what another device is behind with the log is asked", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await server.append("7-0");
  await server.read("6-0");
  assert.equal(topic.unread, 1);
  assert.equal(server.reads.length, 3);
  end();
});

test("what another device has read before it came here is not counted when it comes", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0", "message", false);
  await server.read("6-0");
  assert.equal(topic.unread, 0);
  await server.last.say({ id: "6-0", type: "message", topic: TOPIC });
  assert.equal(topic.unread, 0);
  end();
});

test("what others have read changes nothing", async () => {
  const { server, topic, end } = await opened();
  await server.last.say({ type: "read", topic: TOPIC, reader: "bob", cursor: "5-0" });
  assert.equal(topic.unread, 1);
  end();
});

test("two devices that mark at once agree on the one that is ahead", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await server.append("7-0");
  const release = server.hold();
  const marked = topic.markAsRead("5-0");
  await server.read("6-0");
  await release();
  await marked;
  await settled();
  assert.equal(server.cursor, "6-0");
  assert.equal(topic.unread, 1);
  end();
});

test("what comes while the log counts is counted once, before or behind", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await server.append("7-0");
  // The answer has been made before 8 came, and comes after it.
  const release = server.hold();
  await server.read("6-0");
  await server.append("8-0");
  await release();
  assert.equal(topic.unread, 2);
  end();
});

test("a mark while the log counts is not undone by its answer", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  const release = server.hold();
  await server.read("5-0");
  const marked = topic.markAsRead();
  /** @type {unknown[]} */
  const shown = [];
  topic.subscribe(() => shown.push(topic.unread));
  await release();
  await marked;
  await settled();
  assert.ok(shown.length > 0 && shown.every((unread) => unread === 0), `${shown}`);
  end();
});

test("a mark while another is on its way is stored behind it", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  const release = server.hold();
  const first = topic.markAsRead("5-0");
  await settled();
  const second = topic.markAsRead("6-0");
  await release();
  await Promise.all([first, second]);
  assert.equal(server.cursor, "6-0");
  end();
});

test("what another device has read already is not marked once more", async () => {
  const { server, topic, end } = await opened();
  await server.append("6-0");
  await server.read("6-0");
  await topic.markAsRead("5-0");
  assert.deepEqual(server.reads.filter((one) => one !== "GET"), []);
  end();
});

test("a mark before anything is known marks what is known first", async () => {
  const server = new ReadingServer(TOPIC);
  server.events = [{ id: "5-0", type: "message" }];
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch } };
  const client = createClient(options);
  const topic = reading(client, TOPIC, options);
  await topic.markAsRead();
  assert.equal(server.cursor, "5-0");
  assert.equal(topic.unread, 0);
  topic.close();
  client.close();
});

test("a mark without a network is kept, and stored when it is back", async () => {
  const { server, topic, end } = await opened();
  server.refusal = () => new TypeError("fetch failed");
  let isStored = false;
  topic.markAsRead().then(() => (isStored = true));
  await pass(20_000);
  assert.equal(topic.unread, 0);
  assert.equal(isStored, false);
  server.refusal = null;
  await pass(16_000);
  assert.equal(isStored, true);
  assert.equal(server.cursor, "5-0");
  end();
});

test("a request that nobody answers is made again after half a minute", async () => {
  const { server, topic, end } = await opened();
  server.hold();
  let isStored = false;
  topic.markAsRead().then(() => (isStored = true));
  await pass(29_000);
  assert.equal(server.reads.filter((one) => one.startsWith("PUT")).length, 1);
  server.held = null;
  await pass(4000);
  assert.equal(isStored, true);
  end();
});

test("a mark that is refused is rejected with the server's sentence, and no longer shown", async () => {
  const { server, topic, end } = await opened();
  const marked = topic.markAsRead();
  assert.equal(topic.unread, 0);
  const refused = assert.rejects(marked, /no longer yours/);
  server.refusal = () => {
    server.refusal = null;
    return problem(403, "no longer yours");
  };
  await refused;
  await settled();
  assert.equal(topic.unread, 1);
  end();
});

test("a page of a proxy is not the last word", async () => {
  const { server, topic, end } = await opened();
  server.refusal = () => new Response("<html>no", { status: 403 });
  let isStored = false;
  topic.markAsRead().then(() => (isStored = true));
  await pass(1000);
  server.refusal = null;
  await pass(16_000);
  assert.equal(isStored, true);
  end();
});

test("what is no id is not marked", async () => {
  const { topic, end } = await opened();
  await assert.rejects(topic.markAsRead("tomorrow"), /"tomorrow" is not an id/);
  assert.equal(topic.unread, 1);
  end();
});

test("after a connection was lost it is counted anew: a read that is not kept was told to nobody", async () => {
  const { server, topic, end } = await opened();
  await server.last.end();
  server.events.push({ id: "6-0", type: "message" });
  await server.read("6-0", false);
  await pass(2000);
  assert.equal(server.connections.length, 2);
  await server.live("5-0", { head: "6-0" });
  await server.last.say({ id: "6-0", type: "message", topic: TOPIC });
  assert.equal(topic.unread, 0);
  end();
});

test("while there is no stream it is counted every half minute", async () => {
  const { server, topic, end } = await opened();
  server.instead = () => new TypeError("fetch failed");
  await server.last.end();
  server.events.push({ id: "6-0", type: "message" });
  await pass(31_000);
  assert.equal(topic.unread, 2);
  assert.equal(server.reads.length, 3);
  await pass(30_000);
  assert.equal(server.reads.length, 4);
  end();
  await pass(60_000);
  assert.equal(server.reads.length, 4);
});

test("when somebody looks at the page again it is counted anew", async () => {
  const document = Object.assign(new EventTarget(), { hidden: true });
  Object.assign(globalThis, { document });
  const { server, topic, end } = await opened();
  const look = async (/** @type {boolean} */ hidden) => {
    document.hidden = hidden;
    document.dispatchEvent(new Event("visibilitychange"));
    await settled();
  };
  await server.read("5-0", false);
  await look(true);
  assert.equal(topic.unread, 1);
  await look(false);
  assert.equal(topic.unread, 0);
  const before = server.reads.length;
  end();
  await look(false);
  assert.equal(server.reads.length, before);
  Reflect.deleteProperty(globalThis, "document");
});

test("after a gap it is counted anew", async () => {
  const { server, topic, end } = await opened();
  server.events = [{ id: "9-0", type: "message" }];
  await server.last.say({ type: "gap", topic: TOPIC, after: "5-0", until: "8-0", reason: "trimmed", cursor: "8-0" });
  await server.last.say({ id: "9-0", type: "message", topic: TOPIC });
  assert.equal(topic.unread, 1);
  end();
});

test("a log that begins empty again is counted from there, though its ids are lower", async () => {
  const { server, topic, end } = await opened();
  server.events = [];
  server.cursor = null;
  await server.last.say({ type: "gap", topic: null, after: "5-0", until: "1-0", reason: "reset", cursor: "1-0" });
  assert.equal(topic.unread, 0);
  await server.append("2-0");
  assert.equal(topic.unread, 1);
  await topic.markAsRead();
  assert.equal(server.cursor, "2-0");
  end();
});

test("what another device has read of such a log is known, though it is before what was read of the one before", async () => {
  const { server, topic, end } = await opened();
  server.events = [{ id: "2-0", type: "message" }];
  server.cursor = null;
  const release = server.hold();
  await server.last.say({ type: "gap", topic: null, after: "5-0", until: "1-0", reason: "reset", cursor: "1-0" });
  await server.last.say({ id: "2-0", type: "message", topic: TOPIC });
  await server.read("2-0");
  await release();
  assert.equal(topic.unread, 0);
  end();
});

test("a mark of a log that is no more is refused, and the new one is counted", async () => {
  const { server, topic, end } = await opened();
  const release = server.hold();
  const marked = topic.markAsRead();
  await settled();
  server.events = [{ id: "2-0", type: "message" }];
  server.cursor = null;
  const refused = assert.rejects(marked, /ahead of the log/);
  await release();
  await refused;
  await settled();
  assert.equal(topic.unread, 1);
  end();
});

test("where it is refused to count it says why, and asks again when it is told to", async () => {
  const server = new ReadingServer(TOPIC);
  server.refusal = () => problem(403, "you may not read chats/42");
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch } };
  const client = createClient(options);
  const topic = reading(client, TOPIC, options);
  const marked = assert.rejects(topic.markAsRead(), /you may not read/);
  await settled();
  await marked;
  assert.equal(topic.state, "refused");
  assert.equal(topic.reason, "you may not read chats/42");
  server.refusal = null;
  topic.retryNow();
  await settled();
  assert.equal(topic.unread, 0);
  topic.close();
  client.close();
});

test("each request has a token, and another where that was refused", async () => {
  /** @type {string[]} */
  const asked = [];
  const { server, topic, end } = await opened({ getToken: (/** @type {string} */ why) => `of-${asked.push(why)}` });
  const before = asked.length;
  server.refusal = () => problem(401, "it has expired");
  await assert.rejects(topic.markAsRead(), /it has expired/);
  assert.deepEqual(asked.slice(before, before + 2), ["connect", "unauthorized"]);
  assert.match(`${server.authorization}`, /^Bearer of-/);
  end();
});

test("a reader that is named is named in each request", async () => {
  const server = new ReadingServer(TOPIC);
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch }, reader: "bob & co" };
  const client = createClient(options);
  const topic = reading(client, TOPIC, options);
  await topic.markAsRead();
  assert.equal(topic.reader, "bob & co");
  assert.equal(JSON.parse(`${server.asked.find(({ method }) => method === "PUT")?.body}`).reader, "bob & co");
  topic.close();
  client.close();
});

test("one that is closed while it asks leaves nothing behind, and says so to whoever marks", async () => {
  const { server, client, topic } = await opened();
  server.refusal = () => new TypeError("fetch failed");
  const waiting = assert.rejects(topic.markAsRead(), /closed before/);
  await pass(5000);
  const before = server.reads.length;
  topic.close();
  await waiting;
  await assert.rejects(topic.markAsRead(), /closed before/);
  await pass(60_000);
  assert.equal(server.reads.length, before);
  client.close();
});

test("a mark that is on its way when it is closed gets there", async () => {
  const { server, client, topic } = await opened();
  const release = server.hold();
  const marked = topic.markAsRead();
  await settled();
  topic.close();
  await release();
  await marked;
  assert.equal(server.cursor, "5-0");
  client.close();
});

test("on a client that is closed it is refused", async () => {
  const server = new ReadingServer(TOPIC);
  const options = { url: "http://server", share: false, environment: { fetch: server.fetch } };
  const client = createClient(options);
  client.close();
  const topic = reading(client, TOPIC, options);
  await settled();
  assert.equal(topic.state, "refused");
  topic.close();
});

/** @returns {(most: number) => number} whole numbers below `most`, the same for the same seed */
function random(/** @type {number} */ seed) {
  let state = seed;
  return (most) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * most);
  };
}

test("whatever happens on two devices, in the end the number is the log's", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const { server, topic, end } = await opened();
    const next = random(seed);
    const said = [];
    let last = 5;
    /** @type {(() => Promise<void>)[]} */
    const releases = [];
    for (let step = 0; step < 25; step += 1) {
      const upTo = `${3 + next(last - 2)}-0`;
      const act = next(8);
      said.push(`${act} ${upTo}`);
      if (act <= 2) await server.append(`${(last += 1)}-0`, next(4) ? "message" : "typing");
      else if (act === 3) topic.markAsRead(upTo).catch(() => {});
      else if (act === 4) topic.markAsRead().catch(() => {});
      else if (act === 5 && isAfter(upTo, server.cursor ?? "0-0")) await server.read(upTo);
      else if (act === 6) releases.push(server.hold());
      else if (act === 7) {
        // The line is cut; another device reads and writes meanwhile.
        const { cursor } = server;
        const before = server.last;
        await before.end();
        const from = `${last}-0`;
        server.events.push({ id: `${(last += 1)}-0`, type: "message" });
        if (next(2) && isAfter(upTo, cursor ?? "0-0")) await server.read(upTo, false);
        await pass(2000);
        assert.ok(server.last !== before);
        await server.live(from, { head: `${last}-0` });
        await server.last.say({ id: `${last}-0`, type: "message", topic: TOPIC });
      }
      if (releases[0] && !next(3)) await releases.shift()?.();
    }
    for (const release of releases) await release();
    await settled();
    assert.equal(topic.unread, server.counted("ada").unread, `seed ${seed}: ${said.join(", ")}`);
    end();
  }
});
