"""What OpenAPI says of every body that a stream can carry."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..events.event import CONTROL_TYPES
from ..events.job_event import JOB_EVENT_TYPES, STATUSES, Completed, Error, Progress, Status
from ..events.snapshot import Snapshot

_Schema = dict[str, Any]

#: Where OpenAPI keeps what is referred to by name.
REF: Final = "#/components/schemas/{name}"
#: Any body of a stream, and any event: an element of a poll's answer.
STREAM_BODY: Final = REF.format(name="StreamBody")
EVENT: Final = REF.format(name="Event")
GAP: Final = REF.format(name="Gap")

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_ID: Final = {
    "type": "string",
    "pattern": r"^[0-9]{1,15}-[0-9]{1,20}$",
    "description": "Opaque: a position in the log. Resume after it.",
}
_TOPICS: Final = {"type": "array", "items": _TEXT}
_WHEN: Final = {"type": "string", "format": "date-time"}

#: What the server adds to a publisher's own fields.
_ENVELOPE: Final[_Schema] = {
    "id": {**_ID, "description": "The event's id; an ephemeral event has none."},
    "topic": {**_TEXT, "description": "The first of its topics."},
    "topics": {**_TOPICS, "description": "All of its topics, where there are several."},
    "timestamp": _WHEN,
}

_READ_STATE: Final[_Schema] = {
    "type": "object",
    "properties": {
        "cursor": {"type": ["string", "null"]},
        "unread": {"type": ["integer", "null"], "minimum": 0},
    },
    "required": ["cursor", "unread"],
}


def _kind(kind: str) -> _Schema:
    return {"type": "string", "const": kind}


def _control(kind: str, description: str, required: _Schema, optional: _Schema) -> _Schema:
    return {
        "type": "object",
        "description": description,
        "properties": {"type": _kind(kind), **required, **optional},
        "required": ["type", *required],
    }


_CONTROLS: Final = {
    "connected": _control(
        "connected",
        "The first of every connection. Of one topic it has `topic` and `snapshot`, "
        "of several `topics` and `snapshots`.",
        {
            "cursor": _ID,
            "resumed": {"type": "boolean"},
            "message": _TEXT,
            "stream_id": {**_TEXT, "description": "Names this connection, and no other."},
        },
        {
            "expires_at": {**_WHEN, "description": "When the stream ends with its token."},
            "reading": {
                "type": "object",
                "description": "How far you have read the topics where events are counted.",
                "additionalProperties": _READ_STATE,
            },
            "counted_to": {**_ID, "description": "Up to where their unread events were counted."},
            "topic": _TEXT,
            "topics": _TOPICS,
            "project_id": _TEXT,
            "job_id": _TEXT,
            "snapshot": {"$ref": REF.format(name="Snapshot")},
            "snapshots": {
                "type": "object",
                "additionalProperties": {"$ref": REF.format(name="Snapshot")},
            },
        },
    ),
    "caught_up": _control("caught_up", "The replay is over; live from here.", {"cursor": _ID}, {}),
    "gap": _control(
        "gap",
        "Events were removed before this reader could have them.",
        {
            "topic": {"type": ["string", "null"], "description": "null: of several, or of the log"},
            "after": _ID,
            "until": _ID,
            "reason": _TEXT,
            "cursor": _ID,
        },
        {},
    ),
    "end": _control(
        "end",
        "No more will come of this topic; the connection ends once none `remaining`.",
        {"topic": _TEXT, "reason": _TEXT},
        {"remaining": _WHOLE},
    ),
    "reconnect": _control(
        "reconnect",
        "Come back after `retry_ms` milliseconds; `code` and `detail` say why.",
        {"retry_ms": _WHOLE},
        {"code": _TEXT, "detail": _TEXT},
    ),
    "expiring": _control(
        "expiring",
        "The stream ends with its token at `expires_at`; a new token is taken at `refresh`.",
        {"expires_at": _WHEN, "refresh": _TEXT},
        {},
    ),
    "expired": _control(
        "expired",
        "The stream ends: its token has expired, or was revoked. Come back with another.",
        {"code": _TEXT, "detail": _TEXT},
        {},
    ),
    "refreshed": _control(
        "refreshed",
        "A new token was taken (WebSocket); null: the stream does not end with it.",
        {"expires_at": {"type": ["string", "null"], "format": "date-time"}},
        {},
    ),
    "refused": _control(
        "refused",
        "What this reader asked for is refused (WebSocket).",
        {"code": _TEXT, "detail": _TEXT, "retry": {"type": "boolean"}},
        {"retry_after": {"type": ["number", "null"], "description": "seconds"}},
    ),
    "pong": _control("pong", "The answer to a ping (WebSocket).", {}, {}),
    "moved": _control(
        "moved",
        "A cursor was moved, or was ahead already (WebSocket).",
        {
            "topic": _TEXT,
            "reader": _TEXT,
            "cursor": _ID,
            "unread": {"type": ["integer", "null"], "minimum": 0},
            "moved": {"type": "boolean"},
        },
        {},
    ),
    "stats": _control(
        "stats",
        "Readers of notifications, over all processes (WebSocket).",
        {
            "total_users": _WHOLE,
            "total_user_connections": _WHOLE,
            "total_admin_connections": _WHOLE,
            "total_connections": _WHOLE,
        },
        {},
    ),
    "subscribed": _control(
        "subscribed", "A topic was added (WebSocket).", {"topic": _TEXT, "topics": _TOPICS}, {}
    ),
    "unsubscribed": _control(
        "unsubscribed", "A topic was removed (WebSocket).", {"topic": _TEXT, "topics": _TOPICS}, {}
    ),
}

_OTHER: Final[_Schema] = {
    "type": "object",
    "description": "Any other type, with the publisher's own fields.",
    "properties": {
        "type": {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9_.-]{0,63}$",
            "not": {"enum": sorted(JOB_EVENT_TYPES | CONTROL_TYPES)},
        },
        **_ENVELOPE,
    },
    "required": ["type", "topic"],
    "additionalProperties": True,
}


_TIME: Final[_Schema] = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_TEXT: Final[_Schema] = {"type": ["string", "null"]}
_FRACTION: Final[_Schema] = {"type": ["number", "null"], "minimum": 0.0, "maximum": 1.0}

_JOB: Final[_Schema] = {
    "type": "object",
    "description": "One job of a topic's snapshot.",
    "properties": {
        "status": {"enum": [*STATUSES, None]},
        "progress": {**_FRACTION, "description": "Its own, or else the mean of its parts'."},
        "message": _MAYBE_TEXT,
        "result": {},
        "error": _MAYBE_TEXT,
        "attempt": {"type": ["integer", "null"]},
        "task_name": _MAYBE_TEXT,
        "parent_id": {**_MAYBE_TEXT, "description": "The job that it is a part of."},
        "parts": {
            "type": ["object", "null"],
            "description": "`told` is the progress that was reported for the job itself.",
            "properties": {"total": _WHOLE, "over": _WHOLE, "told": _FRACTION},
        },
        "group": {"type": "boolean", "description": "Only its parts are known."},
        **dict.fromkeys(("created_at", "started_at", "updated_at", "ended_at"), _TIME),
        "end": {"type": ["string", "null"], "description": "The id of its terminal event."},
    },
}


def event_schemas() -> dict[str, _Schema]:
    """The schemas of all bodies, by name; those of job events come from `job_event` itself."""
    (_, structs) = msgspec.json.schema_components(
        (Progress, Status, Error, Completed), ref_template=REF
    )
    events = {name.lower(): _job_event(schema) for name, schema in structs.items()}
    named = {f"{_camel(kind)}Event": schema for kind, schema in sorted(events.items())}
    controls = {_camel(kind): schema for kind, schema in _CONTROLS.items()}
    return {
        "StreamBody": _union({**events, **_CONTROLS}, "One body of a stream: a `data:` line."),
        "Event": _union(events, "One event of a topic."),
        **named,
        "OtherEvent": _OTHER,
        **controls,
        "Snapshot": {
            "type": "object",
            "description": "The last known state of a topic, at `cursor`.",
            "properties": {
                **{name: {} for name in Snapshot().to_fields()},
                "cursor": _ID,
                "jobs": {
                    "type": "object",
                    "description": "Its jobs by id: those over first, each oldest first.",
                    "additionalProperties": {"$ref": REF.format(name="Job")},
                },
                "jobs_left_out": {**_WHOLE, "description": "More jobs that are not over."},
            },
            "additionalProperties": True,
        },
        "Job": _JOB,
    }


def _union(kinds: dict[str, _Schema], description: str) -> _Schema:
    """One of `kinds`, by its `type`, or an event of a publisher's own type."""
    refs = {kind: REF.format(name=_name(kind)) for kind in sorted(kinds)}
    return {
        "description": description,
        "oneOf": [{"$ref": ref} for ref in (*refs.values(), REF.format(name="OtherEvent"))],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }


def _job_event(schema: _Schema) -> _Schema:
    kind = schema["properties"]["type"]["enum"][0]
    own = {name: field for name, field in schema["properties"].items() if name != "type"}
    return {
        "type": "object",
        "description": schema.get("description", ""),
        "properties": {"type": _kind(kind), **_ENVELOPE, **own},
        "required": ["topic", *schema["required"]],
        "additionalProperties": True,
    }


def _name(kind: str) -> str:
    return f"{_camel(kind)}Event" if kind in JOB_EVENT_TYPES else _camel(kind)


def _camel(kind: str) -> str:
    return "".join(word.title() for word in kind.split("_"))
