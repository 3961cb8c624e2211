"""What the clients of a chat send; pure."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ...chats.said import Message, Reaction, Typing
from ...errors import InvalidFrame
from ...events.cursor import Cursor
from ...wire.websocket import Ping, Token, parse_command


class Receipt(msgspec.Struct, frozen=True):
    """Says that everything up to a message was read."""

    message_id: str

    def to(self) -> Cursor:
        """The message; raises `InvalidCursor`."""
        return Cursor.parse(self.message_id)


Frame = Message | Typing | Receipt | Reaction | Ping | Token

_object: Final = msgspec.json.Decoder(dict[str, Any])
_ALLOWED: Final = (
    "allowed are the text ping, and JSON objects: with message (and attachments, replyTo), or of "
    "the type typing (isTyping), read_receipt (messageId), reaction (messageId, reaction, added), "
    "ping and token (token)"
)
#: What a file is called whose address ends with a slash.
_UNNAMED: Final = "file"


def parse_frame(text: str | bytes) -> Frame:
    """Read one inbound frame. Fields that are not known here are not looked at.

    Raises:
        InvalidFrame: it is binary, no JSON object, or nothing that is understood.
        InvalidCursor: what should be the id of a message is none.
    """
    if isinstance(text, bytes):
        raise InvalidFrame(f"the frame is binary; {_ALLOWED}")
    if text == "ping":
        return Ping()
    try:
        given = _object.decode(text)
        kind = given.get("type", "message")
        if kind == "ping" or kind == "token":  # noqa: PLR1714 - it may be anything
            command = parse_command(text)
            assert isinstance(command, Ping | Token)  # noqa: S101 - its type says so
            return command
        return _read(kind, given)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(f"the frame is not understood: {error}; {_ALLOWED}") from error


def _read(kind: object, given: dict[str, Any]) -> Frame:
    match kind:
        case "message":
            said = {"message": given.get("message", "")}
            if given.get("attachments"):
                said["attachments"] = _attachments(given["attachments"])
            if (reply_to := given.get("replyTo", given.get("reply_to"))) is not None:
                said["reply_to"] = reply_to
            return msgspec.convert(said, Message)
        case "typing":
            return msgspec.convert({"is_typing": given.get("isTyping", True)}, Typing)
        case "read_receipt":
            receipt = msgspec.convert({"message_id": given.get("messageId")}, Receipt)
            receipt.to()
            return receipt
        case "reaction":
            named = {"message_id": "messageId", "reaction": "reaction", "added": "added"}
            reaction = {name: given[field] for name, field in named.items() if field in given}
            return msgspec.convert(reaction, Reaction)
        case _:
            raise InvalidFrame(f"the type {kind!r:.80} is not understood; {_ALLOWED}")


def _attachments(given: object) -> object:
    """As a message has them: an older client sends addresses, or what it knows of a file."""
    return [_attachment(file) for file in given] if isinstance(given, list) else given


def _attachment(file: object) -> object:
    if isinstance(file, str):
        file = {"url": file}
    if not isinstance(file, dict):
        return file
    known = ("url", "name", "content_type", "size")
    named = {name: file[name] for name in known if file.get(name) is not None}
    if isinstance(url := named.get("url"), str):
        named.setdefault("name", _name_in(url))
    return named


def _name_in(url: str) -> str:
    try:
        return urlsplit(url).path.rpartition("/")[2][-255:] or _UNNAMED
    except ValueError:  # half an IPv6 address; it is refused as an address, or is none to us
        return _UNNAMED
