/**
 * One connection for all tabs: the tab that holds a Web Lock has it, and tells the others what comes.
 *
 * Each tab knows how far it is itself. Whoever leads next asks everybody, and resumes from the lowest of their
 * positions, so that nothing is lost however the one before left: closed, crashed, or frozen and robbed of the lock.
 *
 * @module
 */

import { isAfter } from "./order.js";
import { openLink } from "./source.js";

/** @import { Channel, Environment } from "./environment.js" */
/** @import { Hooks, LinkOptions, LinkState, Source, Wants } from "./source.js" */
/** @import { Body } from "./wire.d.ts" */

/** Milliseconds between a follower's questions; after {@link SILENT} without an answer the leader is frozen. */
const ASK_MS = 4000;
const SILENT = 3;
/** Milliseconds in which all tabs answer a new leader. */
const GATHER_MS = 50;

/**
 * @typedef {object} Message
 * @property {string} from a tab
 * @property {boolean} [leads] from who leads now
 * @property {boolean} [asks] whether the leader is there
 * @property {boolean} [retry] that it connects now
 * @property {[string, string | null | undefined][]} [wants]
 * @property {Body} [body]
 * @property {LinkState} [state]
 *
 * @typedef {object} Shared
 * @property {string} name
 * @property {Pick<LockManager, "request">} locks
 * @property {new (name: string) => Channel} BroadcastChannel
 * @property {Environment} environment
 */

/**
 * @param {LinkOptions} link
 * @param {Hooks} hooks
 * @param {Shared} shared
 * @returns {Source}
 */
export function openShared(link, hooks, { name, locks, BroadcastChannel, environment }) {
  /** @type {Wants} */
  let own = new Map();
  /** This tab's part in it. */
  let part = start();

  function start() {
    const me = `${environment.now()}.${environment.random()}`;
    const channel = new BroadcastChannel(name);
    const post = (/** @type {Partial<Message>} */ message) => channel.postMessage({ ...message, from: me });
    /** Released: the locks of this tab. @type {(() => void)[]} */
    let releases = [];
    const held = () => new Promise((done) => releases.push(() => done(null)));
    /** @type {Source | null} */
    let leading = null;
    /** The others' wants, while this tab leads. @type {Map<string, Wants>} */
    let others = new Map();
    /** @type {LinkState | null} */
    let state = null;
    /** @type {string | null} */
    let leader = null;
    let silent = 0;
    let gathering = 0;
    let present = false;
    let stopped = false;
    let waiting = new AbortController();

    const announce = () => present && post({ wants: [...own] });

    function lead() {
      leader = me;
      others = new Map();
      leading = openLink(link, {
        ...hooks,
        receive(body) {
          post({ body });
          hooks.receive(body);
        },
        state(now) {
          state = now;
          post({ state: now });
          hooks.state(now);
        },
      });
      post({ leads: true });
      gather();
    }

    function resign() {
      const last = leading;
      leading = null;
      environment.clearTimeout(gathering);
      last?.close();
    }

    function gather() {
      environment.clearTimeout(gathering);
      gathering = environment.setTimeout(() => {
        /** @type {Wants} */
        const all = new Map(own);
        for (const wants of others.values()) {
          for (const [topic, cursor] of wants) {
            const before = all.get(topic);
            if (!all.has(topic) || (cursor && (!before || isAfter(before, cursor)))) all.set(topic, cursor);
          }
        }
        // Somebody has no position yet, who must be told one.
        const isFresh = [own, ...others.values()].some((wants) => [...wants.values()].includes(null));
        leading?.want(all, isFresh);
        // From here on the connection's own position is theirs.
        for (const wants of others.values()) for (const topic of wants.keys()) wants.set(topic, undefined);
      }, GATHER_MS);
    }

    /** Wait for the lock, or take it from who does not answer. */
    function contend(steal = false) {
      waiting.abort();
      waiting = new AbortController();
      const { signal } = waiting;
      /** @type {LockOptions} */
      const how = steal ? { steal } : { signal };
      const granted = () => {
        if (stopped || signal.aborted) return;
        lead();
        return held();
      };
      locks.request(name, how, granted).catch(() => {
        // Taken by another tab, while this one was frozen: it leads now.
        if (stopped || signal.aborted) return;
        resign();
        contend();
      });
    }

    channel.onmessage = ({ data }) => {
      const { from, leads, asks, retry, wants, body, state: told } = /** @type {Message} */ (data);
      if (leads) {
        leader = from;
        silent = 0;
        if (leading) resign();
        announce();
      } else if (leading) {
        if (asks) post({});
        if (retry) leading.retry();
        if (wants) {
          if (!others.has(from)) {
            // Granted once that tab is gone, however it went.
            locks.request(`${name} ${from}`, { signal: waiting.signal }, () => {
              others.delete(from);
              gather();
            }).catch(() => {});
          }
          others.set(from, new Map(wants));
          if (state) post({ state });
          gather();
        }
      } else if (!wants && !asks && !retry) {
        leader ??= from;
        if (from !== leader) return;
        silent = 0;
        if (body) hooks.receive(body);
        if (told) hooks.state(told);
      }
    };

    const asking = environment.setInterval(() => {
      if (leading) return;
      if (++silent > SILENT) {
        silent = 0;
        contend(true);
      } else {
        post({ asks: true });
      }
    }, ASK_MS);

    locks.request(`${name} ${me}`, () => {
      if (stopped) return;
      present = true;
      announce();
      contend();
      return held();
    });

    return {
      want() {
        if (leading) gather();
        else announce();
      },
      retry: () => (leading ? leading.retry() : post({ retry: true })),
      wake: () => leading?.wake(),
      end() {
        stopped = true;
        environment.clearInterval(asking);
        resign();
        waiting.abort();
        for (const release of releases) release();
        channel.close();
      },
    };
  }

  let isOn = true;
  return {
    want(wants) {
      own = wants;
      if (isOn) part.want();
    },
    retry() {
      if (isOn) return part.retry();
      isOn = true;
      part = start();
    },
    wake: () => isOn && part.wake(),
    sleep() {
      if (isOn) part.end();
      isOn = false;
    },
    close() {
      if (isOn) part.end();
      isOn = false;
    },
  };
}
