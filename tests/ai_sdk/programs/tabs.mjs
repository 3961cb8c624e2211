// Tabs that are told on standard input what to do, and tell on standard output what they show.
//
// An order is {tab, do, order, …}: "open" {url, id, messages, cuts}, "send" {text}, "resume", "again", "look", "leave".
// Told are {tab, order, status, text, answer, error, said}: each status as it is entered, and with `order` what a look found.
import { createInterface } from "node:readline";
import { answerOf, PlainChat, textOf } from "./chat.mjs";
import { cutting } from "./cutting.mjs";

const tabs = new Map();

function tell(tab, chat, order = null) {
  const answer = answerOf(chat.messages);
  const { status, error, messages } = chat;
  console.log(JSON.stringify({ tab, order, status, text: textOf(answer), answer: answer ?? null, error: String(error ?? ""), said: messages.length }));
}

const orders = {
  open({ tab, url, id, messages, cuts }) {
    tabs.set(tab, new PlainChat({ url, id, messages, fetch: cutting(cuts), entered: (_, chat) => tell(tab, chat) }));
  },
  send: ({ tab, text }) => tabs.get(tab).sendMessage({ text }),
  again: ({ tab }) => tabs.get(tab).regenerate(),
  resume: ({ tab }) => tabs.get(tab).resumeStream(),
  look: ({ tab, order }) => tell(tab, tabs.get(tab), order),
  leave: ({ tab }) => tabs.get(tab).stop(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  void orders[order.do](order);
}
