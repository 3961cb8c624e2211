/**
 * The same stream elsewhere: what a person types or pastes to read it, at this server. Pure.
 *
 * @module
 */

/**
 * @typedef {object} Stream
 * @property {string} topic
 * @property {string} server its address, with the prefix that a proxy gave it, without a slash at the end
 * @property {string | null} after the event to continue after
 * @property {boolean} asksWho whether the server does: the token is in the shell, and not in what is shown
 */

/** @type {Readonly<Record<"curl" | "tail" | "browser" | "python" | "react", (stream: Stream) => string>>} */
export const COMMANDS = { curl, tail, browser, python, react };

/** @returns {string} the server's address, of the page's own */
export function serverOf(/** @type {string} */ page) {
  return new URL(".", page).href.replace(/\/$/u, "");
}

/** Where the streams and events of a topic are beneath `/api/v1/`, and what the query says of it. */
export function pathOf(/** @type {string} */ topic) {
  const [first, id, ...more] = topic.split("/");
  const own = (first === "projects" || first === "jobs") && id !== undefined && more.length === 0;
  return own ? { at: `${first}/${id}/`, query: "" } : { at: "", query: `topic=${topic}` };
}

function curl(/** @type {Stream} */ { topic, server, after, asksWho }) {
  const headers = asksWho ? ['-H "Authorization: Bearer $STREAMER_TOKEN"'] : [];
  if (after !== null) headers.push(`-H 'Last-Event-ID: ${after}'`);
  const { at, query } = pathOf(topic);
  return ["curl -N", ...headers, word(`${server}/api/v1/${at}stream${query && `?${query}`}`)].join(" ");
}

function tail(/** @type {Stream} */ { topic, server, after }) {
  return `streamer tail ${topic} --url ${word(server)}${after === null ? "" : ` --from ${after}`}`;
}

function browser(/** @type {Stream} */ { topic, server, after, asksWho }) {
  const from = after === null ? "" : `, { from: ${quoted(after)} }`;
  return `<script type="module">
  import { createClient } from ${quoted(`${server}/client/client.js`)};

  const client = createClient({ url: ${quoted(server)}${asksWho ? ", getToken: () => yourToken" : ""} });
  const subscription = client.subscribe(${quoted(topic)}${from});
  subscription.on("*", (event) => console.log(event));
</script>`;
}

function python(/** @type {Stream} */ { topic, server, after, asksWho }) {
  const from = after === null ? "" : `, after=${quoted(after)}`;
  const token = asksWho ? ', token=os.environ["STREAMER_TOKEN"]' : "";
  return `${asksWho ? "import os\n\n" : ""}import streamer

for event in streamer.follow(${quoted(server)}, ${quoted(topic)}${from}${token}):
    print(event.type, event.fields)`;
}

function react(/** @type {Stream} */ { topic, server, asksWho }) {
  const [first, id] = topic.split("/");
  const { at } = pathOf(topic);
  const bar = at === "" ? `topic=${quoted(topic)}` : `${first === "jobs" ? "jobId" : "projectId"}=${quoted(id ?? "")}`;
  if (!asksWho) {
    return `import { ProgressBar } from "@streamer-sse/client/react.js";

export const Progress = () => <ProgressBar ${bar} backendUrl=${quoted(server)} />;`;
  }
  return `import { createClient } from "@streamer-sse/client";
import { ProgressBar, StreamerContext } from "@streamer-sse/client/react.js";

const client = createClient({ url: ${quoted(server)}, getToken: () => yourToken });

export const Progress = () => (
  <StreamerContext.Provider value={client}>
    <ProgressBar ${bar} />
  </StreamerContext.Provider>
);`;
}

/** `text` as one word of a shell, which may take the brackets of an IPv6 address for a pattern. */
function word(/** @type {string} */ text) {
  return /^[\w./:%~=?-]+$/u.test(text) && !text.includes("?") ? text : `'${text.replaceAll("'", "%27")}'`;
}

/** `text` as a string of JavaScript and Python, which a `</script>` in it would not end. */
function quoted(/** @type {string} */ text) {
  return JSON.stringify(text).replaceAll("<", "\\u003c");
}
