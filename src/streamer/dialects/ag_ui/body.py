"""What clients of AG-UI post: a run's input, of which the last message is said; pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ...chats.last_message import key_of_message, message_from
from ...chats.said import Message
from ...errors import InvalidFields
from ...events.json_body import read_json

_EXAMPLE: Final = (
    '{"threadId":"42","runId":"r1","messages":[{"id":"m1","role":"user","content":"hello"}],'
    '"tools":[],"context":[],"state":{},"forwardedProps":{}}'
)


class Input(msgspec.Struct, frozen=True, rename="camel"):
    """``RunAgentInput``, as far as it is looked at.

    Attributes:
        thread_id: the client's own name of the conversation.
        run_id: the client's own name of the run.
    """

    thread_id: str
    run_id: str
    messages: list[dict[str, Any]]

    def said(self) -> Message:
        """The last message, which is to be answered.

        Raises:
            InvalidFields: there is none of a user's, or it has more than text.
        """
        if not self.messages or self.messages[-1].get("role") != "user":
            raise InvalidFields(
                "the last of messages must be a user's; to join a run that goes on, GET this"
            )
        return message_from({"message": _text_of(self.messages[-1].get("content"))})

    def key(self) -> str | None:
        """What names the last message, however often it is sent."""
        last = self.messages[-1]
        return key_of_message(last.get("id"), last.get("content"))


def read_input(body: bytes) -> Input:
    """What is posted; raises as `read_json`."""
    return read_json(body, Input, _EXAMPLE)


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidFields("the content of a message must be text, or a list of parts of text")
    return "".join(map(str, texts))
