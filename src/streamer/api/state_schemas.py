"""What OpenAPI says of state: the snapshot of a topic, and the jobs in it."""

from __future__ import annotations

from typing import Any, Final

from ..events.job_event import STATUSES
from .schema_parts import CURSOR, REF, TEXT, WHOLE

_Schema = dict[str, Any]

_TEXT: Final[_Schema] = {"type": ["string", "null"]}
_TIME: Final[_Schema] = {"type": ["string", "null"], "format": "date-time"}
_FRACTION: Final[_Schema] = {"type": ["number", "null"], "minimum": 0.0, "maximum": 1.0}
_STATUS: Final[_Schema] = {
    "anyOf": [{"$ref": REF.format(name="JobStatus")}, {"type": "null"}],
    "description": "null: no event has said it.",
}

#: What a topic and a job have in common: as it was last reported.
_STATE: Final[_Schema] = {
    "status": _STATUS,
    "progress": {**_FRACTION, "description": "0.0 to 1.0."},
    "message": _TEXT,
    "result": {},
    "error": _TEXT,
    "attempt": {"type": ["integer", "null"]},
}


def _object(description: str, required: _Schema, optional: _Schema | None = None) -> _Schema:
    return {
        "type": "object",
        "description": description,
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


_PARTS: Final = _object(
    "How many parts a job has, and how many of them are over.",
    {
        "total": WHOLE,
        "over": WHOLE,
        "told": {**_FRACTION, "description": "What was reported of the job itself."},
    },
)

_JOB: Final = _object(
    "One job of a topic's snapshot.",
    {
        **_STATE,
        "progress": {**_FRACTION, "description": "Its own, or else the mean of its parts'."},
        "task_name": _TEXT,
        "parent_id": {**_TEXT, "description": "The job that it is a part of."},
        "parts": {"anyOf": [{"$ref": REF.format(name="Parts")}, {"type": "null"}]},
        "group": {"type": "boolean", "description": "Only its parts are known."},
        **dict.fromkeys(("created_at", "started_at", "updated_at", "ended_at"), _TIME),
        "end": {**_TEXT, "description": "The id of its terminal event."},
    },
)

_SNAPSHOT: Final = _object(
    "The last known state of a topic, at `cursor`.",
    {
        **_STATE,
        "cursor": CURSOR,
        "tasks": {
            "type": "object",
            "description": "The last event of each task, by its name.",
            "additionalProperties": {"$ref": REF.format(name="Event")},
        },
        "jobs": {
            "type": "object",
            "description": "Its jobs by id: those over first, each oldest first.",
            "additionalProperties": {"$ref": REF.format(name="JobState")},
        },
        "jobs_left_out": {**WHOLE, "description": "More jobs that are not over."},
        "truncated": {"type": "boolean", "description": "What would not fit was left out."},
    },
    {
        "present": {
            "type": "object",
            "description": "Of a conversation who is there: by user what they are called.",
            "additionalProperties": TEXT,
        },
    },
)

#: By name.
STATES: Final[dict[str, _Schema]] = {
    "Snapshot": _SNAPSHOT,
    "JobState": _JOB,
    "Parts": _PARTS,
    "JobStatus": {"enum": list(STATUSES), "description": "What the state of a job is called."},
}
