"""What a push says: the newest notification in words, and how many are unread."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..events.event import Event

#: Bytes of a push, before it is encrypted, that every push service takes (RFC 8291 section 4).
MOST_BYTES: Final = 3993
#: Characters that a device shows, or fewer.
_TITLE: Final = 100
_BODY: Final = 500
_URL: Final = 500

_LEVELS: Final = {"info": "Message", "success": "Done", "warning": "Warning", "error": "Error"}


def message_of(event: Event, unread: int) -> bytes:
    """The payload of a push about `event`, the newest of `unread` notifications.

    JSON: ``id``, ``type``, ``timestamp``, ``title``, ``body``, ``unread``, ``url`` if it has
    one; and as ``notification`` the whole of it, if that fits in.
    """
    notification: dict[str, Any] = msgspec.json.decode(event.body)
    title, body = _words(notification)
    said = {
        **{name: notification[name] for name in ("id", "type", "timestamp")},
        "title": _cut(title, _TITLE),
        "body": _cut(body, _BODY),
        "unread": unread,
    }
    url = notification.get("url")
    if isinstance(url, str) and len(url) <= _URL and url.isascii() and url.isprintable():
        said["url"] = url
    whole = msgspec.json.encode({**said, "notification": notification})
    if len(whole) <= MOST_BYTES:
        return whole
    packed = msgspec.json.encode(said)
    while len(packed) > MOST_BYTES:
        # Of characters that take up to six bytes each.
        said["body"] = _cut(said["body"], len(said["body"]) // 2)
        packed = msgspec.json.encode(said)
    return packed


def _words(notification: dict[str, Any]) -> tuple[str, str]:
    """The title and the text of a notification, by its type, else by what it has."""
    kind = notification["type"]
    name = _first(notification, "title")
    match kind:
        case "transcode_complete" if name:
            return f"{name} is ready", _first(notification, "format_type")
        case "transcode_failed" if name:
            return f"{name} failed", _first(notification, "error")
        case "system_message":
            level = _LEVELS.get(_first(notification, "level"), "Message")
            return level, _first(notification, "message")
    plain = kind.replace("_", " ").replace(".", " ").capitalize()
    return (
        _first(notification, "title", "username") or plain,
        _first(notification, "message", "body", "text", "description", "error"),
    )


def _first(notification: dict[str, Any], *names: str) -> str:
    found = (notification.get(name) for name in names)
    return next((text for text in found if isinstance(text, str) and text), "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(0, most - 1)]}…" if most else ""
