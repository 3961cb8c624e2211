"""What the AI SDK posts: the messages it has, and which of them is to be answered; pure."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from ...chats.last_message import message_from
from ...chats.said import Message
from ...errors import InvalidFields
from ...events.json_body import read_json

#: What a file is called that has no name.
_UNNAMED: Final = "file"
_EXAMPLE: Final = (
    '{"id":"42","trigger":"submit-message","messages":[{"id":"m1","role":"user",'
    '"parts":[{"type":"text","text":"hello"}]}]}'
)


class UiMessage(msgspec.Struct, frozen=True):
    """One message of a client's: its parts are what it says."""

    role: str
    id: str = ""
    parts: list[dict[str, Any]] = []


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """What is posted; whatever else an application puts beside it is not looked at.

    Attributes:
        id: the conversation, where the address names none.
        trigger: whether the last message is to be answered, or an answer said anew.
        message_id: which answer.
    """

    messages: list[UiMessage]
    id: str | None = None
    trigger: Literal["submit-message", "regenerate-message"] = "submit-message"
    message_id: str | None = None

    def last(self) -> UiMessage:
        """The message that is to be answered.

        Raises:
            InvalidFields: there is none, or it is none of a user's.
        """
        if not self.messages or self.messages[-1].role != "user":
            raise InvalidFields(
                "the last of messages must be a user's: to have an answer said anew, "
                "trigger is regenerate-message"
            )
        return self.messages[-1]


def read_body(body: bytes) -> Body:
    """What is posted; raises as `read_json`."""
    return read_json(body, Body, _EXAMPLE)


def message_of(said: UiMessage) -> Message:
    """A client's message as a conversation has it: its text, and its files.

    Raises:
        InvalidFields: it says nothing, too much, or has a file that is nowhere.
    """
    texts = [part.get("text") for part in said.parts if part.get("type") == "text"]
    files = [_attachment(part) for part in said.parts if part.get("type") == "file"]
    return message_from({"message": "".join(map(str, texts)), "attachments": files})


def _attachment(part: dict[str, Any]) -> dict[str, Any]:
    file = {"url": part.get("url"), "name": part.get("filename") or _UNNAMED}
    if part.get("mediaType"):
        file["content_type"] = part["mediaType"]
    return file
