/**
 * What a client needs once there is an answer to its first request: loaded beside that, in one piece where the client is
 * bundled, and at a time when there is a network.
 *
 * @module
 */

import { openFeed } from "./feed.js";
import { iterate } from "./iterate.js";
import { watchPage } from "./page.js";
import { openPoll } from "./poll.js";
import { openOutbox } from "./publish.js";
import { openSse } from "./sse.js";
import { keep } from "./storage.js";
import { openShared } from "./tabs.js";
import { openWebSocket } from "./websocket.js";
// Of feed.js, in the same round trip.
import "./fold.js";

/** @import { Wanted } from "./feed.js" */
/** @import { Living } from "./page.js" */

/** @typedef {ReturnType<typeof openMore>} More */

export function openMore(/** @type {Wanted & Living} */ client) {
  watchPage(client);
  return {
    ...openFeed(client),
    publish: openOutbox(client),
    iterate,
    keep,
    openShared,
    sse: openSse,
    websocket: openWebSocket,
    poll: openPoll,
  };
}
