/**
 * A page with a bell, and beside it a part of an older app, which asks its context for what it always did.
 *
 * @module
 */

import { createElement as h, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { ko, zh } from "@streamer-sse/client/notices-languages.js";
import { NotificationBell, NotificationsProvider, useNotifications } from "@streamer-sse/client/notifications-react.js";

const query = new URLSearchParams(location.search);
const texts = { ko, zh }[query.get("lang") ?? ""] ?? {};
const heard = (window.heard = []);
const chosen = (window.chosen = []);

function Studio() {
  const { isConnected, unreadCount, markAsRead, lastMessage, sendMessage, progress } = useNotifications();
  const [, redraw] = useState(0);
  useEffect(() => {
    if (lastMessage) heard.push(lastMessage);
    redraw(heard.length);
  }, [lastMessage]);
  Object.assign(window, { sendMessage });
  return h(
    "section",
    { className: "studio" },
    h("h2", null, "Videos"),
    h("output", { id: "state" }, `${isConnected} ${unreadCount}`),
    h("ul", { id: "videos" }, Object.entries(progress).map(([video, { status, progress: percent, message }]) => h("li", { key: video }, `${video}: ${percent} % ${status} ${message}`))),
    h("button", { id: "all", onClick: markAsRead }, "Clear"),
  );
}

function Page() {
  const [isShown, show] = useState(true);
  const [reader, setReader] = useState(query.get("reader") ?? undefined);
  window.show = show;
  window.setReader = setReader;
  return h(
    NotificationsProvider,
    {
      url: query.get("api"), reader, limit: 5, pollInterval: 1000,
      ...(query.get("token") && { getToken: () => query.get("token") }),
    },
    h(
      "header",
      { className: "bar" },
      h("h1", null, "Video studio"),
      isShown && h(NotificationBell, { texts, ...(query.get("choose") && { onSelect: ({ id }) => chosen.push(id) }) }),
    ),
    h(Studio),
  );
}

const root = createRoot(document.getElementById("root"));
window.draw = (isThere) => root.render(isThere && h(StrictMode, null, h(Page)));
window.draw(true);
