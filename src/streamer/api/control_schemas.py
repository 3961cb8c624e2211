"""What OpenAPI says of the control events: what the server itself sends to one reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .schema_parts import CURSOR, REF, TEXT, TEXTS, WHEN, WHOLE, kind_of

_Schema = dict[str, Any]

_SENTENCE: Final[_Schema] = {**TEXT, "description": "A sentence for a person."}
_CODE: Final[_Schema] = {**TEXT, "description": "One of the codes of errors."}
_UNREAD: Final[_Schema] = {
    "type": ["integer", "null"],
    "minimum": 0,
    "description": "How many events are after it; null where none count.",
}

_READ_STATE: Final[_Schema] = {
    "type": "object",
    "properties": {
        "cursor": {"type": ["string", "null"], "description": "null: they never said."},
        "unread": _UNREAD,
    },
    "required": ["cursor", "unread"],
}


def _control(kind: str, description: str, required: _Schema, optional: _Schema) -> _Schema:
    return {
        "type": "object",
        "description": description,
        "properties": {"type": kind_of(kind), **required, **optional},
        "required": ["type", *required],
    }


#: By type; `events.event.CONTROL_TYPES` without the one that is reserved.
CONTROLS: Final[Mapping[str, _Schema]] = {
    "connected": _control(
        "connected",
        "The first of every connection. Of one topic it has `topic` and `snapshot`, "
        "of several `topics` and `snapshots`.",
        {
            "cursor": {**CURSOR, "description": "Where this connection begins."},
            "resumed": {"type": "boolean", "description": "Whether the reader named a cursor."},
            "message": _SENTENCE,
            "stream_id": {**TEXT, "description": "Names this connection, and no other."},
        },
        {
            "expires_at": {**WHEN, "description": "When the stream ends with its token."},
            "reading": {
                "type": "object",
                "description": "How far you have read the topics where events are counted.",
                "additionalProperties": _READ_STATE,
            },
            "counted_to": {**CURSOR, "description": "Up to where their unread were counted."},
            "topic": TEXT,
            "topics": TEXTS,
            "project_id": TEXT,
            "job_id": TEXT,
            "snapshot": {"$ref": REF.format(name="Snapshot")},
            "snapshots": {
                "type": "object",
                "description": "By topic.",
                "additionalProperties": {"$ref": REF.format(name="Snapshot")},
            },
        },
    ),
    "caught_up": _control(
        "caught_up", "The replay is over; live from here.", {"cursor": CURSOR}, {}
    ),
    "gap": _control(
        "gap",
        "Events were removed before this reader could have them.",
        {
            "topic": {"type": ["string", "null"], "description": "null: of several, or of the log"},
            "after": {**CURSOR, "description": "What was lost is after this"},
            "until": {**CURSOR, "description": "up to and including this."},
            "reason": {**TEXT, "description": "`trimmed`, `expired`, `deleted` or `reset`."},
            "cursor": {**CURSOR, "description": "Where the reader is now."},
        },
        {},
    ),
    "end": _control(
        "end",
        "No more will come of this topic; the connection ends once none `remaining`.",
        {
            "topic": TEXT,
            "reason": {**TEXT, "description": "The type of its terminal event, or its status."},
        },
        {"remaining": {**WHOLE, "description": "Topics of this stream that are not over."}},
    ),
    "reconnect": _control(
        "reconnect",
        "Come back after `retry_ms` milliseconds; `code` and `detail` say why.",
        {"retry_ms": {**WHOLE, "description": "Milliseconds."}},
        {"code": _CODE, "detail": _SENTENCE},
    ),
    "expiring": _control(
        "expiring",
        "The stream ends with its token at `expires_at`; a new token is taken at `refresh`.",
        {"expires_at": WHEN, "refresh": {**TEXT, "description": "A path."}},
        {},
    ),
    "expired": _control(
        "expired",
        "The stream ends: its token has expired, or was revoked. Come back with another.",
        {"code": _CODE, "detail": _SENTENCE},
        {},
    ),
    "refreshed": _control(
        "refreshed",
        "A new token was taken (WebSocket).",
        {
            "expires_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "null: the stream does not end with it.",
            }
        },
        {},
    ),
    "refused": _control(
        "refused",
        "What this reader asked for is refused (WebSocket).",
        {
            "code": _CODE,
            "detail": _SENTENCE,
            "status": {**WHOLE, "description": "That of the same answer over HTTP."},
            "retry": {"type": "boolean", "description": "Whether asking again may help."},
        },
        {
            "retry_after": {"type": ["number", "null"], "description": "Seconds."},
            "topic": {**TEXT, "description": "The one that it is about, where it is one."},
        },
    ),
    "pong": _control("pong", "The answer to a ping (WebSocket).", {}, {}),
    "moved": _control(
        "moved",
        "A cursor was moved, or was ahead already (WebSocket).",
        {
            "topic": TEXT,
            "reader": TEXT,
            "cursor": CURSOR,
            "unread": _UNREAD,
            "moved": {"type": "boolean", "description": "Whether it was this frame that did."},
        },
        {},
    ),
    "stats": _control(
        "stats",
        "Readers of notifications, over all processes (WebSocket).",
        {
            "total_users": WHOLE,
            "total_user_connections": WHOLE,
            "total_admin_connections": WHOLE,
            "total_connections": WHOLE,
        },
        {},
    ),
    "subscribed": _control(
        "subscribed",
        "A topic was added (WebSocket).",
        {"topic": TEXT, "topics": {**TEXTS, "description": "All of this connection."}},
        {},
    ),
    "unsubscribed": _control(
        "unsubscribed",
        "A topic was removed (WebSocket).",
        {"topic": TEXT, "topics": {**TEXTS, "description": "Those that remain."}},
        {},
    ),
}
