"""Events to what a terminal shows of them: a row for each job at work, a line for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from ..client import ConnectedEvent, EndEvent, Event, GapEvent
from .pace import Pace, clock
from .plain import plain, short

#: What the words of a publisher mean; `events/job_event.py` has the same.
_STATES: Final = {
    "queued": "queued",
    "pending": "queued",
    "started": "running",
    "running": "running",
    "in_progress": "running",
    "processing": "running",
    "retrying": "retrying",
    "stalled": "stalled",
}
_CANCELLED: Final = ("cancelled", "canceled")
#: States that begin a run, whose progress starts over.
_NEW: Final = ("queued", "started")
#: Fields that every event has, or that its line shows anyway.
_SHOWN: Final = frozenset({"project_id", "job_id", "parent_id", "task_name", "attempt"})
#: Control events that nobody needs to see.
_SILENT: Final = frozenset({"caught_up"})
#: Characters of a job's id that tell it from the others on a screen.
_ID_LENGTH: Final = 8
#: Rows and topics that are remembered: more than any screen has, and a bound.
_MOST_ROWS: Final = 1000

Key = tuple[str, str]


class Row(msgspec.Struct):
    """One job at work.

    Attributes:
        name: what it does.
        id: which one it is, as far as that tells it from others; empty if `name` says it.
        state: `running`, `queued`, `retrying` or `stalled`.
        progress: 0.0 to 1.0.
        message: its publisher's last words.
        since: when it was first heard of.
    """

    name: str
    id: str = ""
    state: str = "running"
    progress: float = 0.0
    message: str = ""
    attempt: int = 1
    since: datetime | None = None
    pace: Pace = msgspec.field(default_factory=Pace)

    @property
    def full_name(self) -> str:
        """Both, for a line of its own."""
        return f"{self.name} {self.id}" if self.id else self.name


class Line(msgspec.Struct, frozen=True):
    """What is worth a line of its own: `kind` says with which mark."""

    kind: str
    time: datetime | None
    name: str
    text: str


class ShownJobs:
    """The rows as they are, and the lines that each event adds."""

    def __init__(self) -> None:
        #: Those at work, in the order in which they were first heard of.
        self.rows: Final[dict[Key, Row]] = {}
        self._snapshots: dict[str, dict[str, Any]] = {}
        self._over: Final[dict[str, None]] = {}

    def take(self, event: Event) -> list[Line]:
        """Move what the event moves; the lines to write."""
        match event:
            case ConnectedEvent():
                self._snapshots = {
                    topic: _object(snapshot) for topic, snapshot in event.snapshots.items()
                }
                # A stream that resumes has shown this already, or is about to.
                if not event.resumed:
                    self._show_snapshots()
                return []
            case GapEvent():
                self._show_snapshots()
                where = "" if event.topic is None else f" of {plain(event.topic)}"
                lost = f"events{where} after {plain(event.after)} up to {plain(event.until)}"
                return [Line("gap", event.time, "", f"lost: {lost} ({plain(event.reason)})")]
            case EndEvent():
                return list(self._was_over(event))
        match event.type:
            case "progress" | "completed" | "error" | "status":
                return list(self._of_job(event))
            case name if name in _SILENT:
                return []
            case "log" if lines := _logged(event.fields):
                name = _row_of(_key_of(event.topic, event.fields), event.fields).full_name
                return [Line("event", event.time, name, line) for line in lines]
            case _:
                return [Line("event", event.time, plain(event.type), _rest(event.fields))]

    def _of_job(self, event: Event) -> Iterator[Line]:
        fields = event.fields
        key = _key_of(event.topic, fields)
        status = str(fields.get("status"))
        match event.type:
            case "progress":
                row = self._row(key, fields, event.time)
                row.state = "running"
                row.progress = _fraction(fields.get("progress"))
                row.message = short(fields.get("message") or "")
                metadata = _object(fields.get("metadata"))
                row.pace.move(row.progress, event.time, metadata, fields.get("eta_seconds"))
            case "completed":
                took = self._took(key, event.time)
                result = fields.get("result")
                made = "" if result in (None, {}, []) else f" · {_words(result)}"
                if fields.get("result_omitted"):
                    made = f", its result is left out: {_words(fields['result_omitted'])}"
                yield self._ended("completed", event, f"completed{took}{made}")
            case "error":
                yield self._ended("failed", event, f"failed: {_words(fields.get('error'))}")
            case _ if status in _CANCELLED:
                yield self._ended("cancelled", event, _joined("cancelled", fields.get("message")))
            case _ if status not in _STATES or not (fields.get("job_id") or key in self.rows):
                said = _joined(f"status {short(status)}", fields.get("message"))
                yield Line("event", event.time, _row_of(key, fields).full_name, said)
            case _:
                yield from self._has_state(self._row(key, fields, event.time), status, event)

    def _has_state(self, row: Row, status: str, event: Event) -> Iterator[Line]:
        row.state = _STATES[status]
        row.message = short(event.fields.get("message") or "")
        attempt = event.fields.get("attempt")
        row.attempt = attempt if isinstance(attempt, int) else 1
        if status in _NEW:
            row.progress, row.pace = 0.0, Pace()
        if row.state in ("retrying", "stalled"):
            said = f"{row.state}, attempt {row.attempt}" if row.attempt > 1 else row.state
            yield Line(row.state, event.time, row.full_name, _joined(said, row.message))

    def _ended(self, kind: str, event: Event, text: str) -> Line:
        key = _key_of(event.topic, event.fields)
        row = self.rows.pop(key, None) or _row_of(key, event.fields)
        for topic in event.topics:
            self._over[topic] = None
        while len(self._over) > _MOST_ROWS:
            del self._over[next(iter(self._over))]
        return Line(kind, event.time, row.full_name, text)

    def _was_over(self, end: EndEvent) -> Iterator[Line]:
        """What was over before we came is reported by its end alone."""
        topic = end.topic or ""
        if topic in self._over:
            return
        snapshot = self._snapshots.get(topic, {})
        state = {"error": "failed", "status": "cancelled"}.get(end.reason, end.reason)
        kind = state if state in ("completed", "failed", "cancelled") else "end"
        yield Line(
            kind, None, plain(topic), _joined(f"{plain(state)} before", snapshot.get("error"))
        )

    def _took(self, key: Key, time: datetime | None) -> str:
        row = self.rows.get(key)
        if row is None or row.since is None or time is None or time <= row.since:
            return ""
        return f" in {clock((time - row.since).total_seconds())}"

    def _row(self, key: Key, fields: dict[str, Any], time: datetime | None) -> Row:
        row = self.rows.get(key)
        if row is None:
            while len(self.rows) >= _MOST_ROWS:
                del self.rows[next(iter(self.rows))]
            row = self.rows[key] = _row_of(key, fields, time)
        return row

    def _show_snapshots(self) -> None:
        for topic, snapshot in self._snapshots.items():
            jobs = _object(snapshot.get("jobs"))
            for job_id, job in jobs.items():
                self._show_state({"job_id": job_id, **_object(job)}, topic)
            for body in _object(snapshot.get("tasks")).values():
                task = _object(body)
                if task.get("type") == "progress" and str(task.get("job_id")) not in jobs:
                    self._show_state({"status": "running", **task}, topic)

    def _show_state(self, state: dict[str, Any], topic: str) -> None:
        status = _STATES.get(str(state.get("status")))
        if status is None:
            return
        since = state.get("started_at") or state.get("created_at")
        row = self._row(_key_of(topic, state), state, _time(since))
        row.state = status
        row.progress = _fraction(state.get("progress"))
        row.message = short(state.get("message") or "")
        attempt = state.get("attempt")
        row.attempt = attempt if isinstance(attempt, int) else 1


def _key_of(topic: object, fields: dict[str, Any]) -> Key:
    """What tells one row from another: the job, or else the task of a topic."""
    if fields.get("job_id"):
        return ("", plain(fields["job_id"]))
    where = plain(topic or "")
    return (where, plain(fields.get("task_name") or where))


def _row_of(key: Key, fields: dict[str, Any], time: datetime | None = None) -> Row:
    task, job_id = fields.get("task_name"), fields.get("job_id")
    name = short(task or job_id or key[1])
    return Row(name, plain(job_id)[:_ID_LENGTH] if task and job_id else "", since=time)


def _logged(fields: dict[str, Any]) -> list[str]:
    """The lines of a job's log; none if it is anybody else's event of that type."""
    lines = fields.get("lines")
    texts = [_object(line).get("text") for line in lines] if isinstance(lines, list) else []
    if not all(isinstance(text, str) for text in texts):
        return []
    left_out = fields.get("left_out")
    before = [f"{left_out} lines left out"] if isinstance(left_out, int) and left_out else []
    return before + [short(text) for text in texts]


def _rest(fields: dict[str, Any]) -> str:
    return " ".join(
        f"{short(name)}={_words(value)}"
        for name, value in fields.items()
        if name not in _SHOWN and value not in (None, {}, [])
    )


def _words(value: object) -> str:
    """A value in few words: a text as it is, anything else as JSON."""
    return short(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _joined(first: str, more: object) -> str:
    return f"{first}: {short(more)}" if more else first


def _object(value: object) -> dict[str, Any]:
    """The object, or an empty one: an older server's snapshot may hold anything."""
    return value if isinstance(value, dict) else {}


def _fraction(value: object) -> float:
    """How far a job is, 0.0 to 1.0; 0.0 for what is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        return 0.0
    return float(min(1, max(0, value)))


def _time(value: object) -> datetime | None:
    try:
        return msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
