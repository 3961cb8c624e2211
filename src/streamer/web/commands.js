/**
 * What a person types to read the same stream in a terminal. Pure.
 *
 * @module
 */

/**
 * @param {string} url the stream
 * @param {string | null} after the event to continue after
 * @param {boolean} [asksWho] whether the server does: the token is in the shell, and not in what is shown
 */
export function curlCommand(url, after, asksWho = false) {
  const headers = asksWho ? ['-H "Authorization: Bearer $STREAMER_TOKEN"'] : [];
  if (after !== null) headers.push(`-H 'Last-Event-ID: ${after}'`);
  return ["curl -N", ...headers, word(url)].join(" ");
}

/**
 * @param {string} project
 * @param {string} page its own address, which is the server's
 * @param {string | null} after the event to continue after
 */
export function tailCommand(project, page, after) {
  const server = new URL(".", page).href.replace(/\/$/u, "");
  return `streamer tail projects/${project} --url ${word(server)}${after === null ? "" : ` --from ${after}`}`;
}

/** `text` as one word of a shell, which may take the brackets of an IPv6 address for a pattern. */
function word(/** @type {string} */ text) {
  return /^[\w./:%~=-]+$/u.test(text) ? text : `'${text.replaceAll("'", "%27")}'`;
}
