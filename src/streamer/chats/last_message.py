"""The last of the messages that a client of another protocol posts: the one that it says; pure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ..errors import InvalidFields
from .said import Message


def message_from(fields: dict[str, Any]) -> Message:
    """The message of a conversation that has these `fields`.

    Raises:
        InvalidFields: it says nothing, too much, or has a file that is nowhere.
    """
    try:
        return msgspec.convert(fields, Message)
    except msgspec.ValidationError as error:
        raise InvalidFields(f"the last of messages cannot be said: {error}") from error


def key_of_message(name: object, content: object) -> str | None:
    """What names a message however often it is sent; None for one without a name.

    Another message that has its `name` is another.
    """
    if not isinstance(name, str) or not name:
        return None
    said = f"{name}\n".encode() + msgspec.json.encode(content)
    return "message-" + hashlib.sha256(said).hexdigest()[:32]
