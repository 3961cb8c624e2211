/**
 * A chat with an AI of somebody else, written for a server of their own: a service that holds the socket, and a component.
 *
 * It knows nothing of Streamer; only the address in its query is another. Two people are on one page, for the test.
 */

import { createElement as h, StrictMode, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

const query = new URLSearchParams(location.search);
const API = query.get("api");
const PAGE_SIZE = Number(query.get("page") ?? 20);

/** The socket of one conversation: it is opened again for as long as somebody uses it, and what is said meanwhile waits. */
class ChatService {
  constructor(sessionId, username) {
    this.base = `/ws/chat/${sessionId}`;
    this.username = username;
    this.handlers = new Map();
    this.outbox = [];
    this.attempts = 0;
    this.isOver = false;
  }

  on(type, handler) {
    this.handlers.set(type, handler);
    return this;
  }

  emit(type, data) {
    this.handlers.get(type)?.(data);
  }

  connect() {
    const address = `${API.replace(/^http/, "ws")}${this.base}/?username=${encodeURIComponent(this.username)}`;
    const mine = this.socket = new WebSocket(address);
    mine.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "connection") {
        this.attempts = 0;
        for (const frame of this.outbox.splice(0)) mine.send(JSON.stringify(frame));
      }
      this.emit(message.type, message);
    };
    mine.onclose = () => {
      this.emit("close");
      if (!this.isOver) this.timer = setTimeout(() => this.connect(), Math.min(200 * 2 ** this.attempts++, 2000));
    };
  }

  /** A message is kept until there is a connection; what is of the moment is not. */
  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
    else if (frame.message) this.outbox.push(frame);
  }

  sendMessage(message) { this.send({ message }); }
  sendTyping(isTyping) { this.send({ type: "typing", isTyping }); }
  sendReadReceipt(messageId) { this.send({ type: "read_receipt", messageId }); }

  async loadMessages(before = null) {
    const more = before === null ? "" : `&before=${before}`;
    const answer = await fetch(`${API}${this.base}/messages?limit=${PAGE_SIZE}${more}`);
    return answer.json();
  }

  disconnect() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}

/** What is known and what is new, each message once, in the order in which they were said. */
function merged(before, news) {
  const known = new Map([...before, ...news].map((one) => [one.messageId, one]));
  const place = (one) => one.messageId.split("-").map((part) => part.padStart(16, "0")).join("-");
  return [...known.values()].sort((one, other) => (place(one) < place(other) ? -1 : 1));
}

function Chat({ sessionId, username }) {
  const [isConnected, setIsConnected] = useState(false);
  const [messages, setMessages] = useState([]);
  const [streaming, setStreaming] = useState(null);
  const [users, setUsers] = useState([]);
  const [typing, setTyping] = useState([]);
  const [seenBy, setSeenBy] = useState({});
  const [moves, setMoves] = useState([]);
  const [older, setOlder] = useState(null);
  const known = useRef(messages);
  known.current = messages;
  const service = useMemo(() => new ChatService(sessionId, username), [sessionId, username]);

  useEffect(() => {
    // Back to what is known, however much was said meanwhile.
    const catchUp = async () => {
      const newest = known.current.at(-1)?.messageId;
      let before = null;
      do {
        const page = await service.loadMessages(before);
        const said = page.messages.filter((one) => one.type === "message" || one.type === "ai_complete");
        setMessages((shown) => merged(shown, said));
        if (said.some((one) => one.type === "ai_complete" && one.messageId > (newest ?? ""))) setStreaming(null);
        before = page.next;
        if (!newest) setOlder(page.next);
        if (!newest || said.some((one) => one.messageId === newest)) return;
      } while (before);
    };
    service
      .on("connection", (frame) => {
        setIsConnected(true);
        setUsers(frame.users);
        setTyping([]);
        catchUp();
      })
      .on("close", () => setIsConnected(false))
      .on("message", (one) => {
        setMessages((shown) => merged(shown, [one]));
        if (one.username !== username) service.sendReadReceipt(one.messageId);
      })
      .on("ai_chunk", ({ chunk }) => setStreaming((text) => (text ?? "") + chunk))
      .on("ai_complete", (one) => {
        setStreaming(null);
        setMessages((shown) => merged(shown, [one]));
      })
      .on("user_join", (one) => {
        setUsers((there) => [...new Set([...there, one.username])].sort());
        setMoves((before) => [...before, `${one.username} came`]);
      })
      .on("user_leave", (one) => {
        setUsers((there) => there.filter((name) => name !== one.username));
        setMoves((before) => [...before, `${one.username} left`]);
      })
      .on("typing", (one) => setTyping((names) =>
        [...names.filter((name) => name !== one.username), ...(one.isTyping ? [one.username] : [])]))
      .on("read_receipt", (one) => setSeenBy((before) => ({ ...before, [one.username]: one.messageId })));
    // As StrictMode wants it: an effect may run twice.
    service.isOver = false;
    service.connect();
    return () => service.disconnect();
  }, [service, username]);

  const showOlder = async () => {
    const page = await service.loadMessages(older);
    setMessages((shown) => merged(shown, page.messages.filter((one) => one.message !== undefined)));
    setOlder(page.next);
  };
  const send = (event) => {
    event.preventDefault();
    const field = event.target.elements.text;
    service.sendMessage(field.value);
    field.value = "";
  };
  const last = messages.filter((one) => one.username === username).at(-1)?.messageId;
  return h("section", { id: username, className: "chat" },
    h("h2", null, `${username} in ${sessionId}`),
    h("p", { className: "state" }, isConnected ? "connected" : "not connected"),
    h("p", { className: "users" }, users.join(", ")),
    older && h("button", { className: "older", onClick: showOlder }, "Older"),
    h("ol", { className: "messages" }, messages.map((one) =>
      h("li", { key: one.messageId, "data-id": one.messageId }, `${one.is_user ? one.username : "AI"}: ${one.message}`))),
    h("p", { className: "streaming", role: "status" }, streaming),
    h("p", { className: "typing" }, typing.filter((name) => name !== username).map((name) => `${name} is typing`).join(", ")),
    h("p", { className: "seen" }, Object.entries(seenBy).filter(([, id]) => id === last).map(([name]) => `Seen by ${name}`).join(", ")),
    h("ol", { className: "moves" }, moves.map((one, n) => h("li", { key: n }, one))),
    h("form", { onSubmit: send },
      h("input", {
        name: "text", "aria-label": `What ${username} says`,
        onChange: (event) => service.sendTyping(event.target.value !== ""),
      }),
      h("button", null, "Send")));
}

function Page() {
  const [who, setWho] = useState(query.get("who").split(","));
  return h("div", { className: "bars" },
    who.map((name) => h("div", { key: name },
      h(Chat, { sessionId: query.get("session"), username: name }),
      h("button", { id: `close-${name}`, onClick: () => setWho((all) => all.filter((one) => one !== name)) }, "Leave"))));
}

createRoot(document.getElementById("root")).render(query.get("strict") ? h(StrictMode, null, h(Page)) : h(Page));
