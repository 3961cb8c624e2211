"""What a reader is given: one event or control event, with its fields, typed where it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypedDict

import msgspec

from .received import Received

#: What every event may have beside its publisher's own fields.
_ENVELOPE: Final = frozenset({"id", "type", "topic", "topics", "timestamp"})
#: Control events that say where the reader is: their body has no id, but a cursor.
POSITIONS: Final = frozenset({"connected", "caught_up", "gap"})


class NotAnEvent(ValueError):
    """What came is not a JSON object: the sender is not a Streamer server."""


class JobState(TypedDict, total=False):
    """One job of a `Snapshot`; docs/PROTOCOL.md has all of its fields."""

    status: str
    progress: float | None
    message: str | None
    result: Any
    error: str | None
    attempt: int | None
    task_name: str | None
    parent_id: str | None


class Snapshot(TypedDict, total=False):
    """The last known state of a topic; docs/PROTOCOL.md, "Status", has all of its fields.

    ``status`` is ``queued``, ``running``, ``retrying``, ``stalled``, ``completed``,
    ``failed``, ``cancelled`` or None, ``progress`` 0.0 to 1.0 or None.
    """

    status: str | None
    progress: float | None
    message: str | None
    result: Any
    error: str | None
    attempt: int | None
    cursor: str
    tasks: dict[str, dict[str, Any]]
    jobs: dict[str, JobState]
    jobs_left_out: int
    truncated: bool


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event, exactly as the log has it.

    Attributes:
        type: what happened, such as ``progress``.
        id: the reader's position once it has this: resume with it as `after`. None if
            it does not move the reader, as an ephemeral event.
        topic: the first of its topics; None for some control events.
        topics: all of its topics.
        time: when the log took it, in UTC; None if it is not stored.
        fields: the publisher's own fields, also those that this client does not know.
        body: one line of JSON, the whole event, in exactly the bytes that were sent.
    """

    type: str
    id: str | None
    topic: str | None
    topics: tuple[str, ...]
    time: datetime | None
    fields: dict[str, Any]
    body: bytes


class JobEvent(Event, frozen=True, kw_only=True):
    """An event of a job; a field that it does not have is None."""

    @property
    def job_id(self) -> str | None:
        """The job's id."""
        return self.fields.get("job_id")

    @property
    def parent_id(self) -> str | None:
        """The job that this one is a part of."""
        return self.fields.get("parent_id")

    @property
    def project_id(self) -> str | None:
        """The project, of an event of ``projects/{project_id}``."""
        return self.fields.get("project_id")

    @property
    def task_name(self) -> str | None:
        """What the job does, such as ``encode``."""
        return self.fields.get("task_name")

    @property
    def attempt(self) -> int | None:
        """1 for the first run of the job, more after a retry."""
        return self.fields.get("attempt")

    @property
    def message(self) -> str | None:
        """A sentence for people."""
        return self.fields.get("message")

    @property
    def metadata(self) -> dict[str, Any]:
        """More of it, as the publisher likes."""
        return self.fields.get("metadata") or {}


class ProgressEvent(JobEvent, frozen=True, kw_only=True):
    """How far a job is."""

    @property
    def progress(self) -> float:
        """0.0 to 1.0."""
        return float(self.fields["progress"])

    @property
    def rate(self) -> float | None:
        """Of `progress`, a second; None until there is something to go by."""
        return _number(self.fields.get("rate"))

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until it is 1.0, at that rate; likewise."""
        return _number(self.fields.get("eta_seconds"))

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """What the job is at: docs/PROGRESS.md has the fields of each."""
        tasks = self.fields.get("tasks")
        return [task for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []


class StatusEvent(JobEvent, frozen=True, kw_only=True):
    """A change of a job's state; ``cancelled`` is its last."""

    @property
    def status(self) -> str:
        """``queued``, ``started``, ``running``, ``retrying``, ``stalled`` or ``cancelled``."""
        return str(self.fields["status"])


class CompletedEvent(JobEvent, frozen=True, kw_only=True):
    """The end of a job that went well."""

    @property
    def result(self) -> Any:  # noqa: ANN401 - any JSON
        """What it made: any JSON."""
        return self.fields.get("result")

    @property
    def result_omitted(self) -> str | None:
        """Why `result` is None though there was one."""
        return self.fields.get("result_omitted")


class ErrorEvent(JobEvent, frozen=True, kw_only=True):
    """The end of a job that failed, after its last attempt."""

    @property
    def error(self) -> str:
        """Why, in a sentence."""
        return str(self.fields["error"])

    @property
    def details(self) -> Any:  # noqa: ANN401 - any JSON
        """More of it, any JSON."""
        return self.fields.get("details")


class ConnectedEvent(Event, frozen=True, kw_only=True):
    """The first of every connection: where it begins, and the last known state."""

    @property
    def resumed(self) -> bool:
        """Whether this connection goes on where another one was."""
        return bool(self.fields.get("resumed"))

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        """The last known state of each topic."""
        several = self.fields.get("snapshots")
        if isinstance(several, dict):
            return several
        alone = self.fields.get("snapshot")
        return {self.topic or "": alone} if isinstance(alone, dict) else {}  # type: ignore[dict-item]


class GapEvent(Event, frozen=True, kw_only=True):
    """Events that the server does not have any more, reported where they would have been."""

    @property
    def after(self) -> str:
        """What was lost is after this id."""
        return str(self.fields.get("after", ""))

    @property
    def until(self) -> str:
        """And up to this one."""
        return str(self.fields.get("until", ""))

    @property
    def reason(self) -> str:
        """``trimmed``, ``expired``, ``deleted`` or ``reset``: docs/PROTOCOL.md, "gap"."""
        return str(self.fields.get("reason", ""))


class EndEvent(Event, frozen=True, kw_only=True):
    """No more will come of its topic; after the last of them the iteration ends."""

    @property
    def reason(self) -> str:
        """The type of the last event, or the state that the job ended in."""
        return str(self.fields.get("reason", ""))

    @property
    def remaining(self) -> int:
        """Topics of this stream that are not over; an older server says nothing of others."""
        remaining = self.fields.get("remaining")
        return remaining if isinstance(remaining, int) else 0


Fields = Mapping[str, Any]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and _is_number(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


#: The class of each known type, and whether fields are what it says they are: a server
#: that is not ours may send anything, and is then given as a plain event.
_CLASSES: Final[dict[str, tuple[type[Event], Callable[[Fields], bool]]]] = {
    "progress": (ProgressEvent, lambda fields: _is_number(fields.get("progress"))),
    "status": (StatusEvent, lambda fields: isinstance(fields.get("status"), str)),
    "completed": (CompletedEvent, lambda _: True),
    "error": (ErrorEvent, lambda fields: isinstance(fields.get("error"), str)),
    "connected": (ConnectedEvent, lambda _: True),
    "gap": (GapEvent, lambda _: True),
    "end": (EndEvent, lambda _: True),
}


#: Made once: a type that is no class is read anew for each call.
_bodies: Final = msgspec.json.Decoder(dict[str, Any])


def event_of(received: Received) -> Event:
    """Read what came over the wire.

    Raises:
        NotAnEvent: its body is not a JSON object.
    """
    try:
        body = _bodies.decode(received.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise NotAnEvent(str(error)) from error
    said = body.get("type")
    event_type = said if isinstance(said, str) else received.type
    event_id = received.id
    if event_id is None:  # over WebSocket only the body says so
        event_id = _text(body.get("cursor" if event_type in POSITIONS else "id"))
    topic = _text(body.get("topic"))
    fields = {name: value for name, value in body.items() if name not in _ENVELOPE}
    kind, fits = _CLASSES.get(event_type, (Event, _always))
    return (kind if fits(fields) else Event)(
        type=event_type,
        id=event_id,
        topic=topic,
        topics=_topics(body.get("topics"), topic),
        time=_time(body.get("timestamp")),
        fields=fields,
        body=received.body,
    )


def _always(_: Fields) -> bool:
    return True


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _topics(value: object, topic: str | None) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(name for name in value if isinstance(name, str))
    return () if topic is None else (topic,)


def _time(value: object) -> datetime | None:
    try:
        return msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
