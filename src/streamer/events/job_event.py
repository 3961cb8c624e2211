"""The typed events of a job, and what the server's snapshot learns from them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from ..errors import InvalidFields

_T = TypeVar("_T")

#: What the state of a job can be called in a snapshot.
STATUSES: Final = (
    "queued",
    "running",
    "retrying",
    "stalled",
    "completed",
    "failed",
    "cancelled",
)

#: Those of a job that is not over, the one that says most of its topic first.
WAITING_OR_RUNNING: Final = ("running", "retrying", "stalled", "queued")
#: Those of a job that keeps its topics from growing old; one that is stalled may never return.
BUSY: Final = frozenset({"queued", "running", "retrying"})
#: Those of a job that is over.
OVER: Final = frozenset({"completed", "failed", "cancelled"})

#: Words publishers use for `status`, and the snapshot's word for them.
_STATUS_WORDS: Final = {
    **{status: status for status in STATUSES},
    "started": "running",
    "in_progress": "running",
    "processing": "running",
    "pending": "queued",
    "error": "failed",
    "canceled": "cancelled",
}

#: Characters of a task's name or a job's id: a key of every snapshot, and a heading.
MAX_NAME_LENGTH: Final = 256
#: How far outside of 0.0 to 1.0 a progress may be: what sums of fractions are off.
ROUNDING: Final = 1e-6

Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0, description="0.0 to 1.0.")]
Seconds = Annotated[float, msgspec.Meta(ge=0.0, description="Seconds that it may still take.")]
Attempt = Annotated[int, msgspec.Meta(ge=1, description="Which attempt it is, from 1 on.")]
TaskName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]


JobId = Annotated[str, msgspec.Meta(max_length=MAX_NAME_LENGTH)]
#: The log keeps a job's id as a line, and terminals show it.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _JobEvent(msgspec.Struct, tag_field="type", kw_only=True):
    """What all events of a job may carry.

    A field has one type wherever it stands: a reader looks at ``message`` before
    it looks at what the event is.
    """

    task_name: TaskName | None = None
    job_id: JobId | None = None
    parent_id: JobId | None = None
    project_id: str | None = None
    attempt: Attempt | None = None
    progress: Fraction | None = None
    status: str | None = None
    message: str | None = None
    error: str | None = None
    metadata: dict[str, Any] | None = None


_UnitsASecond = Annotated[
    float, msgspec.Meta(description="`unit` a second, averaged exponentially.")
]
_ProgressASecond = Annotated[
    float, msgspec.Meta(description="Of `progress` a second, averaged exponentially.")
]


class TaskProgress(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One task of a job that is at work."""

    name: TaskName
    done: Annotated[float, msgspec.Meta(description="How much is done, in `unit`.")]
    total: Annotated[float, msgspec.Meta(description="Of how much, in `unit`.")] | None = None
    unit: Annotated[str, msgspec.Meta(description="What is counted: `s`, `pages`.")] | None = None
    progress: Fraction | None = None
    rate: _UnitsASecond | None = None
    eta_seconds: Seconds | None = None


_AtWork = Annotated[
    list[TaskProgress], msgspec.Meta(description="What the job is at: 16 of its tasks at most.")
]


class Progress(_JobEvent, tag="progress"):
    """How far a task is: `progress` from 0.0 to 1.0.

    What is estimated is left out until there is something to go by.
    """

    progress: Fraction
    rate: _ProgressASecond | None = None
    eta_seconds: Seconds | None = None
    tasks: _AtWork | None = None


class Status(_JobEvent, tag="status"):
    """A change of a job's state; ``cancelled`` is terminal."""

    status: str


class Error(_JobEvent, tag="error"):
    """The last failure of a job; terminal. A failure that will be retried is a status."""

    error: str
    details: Any = None


class Completed(_JobEvent, tag="completed"):
    """The end of a job that went well; terminal.

    `result_omitted` says why `result` is null though there was one.
    """

    result: Any = None
    result_omitted: str | None = None


JobEvent = Progress | Status | Error | Completed

_KINDS: Final[dict[str, type[JobEvent]]] = {
    "progress": Progress,
    "status": Status,
    "error": Error,
    "completed": Completed,
}
#: The types of the events that snapshots are made of.
JOB_EVENT_TYPES: Final = frozenset(_KINDS)


def check_job_event(event_type: str, fields: Mapping[str, Any]) -> JobEvent | None:
    """Read `fields` as the typed event they claim to be; None for any other type.

    Raises:
        InvalidFields: if a field is missing, of the wrong type or out of range.
    """
    kind = _KINDS.get(event_type)
    if kind is None:
        return None
    progress = fields.get("progress")
    # A NaN passes every comparison with a range; JSON has none, Python callers do.
    if isinstance(progress, float) and not math.isfinite(progress):
        raise InvalidFields(f"progress is {progress}; it must be a number from 0.0 to 1.0")
    for name in ("job_id", "parent_id"):
        job = fields.get(name)
        if isinstance(job, str) and _CONTROL.search(job) is not None:
            raise InvalidFields(f"{name} is {job!r:.80}; it must have no control characters")
    try:
        # Not to the union of them, which is read anew for each call: 10 µs instead of 1.
        return msgspec.convert({**fields, "type": event_type}, kind)
    except msgspec.ValidationError as error:
        raise InvalidFields(f"a {event_type} event is malformed: {error}") from error


def round_progress(value: _T) -> _T | float:
    """`value`; 0.0 or 1.0, if it is a number that rounding put just outside of them."""
    if isinstance(value, float):
        if 1.0 < value <= 1.0 + ROUNDING:
            return 1.0
        if -ROUNDING <= value < 0.0:
            return 0.0
    return value


def is_terminal(event: JobEvent | None) -> bool:
    """Whether `event` ends its job: completed, error, or a status of cancelled."""
    match event:
        case Completed() | Error():
            return True
        case Status(status=status):
            return _STATUS_WORDS.get(status) == "cancelled"
        case _:
            return False


def snapshot_changes(event: JobEvent | None) -> dict[str, Any]:
    """The fields of the topic's snapshot that `event` changes, by name.

    Every typed event says all that it changes, so applying the changes of each
    event in the order of the log gives the snapshot; nothing else does.
    """
    match event:
        case Progress():
            # What runs has no outcome yet; one that stands there is an older job's.
            changes: dict[str, Any] = {
                "status": "running",
                "progress": event.progress,
                "result": None,
                "error": None,
            }
        case Status():
            changes = _status_changes(event)
        case Error():
            changes = {"status": "failed", "error": event.error}
        case Completed():
            changes = {
                "status": "completed",
                "progress": 1.0,
                "result": event.result,
                "error": None,
            }
        case _:
            return {}
    if event.message is not None:
        changes["message"] = event.message
    if event.attempt is not None:
        changes["attempt"] = event.attempt
    return changes


def _status_changes(event: Status) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    word = _STATUS_WORDS.get(event.status)
    if word is not None:
        changes["status"] = word
    if event.status == "queued":
        # A new job on the topic: what the last one left is no longer true.
        changes |= {"progress": 0.0, "result": None, "error": None, "attempt": None}
    elif event.status == "started":
        # A new attempt starts over, and says so.
        changes |= {"progress": 0.0, "result": None, "error": None}
    return changes
