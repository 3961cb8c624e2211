"""The last known state of a topic: what a late joiner must know at a glance."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .cursor import ORIGIN, Cursor
from .errors import InvalidFields
from .event import Event
from .job_event import JobEvent, check_job_event, snapshot_changes
from .topic import job_of

#: Tasks a snapshot remembers; beyond them the oldest is forgotten. A project may
#: see thousands over its life, and a snapshot is sent to every new reader.
MAX_TASKS: Final = 64


class Snapshot(msgspec.Struct, frozen=True):
    """The state of one topic at `cursor`.

    ``snapshot`` and the events after ``cursor`` together are the whole truth.

    Attributes:
        cursor: the log's position when it was read, not the topic's last event.
        status: one of `job_event.STATUSES`, or None before any job event.
        progress: 0.0 to 1.0, of the last job event that told.
        message, result, error, attempt: as last told.
        terminal: the id of the terminal event that ended the topic's job; None
            while it runs, or if none ran.
        tasks: task name to the body of its last event, oldest task first.
    """

    cursor: Cursor = ORIGIN
    status: str | None = None
    progress: float | None = None
    message: str | None = None
    result: Any = None
    error: str | None = None
    attempt: int | None = None
    terminal: Cursor | None = None
    tasks: dict[str, msgspec.Raw] = {}

    def to_fields(self) -> dict[str, Any]:
        """The snapshot as JSON-ready fields for ``connected`` and ``/status``."""
        return {
            "status": self.status,
            "progress": self.progress,
            "message": self.message,
            "result": self.result,
            "error": self.error,
            "attempt": self.attempt,
            "cursor": str(self.cursor),
            "tasks": self.tasks,
        }

    def at(self, cursor: Cursor) -> Snapshot:
        """The same state, known to hold up to `cursor`."""
        return msgspec.structs.replace(self, cursor=cursor)

    def after(self, event: Event, topic: str) -> Snapshot:
        """The state of `topic` once `event`, its next durable one, has happened.

        On a job's own topic, what an earlier attempt tells changes nothing once a
        later one has begun; but an end is an end, whatever attempt tells it.
        """
        fields = msgspec.json.decode(event.fields)
        try:
            job_event = check_job_event(event.type, fields)
        except InvalidFields:  # written by an older or another publisher
            return self
        if job_event is None or event.id is None:
            return self
        if not event.terminal and job_of(topic) is not None and self._knows_later(job_event):
            return self.at(event.id)
        changes = snapshot_changes(job_event)
        tasks = self.tasks
        if job_event.task_name is not None:
            tasks = dict(tasks)
            tasks.pop(job_event.task_name, None)
            tasks[job_event.task_name] = msgspec.Raw(event.body)
            for name in list(tasks)[:-MAX_TASKS]:
                del tasks[name]
        terminal = self.terminal
        if changes:
            terminal = event.id if event.terminal else None
        return msgspec.structs.replace(
            self, cursor=event.id, tasks=tasks, terminal=terminal, **changes
        )

    def _knows_later(self, job_event: JobEvent) -> bool:
        told = job_event.attempt
        return told is not None and self.attempt is not None and told < self.attempt

    @classmethod
    def from_stored(
        cls,
        cursor: Cursor,
        fields: dict[str, bytes],
        terminal: Cursor | None,
        tasks: dict[str, bytes],
    ) -> Snapshot:
        """Build from what the log keeps: JSON by field name, bodies by task name."""
        state = {name: msgspec.json.decode(value) for name, value in fields.items()}
        return cls(
            cursor=cursor,
            terminal=terminal,
            tasks={name: msgspec.Raw(body) for name, body in tasks.items()},
            **state,
        )
