"""The last known state of a topic: what a late joiner must know at a glance."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import msgspec

from ..errors import InvalidFields
from .cursor import ORIGIN, Cursor
from .event import JOIN, LEAVE, Event
from .job_event import JobEvent, check_job_event, snapshot_changes
from .job_states import JobState, JobStates
from .json_line import encode_line
from .snapshot_size import AROUND_ONE, FRAME_BYTES, Budget
from .topic import job_of, project_among
from .topic_state import derived, shown_jobs

#: Tasks a snapshot remembers; beyond them the oldest is forgotten. A project may
#: see thousands over its life, and a snapshot is sent to every new reader.
MAX_TASKS: Final = 64


class Snapshot(msgspec.Struct, frozen=True, dict=True):
    """The state of one topic at `cursor`.

    ``snapshot`` and the events after ``cursor`` together are the whole truth.

    Attributes:
        cursor: the log's position when it was read, not the topic's last event.
        status: one of `job_event.STATUSES`, or None before any job event.
        progress: 0.0 to 1.0.
        message, result, error, attempt: with these two, the state of the topic,
            derived from `states` as `topic_state` says.
        terminal: the id of the terminal event after which no job of the topic was
            open; None while one is, or if none ran.
        tasks: task name to the body of its last event, oldest task first.
        states: the jobs; on a job's own topic the topic itself is the one job.
        present: who is there, on the topic of a conversation: what they are called, by user;
            None on any other.
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
    states: JobStates = JobStates()
    present: dict[str, str] | None = None

    def to_fields(self) -> dict[str, Any]:
        """The snapshot as JSON-ready fields for ``connected`` and ``/status``."""
        present = {} if self.present is None else {"present": self.present}
        return {
            "status": self.status,
            "progress": self.progress,
            "message": self.message,
            "result": self.result,
            "error": self.error,
            "attempt": self.attempt,
            "cursor": str(self.cursor),
            "tasks": self.tasks,
            "jobs": shown_jobs(self.states),
            "jobs_left_out": self.states.left_out,
            **present,
        }

    @cached_property
    def alone(self) -> msgspec.Raw:
        """`to_fields` as JSON on one line, as large as the one snapshot of a frame may be.

        Kept, for all who attach to a topic between two of its events are sent the same.
        """
        return msgspec.Raw(encode_line(Budget(1, FRAME_BYTES - AROUND_ONE).fit(self.to_fields())))

    @cached_property
    def welcomes(self) -> dict[object, tuple[Cursor | None, bytes | None]]:
        """What those are told who attach meanwhile, once several were; see `hub/welcome.py`."""
        return {}

    @property
    def project(self) -> str | None:
        """The topic of the project that a job is of, on its own topic; None if it is of none.

        A field ``project_id`` is the publisher's own: whoever may publish to a job alone
        would else have its end published to any project.
        """
        own = self.states.known.get("")
        return None if own is None else own.project

    def with_present(self, present: dict[str, str] | None) -> Snapshot:
        """The same state, with who is there."""
        return self if present is None else msgspec.structs.replace(self, present=present)

    def at(self, cursor: Cursor) -> Snapshot:
        """The same state, known to hold up to `cursor`."""
        return msgspec.structs.replace(self, cursor=cursor)

    def after(self, event: Event, topic: str) -> Snapshot:
        """The state of `topic` once `event`, its next durable one, has happened.

        What an earlier attempt of a job reports changes nothing once a later one has
        begun; but an end is an end, whatever attempt reports it.
        """
        if event.type in {JOIN, LEAVE}:
            return self._after_one_came(event)
        fields = msgspec.json.decode(event.fields)
        try:
            job_event = check_job_event(event.type, fields)
        except InvalidFields:  # written by an older or another publisher
            return self
        if job_event is None or event.id is None:
            return self
        is_own = job_of(topic) is not None
        job_id = "" if is_own else job_event.job_id or ""
        if not event.terminal and (is_own or job_id) and self._knows_later(job_id, job_event):
            return self.at(event.id)
        tasks = self.tasks
        if job_event.task_name is not None:
            tasks = dict(tasks)
            tasks.pop(job_event.task_name, None)
            tasks[job_event.task_name] = msgspec.Raw(event.body)
            for name in list(tasks)[:-MAX_TASKS]:
                del tasks[name]
        if not event.terminal and not snapshot_changes(job_event):
            return msgspec.structs.replace(self, cursor=event.id, tasks=tasks)
        states = self.states.after(
            job_id,
            job_event,
            event.id,
            terminal=event.terminal,
            project=project_among(event.topics) if is_own else None,
        )
        return Snapshot(
            cursor=event.id, tasks=tasks, states=states, present=self.present, **derived(states)
        )

    def _after_one_came(self, event: Event) -> Snapshot:
        """The state once somebody has come, or has left."""
        if self.present is None or event.id is None:
            return self
        fields = msgspec.json.decode(event.fields)
        user, name = fields.get("user"), fields.get("username")
        if not isinstance(user, str) or not isinstance(name, str):
            return self  # written by another publisher, straight into the log
        present = {other: called for other, called in self.present.items() if other != user}
        if event.type == JOIN:
            present[user] = name
        return msgspec.structs.replace(self, cursor=event.id, present=present)

    def _knows_later(self, job_id: str, job_event: JobEvent) -> bool:
        attempt, state = job_event.attempt, self.states.known.get(job_id)
        return (
            attempt is not None
            and state is not None
            and state.attempt is not None
            and attempt < state.attempt
        )

    @classmethod
    def from_stored(
        cls,
        cursor: Cursor,
        fields: dict[str, bytes],
        terminal: Cursor | None,
        tasks: dict[str, bytes],
    ) -> Snapshot:
        """Build from what the log keeps of a job's own topic.

        That is JSON by field name, and bodies by task name.
        """
        state = {name: msgspec.json.decode(value) for name, value in fields.items()}
        known = {"": JobState(terminal=terminal, **state)} if state else {}
        return cls.of_states(cursor, JobStates(known), tasks)

    @classmethod
    def of_states(cls, cursor: Cursor, states: JobStates, tasks: dict[str, bytes]) -> Snapshot:
        """Build from the jobs of a topic; `tasks` are bodies by task name."""
        bodies = {name: msgspec.Raw(body) for name, body in tasks.items()}
        return cls(cursor=cursor, tasks=bodies, states=states, **derived(states))
