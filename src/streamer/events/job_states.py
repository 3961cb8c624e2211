"""What the jobs of one topic are at, folded from their events.

append.lua keeps the same states in Redis, and web/jobs.js in a page; docs/JOBS.md says
what all three must make of events, and they are tested against it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .cursor import ORIGIN, Cursor
from .job_event import OVER, WAITING_OR_RUNNING, JobEvent, snapshot_changes

#: Jobs not over that a topic's snapshot has, those of no id being one; beyond them
#: the one heard of least lately is left out. A snapshot is sent to every new reader.
MAX_JOBS: Final = 64
#: Jobs over that it has: enough for a page to show what ended while it was away.
MAX_ENDED: Final = 16


class JobState(msgspec.Struct, frozen=True):
    """One job, as its events left it.

    Attributes:
        created: the id of the first event of its present run.
        started: of the first that called it running.
        updated: of the last that changed it.
        terminal: of the one that ended it; None while it is not over.
        parts_over: its parts that ended while it was not over itself.
        status: one of `job_event.STATUSES`; None where no event said.
        progress: 0.0 to 1.0, as it was last reported of this job itself.
        task_name: the first that was reported.
        parent_id: the job that it is a part of.
        project: the topic of its project, of a job's own topic alone: the first to
            which the first of its events went. Those who may publish to a job later
            do not move it.
        message, result, error, attempt: as last reported.
    """

    created: Cursor | None = None
    started: Cursor | None = None
    updated: Cursor = ORIGIN
    terminal: Cursor | None = None
    parts_over: int = 0
    attempt: int | None = None
    status: str | None = None
    progress: float | None = None
    task_name: str | None = None
    parent_id: str | None = None
    project: str | None = None
    message: str | None = None
    error: str | None = None
    result: Any = None

    @property
    def is_open(self) -> bool:
        """Whether it is known not to be over."""
        return self.status in WAITING_OR_RUNNING

    @property
    def is_over(self) -> bool:
        """Whether it is known to be over."""
        return self.status in OVER

    def after(self, event: JobEvent, id_: Cursor, *, terminal: bool) -> JobState:
        """The job once `event`, its next one, has happened."""
        changes: dict[str, Any] = snapshot_changes(event)
        status = changes.get("status", self.status)
        if self.created is None or (status in WAITING_OR_RUNNING and not self.is_open):
            # New, or run again after its end.
            changes |= {"created": id_, "started": None, "parts_over": 0}
        if status == "running" and changes.get("started", self.started) is None:
            changes["started"] = id_
        return msgspec.structs.replace(
            self,
            updated=id_,
            terminal=id_ if terminal else None,
            task_name=self.task_name or event.task_name,
            parent_id=self.parent_id or event.parent_id or None,
            **changes,
        )


class JobStates(msgspec.Struct, frozen=True):
    """The jobs of one topic.

    Attributes:
        known: by id; events of no job are those of the job "".
        ended: jobs that are part of no other, and ended since the topic was last
            at rest, which is when no job was open.
        left_out: jobs not over that are not among `known`, for there are too many.
    """

    known: dict[str, JobState] = {}
    ended: int = 0
    left_out: int = 0

    def after(
        self,
        job_id: str,
        event: JobEvent,
        id_: Cursor,
        *,
        terminal: bool,
        project: str | None = None,
    ) -> JobStates:
        """The jobs once `event` of one of them, the topic's next one, has happened.

        `project` is that of a job that is new.
        """
        before = self.known.get(job_id)
        state = (before or JobState(project=project)).after(event, id_, terminal=terminal)
        known = {**self.known, job_id: state}
        was_open = before is not None and before.is_open
        was_over = before is not None and before.is_over
        if before is not None and (was_open, was_over) == (state.is_open, state.is_over):
            return msgspec.structs.replace(self, known=known)
        others = sum(other.is_open for name, other in self.known.items() if name != job_id)
        ended, left_out = self.ended, self.left_out
        if before is None and left_out and state.status != "queued":
            left_out -= 1  # it was reported as queued before, so it is one of those
        if state.is_open and not others and not was_open:
            ended = left_out = 0  # the topic was at rest
        parent = self.open_parent(job_id, state)
        if parent is not None and state.is_over != was_over:
            count = known[parent].parts_over + (1 if state.is_over else -1)
            known[parent] = msgspec.structs.replace(known[parent], parts_over=max(0, count))
        elif state.is_over and not was_over:
            ended = ended + 1 if others or was_open else 1
        if not state.is_open and not others:
            left_out = 0
        left_out += _forget(known, MAX_JOBS, are_open=True)
        _forget(known, MAX_ENDED, are_open=False)
        return JobStates(known, ended, left_out)

    def open_parent(self, job_id: str, state: JobState) -> str | None:
        """The job that this one is a part of, if that one is known and not over.

        What has no id is a part of none.
        """
        name = state.parent_id
        parent = self.known.get(name) if job_id and name and name != job_id else None
        return name if parent is not None and parent.is_open else None


def _forget(known: dict[str, JobState], most: int, *, are_open: bool) -> int:
    """Forget the jobs heard of least lately, beyond `most`; return how many these were."""
    if len(known) <= most:
        return 0
    alike = [(state.updated, name) for name, state in known.items() if state.is_open == are_open]
    excess = max(0, len(alike) - most)
    for _, name in sorted(alike)[:excess]:
        del known[name]
    return excess
