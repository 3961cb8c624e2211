// Many random lives of clients over many answers; each is drawn from its number, and each says what it saw.
//
// First it prints where its model answers; then it is told {url, conversations, clients}, prints how many have
// ended, and in the end what was done and what was wrong: {lives, cuts, resumes, stopped, faults}.
import { createInterface } from "node:readline";
import { answerOf, PlainChat, textOf } from "./chat.mjs";
import { cutting } from "./cutting.mjs";
import { serveModel } from "./model.mjs";

/** Conversations that are held at once. */
const AT_ONCE = 24;
/** Requests of one client, whose server may be away for seconds. */
const MOST_TRIES = 2000;

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function drawn(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const below = (draw, limit) => Math.floor(draw() * limit);
const sleep = (milliseconds) => new Promise((over) => setTimeout(over, milliseconds));

/** Words of an answer, some of more than one byte, some that frames are made of. */
const WORDS = ["token ", "Tür ", "한국어 ", "👩‍👩‍👧 ", "\n\n", "data: [DONE]\n", "\u2028", "\"}", "a", "   ", "\r\n", "e\u0301"];

/** What the model says in a conversation, and when. */
function script(number) {
  const draw = drawn(number);
  const count = 1 + below(draw, 40);
  const slow = draw() < 0.5 ? 25 : 5;
  const pieces = Array.from({ length: count }, () => WORDS[below(draw, WORDS.length)].repeat(1 + below(draw, 3)));
  return { pieces, pauses: pieces.map(() => below(draw, slow)) };
}

const counts = { lives: 0, cuts: 0, resumes: 0, stopped: 0 };
const faults = [];

/** One conversation: one client asks, the others look in at any moment, and one of them may stop it. */
async function converse(url, number, clients) {
  const draw = drawn(number ^ 0x9e3779b9);
  const id = `swarm-${number}`;
  const conversation = { url, id, number, whole: script(number).pieces.join(""), isStopped: draw() < 0.1 };
  const lives = Array.from({ length: clients }, (_, client) => live(conversation, client, drawn(number * 1000 + client)));
  if (conversation.isStopped) lives.push(stop(conversation, below(draw, 400)));
  await Promise.all(lives);
}

async function stop({ url, id }, after) {
  await sleep(after);
  const answered = await fetch(`${url}/api/v1/ai/chats/${id}/stop`, { method: "POST" }).catch(() => null);
  if (answered?.status === 202) counts.stopped += 1;
}

/** The life of one client, until its chat is ready. */
async function live(conversation, client, draw) {
  const { url, id } = conversation;
  const history = [];
  const fault = (what) => faults.push(`conversation ${conversation.number}, client ${client}: ${what}: ${JSON.stringify(history.slice(-12))}`);
  // Of some the body is short, so many cuts come early.
  const cuts = Array.from({ length: below(draw, 5) }, () => (draw() < 0.15 ? -1 : below(draw, draw() < 0.5 ? 300 : 3000)));
  const drawnCuts = cuts.length;
  const request = cutting(cuts);
  const left = new WeakSet();
  const open = (messages) => new PlainChat({
    url, id, messages, fetch: request,
    entered(status, own) {
      if (left.has(own)) return;
      const { messages: shown, error } = own;
      const answer = answerOf(shown);
      history.push([status, answer?.id, textOf(answer).length, String(error ?? "")]);
      const wrong = status === "ready" ? lieOf(conversation, answer, history) : null;
      if (wrong !== null) fault(wrong);
    },
  });
  let chat = open([]);
  counts.lives += 1;
  if (client === 0) {
    await chat.sendMessage({ text: `number ${conversation.number}` });
  } else {
    await sleep(below(draw, 600));
    await chat.resumeStream();
  }
  for (let tries = 0; chat.status !== "ready" || isUnsaid(chat); tries += 1) {
    if (tries === MOST_TRIES) return fault("it never came to an end");
    await sleep(below(draw, 60));
    if (draw() < 0.15) {
      // The tab is loaded again: all it knew is gone.
      left.add(chat);
      await chat.stop();
      history.length = 0;
      chat = open(client === 0 ? chat.messages.filter(({ role }) => role === "user") : []);
    }
    counts.resumes += 1;
    if (chat.status === "ready" && isUnsaid(chat)) await chat.sendMessage({ ...chat.messages[0], messageId: chat.messages[0].id });
    else await chat.resumeStream();
  }
  counts.cuts += drawnCuts - cuts.length;
  return undefined;
}

/** Whether what was asked may not have reached the server. */
const isUnsaid = ({ messages }) => messages.at(-1)?.role === "user";

/** What is wrong with what a chat shows that says it is ready; null: nothing. */
function lieOf({ whole, isStopped }, answer, history) {
  const text = textOf(answer);
  if (answer === undefined) return history.some(([, id]) => id !== undefined) ? "ready, and what was shown is gone" : null;
  if (text === whole) return null;
  if (!isStopped) return `ready with ${JSON.stringify(text)} of ${JSON.stringify(whole)}`;
  if (!whole.startsWith(text)) return "stopped with what was never said";
  // A part that was not ended says that it is not whole.
  return text !== "" && answer.parts.at(-1).state !== "streaming" ? "stopped, and said to be whole" : null;
}

console.log(JSON.stringify({ model: await serveModel((text) => script(Number(text.replace(/\D/gu, "")))) }));
const lines = createInterface({ input: process.stdin });
const { value } = await lines[Symbol.asyncIterator]().next();
const { url, conversations, clients } = JSON.parse(value);
const waiting = Array.from({ length: conversations }, (_, number) => number);
let ended = 0;
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
    await converse(url, number, clients);
    console.log(JSON.stringify({ ended: ++ended }));
  }
}));
console.log(JSON.stringify({ ...counts, faults }));
process.exit();
