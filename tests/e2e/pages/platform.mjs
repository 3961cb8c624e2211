/**
 * A platform's front end of somebody else, written for a server of their own: a provider and a hook for what users are
 * told, the same for admins.
 *
 * It knows nothing of Streamer; only the address in its query is another.
 */

import { createContext, createElement as h, StrictMode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

const query = new URLSearchParams(location.search);
const API = query.get("api");
const PING_EVERY = Number(query.get("ping") ?? 25_000);
const NotificationContext = createContext(null);
const AdminContext = createContext(null);

/** Two that are the same: what is pushed has no id, and is in the list too. */
const keyOf = (one) => [one.timestamp, one.type, one.video_id, one.message].join(" ");

/** A socket that is opened again for as long as somebody uses it. */
function useSocket(path, token, onMessage) {
  const socket = useRef(null);
  const [isConnected, setIsConnected] = useState(false);
  const [lastMessage, setLastMessage] = useState(null);
  const heard = useRef(onMessage);
  heard.current = onMessage;

  useEffect(() => {
    let reconnect = 0;
    let ping = 0;
    let attempts = 0;
    let isAlive = true;
    let isOver = false;
    const connect = () => {
      const mine = new WebSocket(`${API.replace(/^http/, "ws")}${path}?token=${encodeURIComponent(token)}`);
      socket.current = mine;
      mine.onopen = () => {
        isAlive = true;
        ping = setInterval(() => {
          if (!isAlive) return mine.close(); // nobody has answered the last one
          isAlive = false;
          mine.send("ping");
        }, PING_EVERY);
      };
      mine.onmessage = ({ data }) => {
        isAlive = true;
        if (data === "pong") return document.body.dataset.pongs = Number(document.body.dataset.pongs ?? 0) + 1;
        const message = JSON.parse(data);
        if (message.type === "connected") {
          attempts = 0;
          setIsConnected(true);
        }
        setLastMessage(message);
        heard.current(message);
      };
      mine.onclose = ({ code }) => {
        clearInterval(ping);
        if (isOver) return;
        setIsConnected(false);
        if (code === 1008) return; // a token that is no good does not become better
        reconnect = setTimeout(connect, Math.min(200 * 2 ** attempts++, 2000));
      };
    };
    connect();
    return () => {
      isOver = true;
      clearTimeout(reconnect);
      socket.current.close();
    };
  }, [path, token]);

  const sendMessage = useCallback((text) => socket.current?.send(text), []);
  return { isConnected, lastMessage, sendMessage };
}

function NotificationProvider({ token, children }) {
  const [notifications, setNotifications] = useState([]);
  const [progress, setProgress] = useState({});
  const [readKeys, setReadKeys] = useState(() => new Set());

  const add = useCallback((news) => setNotifications((before) => {
    const known = new Set(before.map(keyOf));
    return [...before, ...news.filter((one) => !known.has(keyOf(one)))];
  }), []);

  const { isConnected, lastMessage, sendMessage } = useSocket("/api/v1/ws", token, async (message) => {
    switch (message.type) {
      case "connected": {
        // What was said while nobody listened.
        const answer = await fetch(`${API}/api/v1/notifications?limit=100`, { headers: { Authorization: `Bearer ${token}` } });
        const list = (await answer.json()).notifications.reverse();
        return add(list.filter((one) => one.type !== "transcode_progress"));
      }
      case "transcode_progress":
        return setProgress((before) => ({ ...before, [message.video_id]: { percent: message.progress, message: message.message } }));
      case "transcode_complete":
      case "transcode_failed":
      case "system_message":
        return add([message]);
    }
  });

  const markAsRead = useCallback(() => setReadKeys(new Set(notifications.map(keyOf))), [notifications]);
  const unreadCount = notifications.filter((one) => !readKeys.has(keyOf(one))).length;
  const value = useMemo(
    () => ({ isConnected, lastMessage, sendMessage, notifications, progress, unreadCount, markAsRead }),
    [isConnected, lastMessage, sendMessage, notifications, progress, unreadCount, markAsRead],
  );
  return h(NotificationContext.Provider, { value }, children);
}

function AdminNotificationProvider({ token, children }) {
  const [events, setEvents] = useState([]);
  const [stats, setStats] = useState(null);
  const { isConnected, sendMessage } = useSocket("/api/v1/ws/admin", token, (message) => {
    if (message.type === "connected") setStats(message.connection_stats);
    else if (message.type === "stats") setStats(message);
    else setEvents((before) => [...before, message]);
  });
  const value = useMemo(() => ({ isConnected, sendMessage, events, stats }), [isConnected, sendMessage, events, stats]);
  return h(AdminContext.Provider, { value }, children);
}

const useNotifications = () => useContext(NotificationContext);
const useAdminNotifications = () => useContext(AdminContext);

const said = (one) => {
  switch (one.type) {
    case "transcode_complete": return `${one.title} is ready (${one.format_type}, ${one.file_size} bytes)`;
    case "transcode_failed": return `${one.title} failed: ${one.error}`;
    case "system_message": return `${one.level}: ${one.message}`;
    default: return one.type;
  }
};

function Bell() {
  const { isConnected, lastMessage, notifications, progress, unreadCount, markAsRead } = useNotifications();
  return h("section", { id: "user" },
    h("h2", null, `Notifications (${unreadCount})`),
    h("p", { className: "state" }, isConnected ? "connected" : "not connected"),
    h("button", { onClick: markAsRead }, "Mark all as read"),
    h("ul", { className: "progress" }, Object.entries(progress).map(([id, one]) =>
      h("li", { key: id, id: `video-${id}` }, h("progress", { max: 100, value: one.percent }), ` ${one.percent} % ${one.message}`))),
    h("ol", { className: "list" }, notifications.map((one) => h("li", { key: keyOf(one) }, said(one)))),
    h("code", { className: "last" }, JSON.stringify(lastMessage)));
}

function AdminPanel() {
  const { isConnected, sendMessage, events, stats } = useAdminNotifications();
  return h("section", { id: "admin" },
    h("h2", null, "Admins"),
    h("p", { className: "state" }, isConnected ? "connected" : "not connected"),
    h("button", { onClick: () => sendMessage("get_stats") }, "Count"),
    h("code", { className: "stats" }, JSON.stringify(stats)),
    h("ol", { className: "list" }, events.map((one, n) => h("li", { key: n }, JSON.stringify(one)))));
}

createRoot(document.getElementById("root")).render(h(StrictMode, null,
  h(NotificationProvider, { token: query.get("token") }, h(Bell)),
  query.get("admin") && h(AdminNotificationProvider, { token: query.get("admin") }, h(AdminPanel))));
