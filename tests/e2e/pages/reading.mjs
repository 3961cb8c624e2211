/**
 * One device of somebody who reads a topic: how much is unread, and a button that marks it.
 *
 * @module
 */

import { createClient } from "@streamer-sse/client";
import { reading } from "@streamer-sse/client/reading.js";

const query = new URLSearchParams(location.search);
// Tabs of one browser, some of which are of another user.
const options = { url: query.get("api") ?? "", getToken: () => query.get("token"), share: query.get("user") ?? "" };
const topic = reading(createClient(options), query.get("topic") ?? "", options);
const shown = document.createElement("output");
const button = document.createElement("button");
button.textContent = "Mark as read";
button.onclick = () => topic.markAsRead();
document.getElementById("root")?.append(shown, button);
topic.subscribe(() => (shown.textContent = `${topic.unread} ${topic.state}`));
