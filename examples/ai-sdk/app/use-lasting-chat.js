import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useRef } from "react";
import { STREAMER } from "./streamer.js";

const API = `${STREAMER}/api/v1/ai/chats`;
const transport = new DefaultChatTransport({ api: API });
/** Milliseconds before a stream that was cut is resumed: first, and at most. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;

/** `useChat` that comes back whenever its line is cut, and whose `stop` stops the answer for everybody. */
export function useLastingChat(id, history) {
  const chat = useChat({ id, messages: history, transport, resume: true });
  const { status, error, messages, resumeStream, sendMessage } = chat;
  const pause = useRef(FIRST_PAUSE);
  const unheard = useRef(null);
  const isAway = status === "error" && isCut(error);

  useEffect(() => {
    if (status === "streaming") {
      pause.current = FIRST_PAUSE;
      unheard.current = null;
    }
    if (status === "submitted" && messages.at(-1)?.role === "user") unheard.current = messages.at(-1);
    // Nothing is being said, so what was asked never arrived. Sent again, it is said once.
    if (status === "ready" && unheard.current !== null) {
      const { id: messageId, parts } = unheard.current;
      unheard.current = null;
      sendMessage({ parts, messageId });
    }
    if (!isAway) return undefined;
    const timer = setTimeout(resumeStream, pause.current);
    pause.current = Math.min(2 * pause.current, LONGEST_PAUSE);
    return () => clearTimeout(timer);
  }, [status, error]);

  const stop = () => fetch(`${API}/${encodeURIComponent(id)}/stop`, { method: "POST" });
  return { ...chat, isAway, stop };
}

/** Whether the line was cut, or nobody answers for a while: not whether the answer failed. */
function isCut(error) {
  return error instanceof TypeError || error?.statusCode === 429 || error?.statusCode >= 500;
}
