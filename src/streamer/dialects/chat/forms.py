"""An event of a conversation, and a control event, as the clients of a chat read them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ...chats.said import MESSAGE, REACTION, TYPING
from ...events.control import Control
from ...events.cursor import timestamp_of
from ...events.event import JOIN, LEAVE, Event
from ...events.json_line import encode_line
from ...events.new_event import READ
from ...wire.bodies import BodyFrames, BodyLines

#: Controls that an older client has no word for, and no use either.
_UNSAID: Final = frozenset({"caught_up", "end"})

#: Of each type what is said of it: the client's own name of a field, and ours.
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    MESSAGE: {
        "message": "message",
        "is_user": "is_user",
        "username": "username",
        "user": "user",
        "attachments": "attachments",
        "replyTo": "reply_to",
    },
    "ai_chunk": {"chunk": "chunk", "replyTo": "reply_to"},
    "ai_complete": {"message": "message", "is_user": "is_user", "replyTo": "reply_to"},
    JOIN: {"username": "username", "user": "user"},
    LEAVE: {"username": "username", "user": "user"},
    TYPING: {"username": "username", "user": "user", "isTyping": "is_typing"},
    REACTION: {
        "messageId": "message_id",
        "reaction": "reaction",
        "added": "added",
        "username": "username",
        "user": "user",
    },
}
#: Types whose own id is that of a message.
_MESSAGES: Final = frozenset({MESSAGE, "ai_complete"})


def frame_of(event: Event) -> dict[str, Any] | None:
    """What is said of `event`; None is nothing: it has no word for it."""
    fields = msgspec.json.decode(event.fields)
    of_log = {}
    if event.id is not None:
        of_log = {"id": str(event.id), "timestamp": timestamp_of(event.id.ms)}
    match event.type:
        case "ai_chunk" if fields.get("attempt", 1) != 1:
            # It knows no word for "what was said is void": the whole answer comes by itself.
            return None
        case "ai_segment":
            # It knows no answer of several messages: each segment is one.
            known = {"message": fields.get("message", ""), "is_user": False}
            named = {"messageId": of_log.get("id"), "replyTo": fields.get("reply_to")}
            return {"type": "ai_complete", **known, **named, **of_log}
        case "ai_failed" if fields.get("reason") == "cancelled":
            said = {"type": "ai_complete", "message": fields.get("message") or "", "is_user": False}
            return {**said, "messageId": of_log.get("id"), **of_log}
        case "ai_failed":
            text = str(fields.get("error") or "the answer failed")
            return {"type": "error", "message": text, "error": text, **of_log}
        case kind if kind == READ:
            name = fields.get("username") or fields.get("reader")
            return {"type": "read_receipt", "messageId": fields.get("cursor"), "username": name}
        case kind if kind in _FIELDS:
            known = {own: fields[ours] for own, ours in _FIELDS[kind].items() if ours in fields}
            named = {"messageId": of_log["id"]} if kind in _MESSAGES and of_log else {}
            return {"type": kind, **known, **named, **of_log}
        case _:
            return None


def bodies_of(event: Event) -> tuple[bytes, ...]:
    """The same as JSON on one line."""
    said = frame_of(event)
    return () if said is None else (encode_line(said),)


def bodies_of_control(control: Control) -> tuple[bytes, ...]:
    """What is sent of a control event."""
    if control.type in _UNSAID:
        return ()
    if control.type == "connected":
        present = msgspec.convert(_snapshot_of(control).get("present", {}), dict[str, str])
        users = sorted(set(present.values()))
        greeting = control.fields.get("greeting", {})
        return (encode_line({"type": "connection", **greeting, "users": users}),)
    if control.type == "pong" and control.fields.get("as_text"):
        return (b"pong",)  # in kind: whoever asks in plain text compares with it
    return (control.body(),)


def _snapshot_of(control: Control) -> dict[str, Any]:
    snapshot = control.fields.get("snapshot", {})
    if isinstance(snapshot, msgspec.Raw):
        decoded: dict[str, Any] = msgspec.json.decode(snapshot)
        return decoded
    return dict(snapshot)


FRAMES: Final = BodyFrames("chat-frames", bodies_of, bodies_of_control)
LINES: Final = BodyLines("chat-lines", bodies_of, bodies_of_control)
