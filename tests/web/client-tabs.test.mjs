// What several tabs of one browser promise: one connection, whoever leaves and whenever, and nothing lost or doubled.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClient } from "../../src/streamer/web/client/client.js";
import { FakeServer, event, heard, pass, problem, settled, snapshot } from "./fake-server.mjs";

/** @import { Subscription } from "../../src/streamer/web/client/subscription.js" */

/** Web Locks, as one browser has them for all its tabs. */
class FakeLocks {
  /** @type {Map<string, {lost: (error: Error) => void}>} */
  held = new Map();
  /** @type {{name: string, take: () => void}[]} */
  waiting = [];

  /** @param {string} name @param {any} options @param {any} [granted] */
  request(name, options, granted = options) {
    const { steal = false, signal } = typeof options === "function" ? {} : options;
    return new Promise((done, failed) => {
      const take = () => {
        const mine = { lost: failed };
        this.held.set(name, mine);
        queueMicrotask(async () => {
          done(await granted());
          if (this.held.get(name) === mine) this.#free(name);
        });
      };
      const refuse = () => failed(new DOMException("aborted", "AbortError"));
      if (signal?.aborted) return refuse();
      if (steal) {
        this.held.get(name)?.lost(new DOMException("stolen", "AbortError"));
        this.held.delete(name);
      }
      if (!this.held.has(name)) return take();
      const one = { name, take };
      this.waiting.push(one);
      signal?.addEventListener("abort", () => {
        if (this.waiting.includes(one)) refuse();
        this.waiting = this.waiting.filter((other) => other !== one);
      });
    });
  }

  #free(/** @type {string} */ name) {
    this.held.delete(name);
    const next = this.waiting.find((one) => one.name === name);
    this.waiting = this.waiting.filter((one) => one !== next);
    next?.take();
  }

  /** The browser takes back what a tab had that has crashed. */
  crashed(/** @type {string[]} */ names) {
    for (const name of names) this.#free(name);
  }
}

/** The browser, and its tabs. */
class FakeBrowser {
  locks = new FakeLocks();
  server = new FakeServer();
  /** @type {Set<{tab: FakeTab, onmessage: ((event: any) => void) | null}>} */
  channels = new Set();
  names = new Set();
  posted = 0;

  open(/** @type {string | string[]} */ topics, /** @type {import("../../src/streamer/web/client/client.js").SubscribeOptions} */ options = {}) {
    return new FakeTab(this, topics, options);
  }

  /** What somebody else says on the tabs' channel. */
  async say(/** @type {unknown} */ data) {
    for (const { tab, onmessage } of this.channels) if (!tab.isFrozen) onmessage?.({ data });
    await settled();
  }
}

class FakeTab {
  isFrozen = false;
  /** @type {(() => void)[]} what comes while it is frozen */
  later = [];
  /** @type {string[]} */
  locks = [];
  /** What it was asked for a token for. @type {string[]} */
  tokens = [];

  constructor(/** @type {FakeBrowser} */ browser, /** @type {string | string[]} */ topics, /** @type {import("../../src/streamer/web/client/client.js").SubscribeOptions} */ options) {
    this.browser = browser;
    const tab = this;
    class Channel {
      /** @type {((event: any) => void) | null} */
      onmessage = null;
      tab = tab;
      constructor(/** @type {string} */ name) {
        browser.names.add(name);
        browser.channels.add(this);
      }
      postMessage(/** @type {unknown} */ message) {
        if (tab.isFrozen) return;
        browser.posted += 1;
        const data = structuredClone(message);
        for (const other of browser.channels) {
          if (other === this) continue;
          const deliver = () => browser.channels.has(other) && other.onmessage?.({ data });
          if (other.tab.isFrozen) other.tab.later.push(deliver);
          else queueMicrotask(deliver);
        }
      }
      close() {
        browser.channels.delete(this);
      }
    }
    const locks = {
      request: (/** @type {string} */ name, /** @type {any} */ options, /** @type {any} */ granted = options) => {
        const mine = () => {
          if (tab.isFrozen) return undefined;
          tab.locks.push(name);
          return granted();
        };
        return browser.locks.request(name, typeof options === "function" ? mine : options, mine);
      },
    };
    this.client = createClient({
      url: "http://server",
      getToken: (why) => {
        this.tokens.push(why);
        return "a.b";
      },
      environment: { fetch: browser.server.fetch, locks: /** @type {any} */ (locks), BroadcastChannel: /** @type {any} */ (Channel) },
    });
    /** @type {Subscription} */
    this.subscription = this.client.subscribe(topics, options);
    this.ids = heard(this.subscription);
  }

  /** Nothing of it runs any more; the browser takes its locks back. */
  async crash() {
    this.freeze();
    this.client.close();
    this.browser.locks.crashed(this.locks);
    await settled();
  }

  freeze() {
    this.isFrozen = true;
  }

  async thaw() {
    this.isFrozen = false;
    for (const deliver of this.later.splice(0)) deliver();
    await settled();
  }
}

/** Two tabs that are live on topic "a", the first of which leads. */
async function two() {
  const browser = new FakeBrowser();
  const { server } = browser;
  const first = browser.open("a");
  await pass(100);
  await server.live("1-0");
  const second = browser.open("a");
  await pass(100);
  return { browser, server, first, second };
}

/** What the server keeps: whoever catches up is given what came after their position. */
function keeps(/** @type {FakeServer} */ server, /** @type {string[]} */ ...ids) {
  server.answers["/events"] = ({ url }) => ({
    events: ids.filter((id) => parseInt(id, 10) > parseInt(url.searchParams.get("after") ?? "", 10)).map((id) => event("a", id)),
    cursor: ids.at(-1),
    gap: null,
  });
}

const close = (/** @type {FakeTab[]} */ ...tabs) => tabs.forEach(({ client }) => client.close());

test("two tabs have one connection, and each hears all of it", async () => {
  const { server, first, second } = await two();
  await server.last.say(event("a", "2-0"), event("a", "3-0"));
  assert.deepEqual([first.ids, second.ids], [["2-0", "3-0"], ["2-0", "3-0"]]);
  assert.deepEqual([server.connections.length, second.subscription.state, second.subscription.transport], [1, "live", "sse"]);
  assert.deepEqual(second.subscription.snapshot, first.subscription.snapshot);
  close(first, second);
});

test("a tab with another topic extends the connection, and is left out once it is gone", async () => {
  const { browser, server, first, second } = await two();
  const third = browser.open("b");
  await pass(100);
  assert.deepEqual([server.last.topics, server.last.lastEventId], [["a", "b"], "1-0"]);
  await server.live("1-0");
  await server.last.say(event("b", "2-0"));
  assert.deepEqual([first.ids, third.ids, third.subscription.state], [[], ["2-0"], "live"]);
  third.client.close();
  await pass(100);
  assert.deepEqual(server.last.topics, ["a"]);
  close(first, second);
});

test("a tab that wants what was before is given it alone", async () => {
  const { browser, server, first, second } = await two();
  await server.last.say(event("a", "2-0"));
  keeps(server, "1-0", "2-0");
  const third = browser.open("a", { from: "earliest" });
  await pass(100);
  await server.last.say(event("a", "3-0"));
  assert.deepEqual([first.ids, second.ids, third.ids], [["2-0", "3-0"], ["2-0", "3-0"], ["1-0", "2-0", "3-0"]]);
  assert.equal(server.connections.length, 1);
  close(first, second, third);
});

for (const way of /** @type {const} */ (["closes", "crashes"])) {
  test(`when the leading tab ${way}, the other goes on from where it is itself`, async () => {
    const { server, first, second } = await two();
    await server.last.say(event("a", "2-0"));
    if (way === "closes") first.client.close();
    else await first.crash();
    await pass(100);
    assert.deepEqual([server.connections.length, server.last.lastEventId], [2, "2-0"]);
    await server.connected("2-0", { head: "3-0" });
    await server.last.say(event("a", "3-0"), { type: "caught_up", cursor: "3-0" });
    assert.deepEqual([second.ids, second.subscription.state], [["2-0", "3-0"], "live"]);
    close(second);
  });
}

test("a leader that is frozen is robbed of the lock, and follows when it thaws, without a loss", async () => {
  const { server, first, second } = await two();
  const [old] = server.connections;
  first.freeze();
  await pass(20_000);
  assert.equal(server.connections.length, 2);
  await server.live("1-0");
  await server.last.say(event("a", "2-0"), event("a", "3-0"));
  keeps(server, "2-0", "3-0");
  await first.thaw();
  await pass(100);
  assert.equal(old?.isOver, true);
  await server.last.say(event("a", "4-0"));
  assert.deepEqual([first.ids, second.ids], [["2-0", "3-0", "4-0"], ["2-0", "3-0", "4-0"]]);
  assert.equal(server.connections.filter(({ isOver }) => !isOver).length, 1);
  close(first, second);
});

test("two that lead for a moment double nothing: who follows hears the one that came last", async () => {
  const { browser, server, first, second } = await two();
  await server.last.say(event("a", "2-0"));
  await browser.say({ from: "another", leads: true });
  await browser.say({ from: "another", body: { type: "connected", cursor: "2-0", snapshots: { a: snapshot("2-0") } } });
  await browser.say({ from: "another", body: event("a", "3-0") });
  // The first has resigned, so its own connection is over; what it says late is not heard either.
  assert.equal(server.connections[0]?.isOver, true);
  await browser.say({ from: "a ghost", body: event("a", "9-0") });
  await browser.say({ from: "another", body: event("a", "3-0") });
  assert.deepEqual([first.ids, second.ids], [["2-0", "3-0"], ["2-0", "3-0"]]);
  close(first, second);
});

test("what comes after the leader left and before the next one leads is not lost to a tab that was further behind", async () => {
  const { browser, server, first, second } = await two();
  const third = browser.open("a");
  await pass(100);
  // The third hears less of the first than the second does.
  third.freeze();
  await server.last.say(event("a", "2-0"), event("a", "3-0"));
  third.later = [];
  first.client.close();
  await pass(100);
  await third.thaw();
  keeps(server, "2-0", "3-0");
  await server.live("3-0");
  await settled();
  await server.last.say(event("a", "4-0"));
  assert.deepEqual([second.ids, third.ids], [["2-0", "3-0", "4-0"], ["2-0", "3-0", "4-0"]]);
  close(second, third);
});

test("a tab of another version neither breaks it nor is heard", async () => {
  const { browser, server, first, second } = await two();
  for (const message of [{}, { from: "x" }, { from: "x", wants: [["a", null]] }, { from: "x", body: event("a", "9-0") }, { from: "x", state: { state: "refused" } }]) {
    await browser.say(message);
  }
  await server.last.say(event("a", "2-0"));
  assert.deepEqual([second.ids, second.subscription.state, [...browser.names]], [["2-0"], "live", ["streamer 1 http://server/api/v1 true"]]);
  close(first, second);
});

test("a lost connection is told to all tabs, and any of them may ask to connect now", async () => {
  const { server, first, second } = await two();
  await server.last.end();
  assert.deepEqual([second.subscription.state, second.subscription.reason, second.subscription.retryAt], ["waiting", "The server cannot be reached.", first.subscription.retryAt]);
  second.subscription.retryNow();
  await settled();
  await server.live("1-0");
  assert.deepEqual([server.connections.length, first.subscription.state, second.subscription.state], [2, "live", "live"]);
  close(first, second);
});

test("a topic that one tab may not read keeps nothing from the other", async () => {
  const { browser, server, first, second } = await two();
  server.instead = ({ path }) => (path.includes("topic=b") ? problem(403, "not b", { topic: "b" }) : null);
  const third = browser.open("b");
  await pass(100);
  await pass(100);
  await server.live("1-0");
  assert.deepEqual([third.subscription.reason, server.last.topics], ["not b", ["a"]]);
  assert.deepEqual([first.subscription.state, second.subscription.state, third.subscription.state], ["live", "live", "refused"]);
  close(first, second, third);
});

test("a frozen tab that wants what it may not read keeps nothing from the others", async () => {
  const { browser, server, first, second } = await two();
  const third = browser.open("b");
  await pass(100);
  await server.live("1-0");
  third.freeze();
  server.instead = ({ path }) => (path.includes("topic=b") ? problem(403, "not b", { topic: "b" }) : null);
  await server.last.end();
  await pass(1000);
  await pass(100);
  assert.deepEqual(server.last.topics, ["a"]);
  await server.live("1-0");
  assert.deepEqual([first.subscription.state, second.subscription.state], ["live", "live"]);
  close(first, second, third);
});

test("the token of a connection is renewed by the tab that has it, and by no other", async () => {
  const { server, first, second } = await two();
  await server.last.say({ type: "expiring", refresh: "/api/v1/streams/a.b/token" });
  assert.deepEqual([first.tokens, second.tokens], [["connect", "expiring"], []]);
  close(first, second);
});

test("a job that is over is known to a tab that comes later", async () => {
  const browser = new FakeBrowser();
  const { server } = browser;
  const first = browser.open("jobs/j");
  await pass(100);
  await server.live("1-0");
  await server.last.say(event("jobs/j", "2-0", { type: "completed" }), { type: "end", topic: "jobs/j", remaining: 0 });
  assert.equal(first.subscription.state, "ended");
  const second = browser.open("jobs/j");
  await pass(100);
  await server.connected("2-0", { states: { "jobs/j": snapshot("2-0", { status: "completed" }) } });
  assert.deepEqual([second.subscription.state, second.subscription.snapshot?.status], ["ended", "completed"]);
  close(first, second);
});

test("where tabs may not have locks each has a connection of its own", async () => {
  const server = new FakeServer();
  const locks = { request: () => Promise.reject(new DOMException("not here", "SecurityError")) };
  class Channel {
    onmessage = null;
    postMessage() {}
    close() {}
  }
  const client = createClient({ url: "http://server", environment: { fetch: server.fetch, locks: /** @type {any} */ (locks), BroadcastChannel: /** @type {any} */ (Channel) } });
  client.subscribe("a");
  await settled();
  assert.deepEqual(server.last.topics, ["a"]);
  client.close();
});

test("a tab that leaves at any moment of joining leaves nothing behind", async () => {
  for (let moments = 0; moments < 30; moments += 1) {
    const browser = new FakeBrowser();
    const first = browser.open("a");
    const second = browser.open("a");
    for (let n = 0; n < moments; n += 1) await null;
    if (moments > 20) await pass(moments);
    first.client.close();
    await pass(200);
    await browser.server.live("1-0");
    await browser.server.last.say(event("a", "2-0"));
    assert.deepEqual([first.ids, second.ids], [[], ["2-0"]], `after ${moments}`);
    assert.equal(browser.server.connections.filter(({ isOver }) => !isOver).length, 1, `after ${moments}`);
    second.client.close();
    await pass(200);
    assert.deepEqual([browser.locks.held.size, browser.channels.size], [0, 0], `after ${moments}`);
  }
});
