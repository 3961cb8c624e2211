import { STREAMER } from "./streamer.js";

/** What was said in a conversation before, as `useChat` has it; the id of an answer is its name. */
export async function historyOf(id) {
  const answered = await fetch(`${STREAMER}/api/v1/chats/${encodeURIComponent(id)}/messages?limit=50`);
  if (!answered.ok) throw new Error(`The server answered ${answered.status}.`);
  const { messages } = await answered.json();
  return messages.reverse().filter(({ message }) => message).map((said) => ({
    id: said.answer ?? said.id,
    role: said.is_user ? "user" : "assistant",
    parts: [{ type: "text", text: said.message, state: said.type === "ai_failed" ? "streaming" : "done" }],
  }));
}
