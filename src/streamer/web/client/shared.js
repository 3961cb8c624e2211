/**
 * The clients that components use which were given none: one for each server, for the whole page.
 *
 * @module
 */

import { createClient } from "./client.js";

/** @import { ClientLike } from "./watch.js" */

/** @type {Map<string, ClientLike>} */
const clients = new Map();

/**
 * @param {string} [url] of the server; by default the page's own
 * @returns {ClientLike}
 */
export function sharedClient(url = "") {
  const client = clients.get(url) ?? createClient({ url });
  clients.set(url, client);
  return client;
}

/**
 * Make every component that names this server use a client of yours, with its token.
 *
 * @param {ClientLike} client
 * @param {string} [url]
 */
export function shareClient(client, url = "") {
  clients.set(url, client);
}
