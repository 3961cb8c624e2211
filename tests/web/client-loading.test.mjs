// What the client promises while `more.js`, which it loads beside its first request, is slow to come, or does not.

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

import { FakeServer, event, heard, pass, settled } from "./fake-server.mjs";

/** @import { ClientOptions } from "../../src/streamer/web/client/client.js" */

const MORE = new URL("../../src/streamer/web/client/more.js", import.meta.url).href;
/** Milliseconds in which a module is there, on a busy machine. */
const LOADED_MS = 20_000;

/** By how a client is imported, what has it arrive. @type {{[how: string]: () => void}} */
const arrive = {};
/** The client that is imported with `?slow…` waits for its arrival, one with `?4` cannot load it four times. */
const arrival = (/** @type {string} */ how) => new Promise((done) => (arrive[how] = () => done(null)));
Object.assign(globalThis, { arrival });

register(`data:text/javascript,${encodeURIComponent(`
  const tried = {};
  export function resolve(specifier, context, next) {
    const how = context.parentURL?.split("client.js?")[1];
    if (specifier !== "./more.js" || !how) return next(specifier, context);
    if (how.startsWith("slow")) {
      const text = "await arrival(" + JSON.stringify(how) + "); export * from " + ${JSON.stringify(JSON.stringify(MORE))};
      return { url: "data:text/javascript," + encodeURIComponent(text), shortCircuit: true };
    }
    tried[how] = (tried[how] ?? 0) + 1;
    if (tried[how] <= Number(how)) throw new TypeError("no network");
    return next(specifier, context);
  }`)}`);

/** Wait for it, while the page's time stands still: modules are loaded by a thread of their own. */
async function until(/** @type {() => boolean} */ holds, /** @type {string} */ what) {
  for (const begun = performance.now(); !holds();) {
    assert.ok(performance.now() - begun < LOADED_MS, `never ${what}`);
    await settled();
  }
}

/** A client of a page that has loaded nothing else yet. */
async function opened(/** @type {string} */ how, /** @type {ClientOptions} */ options = { transport: "sse" }) {
  /** @type {typeof import("../../src/streamer/web/client/client.js")} */
  const { createClient } = await import(`../../src/streamer/web/client/client.js?${how}`);
  const server = new FakeServer();
  server.answers["/events"] = () => ({ id: "9-0" });
  return { server, client: createClient({ url: "http://server", environment: { fetch: server.fetch }, ...options }) };
}

test("what comes before it can be told is told once it can, all of it and in order", async () => {
  const { server, client } = await opened("slow");
  const subscription = client.subscribe("jobs/j", { from: "earliest" });
  const ids = heard(subscription);
  /** @type {unknown[]} */
  const snapshots = [];
  subscription.on("snapshot", ({ progress }) => snapshots.push(progress));
  const published = client.publish("a", "note");
  await settled();
  await server.connected("0-0");
  await server.last.say(event("jobs/j", "2-0", { type: "progress", progress: 0.25 }), event("jobs/j", "3-0", { type: "progress", progress: 0.5 }));
  assert.deepEqual([ids, subscription.state, server.asked.length], [[], "connecting", 1]);
  arrive.slow?.();
  await until(() => ids.length === 2, "told");
  await server.last.say(event("jobs/j", "4-0", { type: "completed", result: 7 }));
  assert.deepEqual([ids, snapshots, subscription.state], [["2-0", "3-0", "4-0"], [null, 0.25, 0.5, 1], "ended"]);
  assert.deepEqual(await published, { id: "9-0" });
  client.close();
});

test("where it cannot be loaded that is said, and it is tried again until it can, without a loss", async () => {
  const { server, client } = await opened("4");
  const subscription = client.subscribe("a", { from: "earliest", persist: "session" });
  const ids = heard(subscription);
  const published = client.publish("a", "note");
  await until(() => subscription.state === "waiting", "said");
  assert.deepEqual([subscription.reason, server.last.isOver], ["The server cannot be reached.", true]);
  while (server.last.isOver) {
    await pass(1000);
    await until(() => !server.last.isOver || subscription.state === "waiting", "tried again");
  }
  assert.equal(server.last.lastEventId, "0-0");
  await server.connected("0-0", { head: "2-0" });
  await server.last.say(event("a", "1-0"), event("a", "2-0"), { type: "caught_up", cursor: "2-0" });
  await until(() => subscription.state === "live", "live");
  assert.deepEqual(ids, ["1-0", "2-0"]);
  await pass(2000);
  assert.deepEqual(await published, { id: "9-0" });
  client.close();
});

test("a client that is closed before it is loaded opens nothing more", async () => {
  const { server, client } = await opened("1000");
  const subscription = client.subscribe("a");
  const published = assert.rejects(client.publish("a", "note"), /the client is closed/u);
  await until(() => subscription.state === "waiting", "said");
  client.close();
  await pass(20_000);
  await published;
  assert.deepEqual([server.connections.filter(({ isOver }) => !isOver).length, server.asked.length], [0, 1]);
});

test("a connection that nobody wants any more once it is loaded opens no WebSocket", async () => {
  /** @type {string[]} */
  const sockets = [];
  class Recorded extends EventTarget {
    readyState = 0;
    constructor(/** @type {string} */ url) {
      super();
      sockets.push(new URL(url).search);
    }
    close() {}
  }
  const WebSocket = /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (Recorded));
  const options = { transport: /** @type {const} */ ("websocket"), environment: { fetch, WebSocket } };
  const [{ client: closed }, { client }] = [await opened("slow-closed", options), await opened("slow-more", options)];
  for (const one of [closed, client]) one.subscribe("a");
  await until(() => Object.keys(arrive).includes("slow-closed") && Object.keys(arrive).includes("slow-more"), "asked for");
  closed.close();
  client.subscribe("b");
  await settled();
  arrive["slow-closed"]?.();
  arrive["slow-more"]?.();
  await until(() => sockets.length > 0, "opened");
  await settled();
  assert.deepEqual(sockets, ["?topic=a&topic=b"]);
  client.close();
});
