/**
 * One connection for all tabs: the tab that holds a Web Lock has it, and tells the others what comes.
 *
 * Nobody's position is told: each tab compares its own with that of the connection, and catches up by itself where
 * the one before was closed, crashed, or was frozen and robbed of the lock before it had told everything.
 *
 * @module
 */

/** @import { Hooks, LinkState, Source } from "./link.js" */
/** @import { Environment } from "./client.js" */

/** Of what the tabs say to each other: those of another version share a connection of their own. */
const VERSION = 1;
/** Milliseconds between a follower's words; after {@link SILENT} without an answer the leader is frozen. */
const ASK_MS = 4000;
const SILENT = 3;
/** Milliseconds in which all tabs say what they want. */
const GATHER_MS = 50;

/**
 * @typedef {object} Message
 * @property {string} from a tab
 * @property {string[]} [topics] what it wants; said again and again, for whoever leads to answer
 * @property {boolean} [retry] that it connects now
 * @property {boolean} [leads] from who leads now
 * @property {any} [body] from the leader, as the next
 * @property {LinkState | undefined} [state]
 */

/**
 * @param {(hooks: Hooks) => Source} open the connection, once this tab leads
 * @param {Hooks & {told: () => unknown}} hooks
 * @param {string} api those that say the same share one
 * @param {Environment} environment
 * @returns {Promise<Source>} rejects where tabs may not
 */
export async function openShared(open, { receive, enter, told }, api, { locks = navigator.locks, BroadcastChannel: Channel = BroadcastChannel }) {
  const name = `streamer ${VERSION} ${api}`;
  const me = crypto.randomUUID();
  const channel = new Channel(name);
  const post = (/** @type {Partial<Message>} */ message) => channel.postMessage({ ...message, from: me });
  const ended = new AbortController();
  /** Released when this tab leaves. @type {Promise<void>} */
  const held = new Promise((done) => (ended.signal.onabort = () => done()));
  /** @type {string[]} */
  let own = [];
  /** @type {() => string | undefined} */
  let from = () => undefined;
  /** While this tab leads. @type {Source | null} */
  let link = null;
  /** The others' topics, while this tab leads. @type {Map<string, string[]>} */
  const others = new Map();
  /** @type {LinkState | undefined} */
  let state;
  /** @type {string | undefined} */
  let leader;
  let silent = 0;
  let waiting = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let gathering;

  const announce = () => post({ topics: own });

  function gather() {
    clearTimeout(gathering);
    gathering = setTimeout(() => {
      const topics = new Set([own, ...others.values()].flat());
      if (topics.size) link?.want([...topics], from);
    }, GATHER_MS);
  }

  function lead() {
    leader = me;
    link = open({
      receive(body, signal) {
        post({ body });
        return receive(body, signal);
      },
      enter(now) {
        state = now;
        post({ state });
        enter(now);
        if (!now.topic) return;
        // A tab that is frozen wants still what it may not read.
        for (const [tab, topics] of others) others.set(tab, topics.filter((topic) => topic !== now.topic));
        gather();
      },
    });
    post({ leads: true });
    gather();
  }

  function resign() {
    link?.close();
    link = null;
    others.clear();
  }

  /** Wait for the lock, or take it from who does not answer. */
  function contend(steal = false) {
    waiting.abort();
    const { signal } = (waiting = new AbortController());
    locks.request(name, steal ? { steal } : { signal }, () => {
      if (signal.aborted || ended.signal.aborted) return;
      lead();
      return held;
    }).catch(() => {
      // Taken by another tab, while this one was frozen: it leads now.
      if (signal.aborted) return;
      resign();
      contend();
    });
  }

  channel.onmessage = ({ data }) => {
    const { from, leads, retry, topics, body, state: now } = /** @type {Message} */ (data);
    if (leads) {
      leader = from;
      silent = 0;
      resign();
      announce();
    } else if (link && topics) {
      if (!others.has(from)) {
        // Granted once that tab is gone, however it went.
        locks.request(`${name} ${from}`, { signal: waiting.signal }, () => {
          others.delete(from);
          gather();
        }).catch(() => {});
      }
      const isKnown = `${others.get(from)}` === `${topics}`;
      others.set(from, topics);
      post(isKnown ? {} : { body: told(), state });
      gather();
    } else if (link) {
      if (retry) link.wake();
    } else if (!topics && !retry) {
      leader ??= from;
      if (from !== leader) return;
      silent = 0;
      if (body) receive(body);
      if (now) enter(now);
    }
  };

  // By this one the leader knows when this tab is gone.
  await new Promise((done, failed) => {
    locks.request(`${name} ${me}`, () => {
      done(null);
      return held;
    }).catch(failed);
  });
  contend();
  const asking = setInterval(() => {
    if (link) return;
    if (++silent > SILENT) {
      silent = 0;
      contend(true);
    } else {
      announce();
    }
  }, ASK_MS);

  return {
    want(topics, first) {
      own = topics;
      from = first;
      if (link) gather();
      else announce();
    },
    wake() {
      if (link) link.wake();
      else post({ retry: true });
    },
    close() {
      ended.abort();
      waiting.abort();
      clearInterval(asking);
      clearTimeout(gathering);
      resign();
      channel.close();
    },
  };
}
