"use client";

import { useEffect, useState } from "react";
import { historyOf } from "./history.js";
import "./page.css";
import { useLastingChat } from "./use-lasting-chat.js";

/** The conversation is named by the address: `?chat=42`. */
export default function Page() {
  const id = new URLSearchParams(location.search).get("chat") ?? "demo";
  const [history, setHistory] = useState(null);
  useEffect(() => {
    let timer;
    const load = () => historyOf(id).then(setHistory, () => (timer = setTimeout(load, 1000)));
    load();
    return () => clearTimeout(timer);
  }, [id]);
  return history === null ? <main data-status="loading"><h1>{id}</h1></main> : <Chat id={id} history={history} />;
}

function Chat({ id, history }) {
  const { messages, sendMessage, status, error, isAway, stop } = useLastingChat(id, history);
  const isOpen = status === "submitted" || status === "streaming";

  const send = (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements.text;
    if (isOpen || isAway || field.value.trim() === "") return;
    sendMessage({ text: field.value });
    field.value = "";
  };

  return (
    <main data-status={status}>
      <h1>{id}</h1>
      <div className="log">
        <ol>
          {messages.map((message) => <Message key={message.id} message={message} isSaid={(isOpen || isAway) && message === messages.at(-1)} />)}
        </ol>
      </div>
      <p className="state" role="status">
        {isAway && "Not connected: the answer goes on, and comes when the line is back."}
        {status === "error" && !isAway && `There is no answer: ${error?.message}`}
        {status === "submitted" && "Thinking…"}
      </p>
      <form onSubmit={send}>
        <input name="text" aria-label="Message" placeholder="Say something" autoComplete="off" autoFocus />
        {isOpen || isAway ? <button type="button" onClick={stop}>Stop</button> : <button type="submit">Send</button>}
      </form>
    </main>
  );
}

function Message({ message, isSaid }) {
  const texts = message.parts.filter(({ type }) => type === "text");
  // A part that nobody says any more, and that was not ended, was stopped.
  const isStopped = !isSaid && message.role === "assistant" && texts.some(({ state }) => state === "streaming");
  return (
    <li className={message.role} data-said={isSaid}>
      <span>{texts.map(({ text }) => text).join("")}</span>
      {isStopped && <em>Not whole</em>}
    </li>
  );
}
