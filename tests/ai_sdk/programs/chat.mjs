// A chat of npm's `ai` with the plainest state there is, and what happens to it, in order.
import { AbstractChat, DefaultChatTransport } from "ai";

/** The text of a message of the model, of its text parts alone. */
export const textOf = (message) =>
  (message?.parts ?? []).filter(({ type }) => type === "text").map(({ text }) => text).join("");

/** The answer that a chat shows: its last message, if the model said it. */
export function answerOf(messages) {
  const last = messages.at(-1);
  return last?.role === "assistant" ? last : undefined;
}

class PlainState {
  error = undefined;
  #status = "ready";
  #entered;

  constructor(messages, entered) {
    this.messages = messages;
    this.#entered = entered;
  }

  get status() {
    return this.#status;
  }

  set status(status) {
    this.#status = status;
    this.#entered(status);
  }

  pushMessage = (message) => this.messages.push(message);
  popMessage = () => this.messages.pop();
  replaceMessage = (index, message) => (this.messages[index] = message);
  snapshot = (value) => structuredClone(value);
}

/**
 * `entered` is called with each status; `fetch` is what its requests go through.
 */
export class PlainChat extends AbstractChat {
  constructor({ url, id, messages = [], entered, fetch }) {
    super({
      id,
      transport: new DefaultChatTransport({ api: `${url}/api/v1/ai/chats`, fetch }),
      state: new PlainState(messages, (status) => entered(status, this)),
    });
  }
}
