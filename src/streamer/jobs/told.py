"""What a job can tell while it runs; also from one process to another."""

from __future__ import annotations

from typing import Any

import msgspec

from ..events.job_event import TaskProgress


class Told(msgspec.Struct, frozen=True, tag=True):
    """One thing that is told of a job."""


class Update(Told, frozen=True):
    """How far it is.

    Attributes:
        fraction: 0.0 to 1.0.
        rate: of `fraction`, a second.
        eta_seconds: until it is 1.0.
        tasks: those that are at work.
    """

    fraction: float
    message: str | None = None
    metadata: dict[str, Any] = {}
    rate: float | None = None
    eta_seconds: float | None = None
    tasks: tuple[TaskProgress, ...] = ()

    @property
    def news(self) -> tuple[object, ...]:
        """What makes it another than the one before; estimates alone do not."""
        counted = [(task.name, task.done, task.total, task.progress) for task in self.tasks]
        return (self.fraction, self.message, self.metadata, counted)


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a job's log.

    Attributes:
        source: the logger's name, or ``stdout``.
        at: when, in seconds since 1970 by the clock of whoever wrote it.
    """

    text: str
    level: str
    source: str | None
    at: float


class Lines(Told, frozen=True):
    """Lines of its log; `left_out` are those before them for which there was no room."""

    lines: tuple[Line, ...]
    left_out: int = 0


class Partial(Told, frozen=True):
    """What it has come to so far, as JSON."""

    result: msgspec.Raw


class Checkpoint(Told, frozen=True):
    """Where its next attempt can go on from, as JSON."""

    value: msgspec.Raw


class Flush(Told, frozen=True):
    """All that was told before it is to be taken over; answered by its number."""

    number: int


#: What one process tells another.
Between = Update | Lines | Partial | Checkpoint | Flush


class Hello(msgspec.Struct, frozen=True):
    """A process that helps with a job, to the job's own: `key` says which job it is.

    Attributes:
        task: the number of the task that it is a part of.
    """

    key: str
    task: int


class Welcome(msgspec.Struct, frozen=True):
    """What the job is, to a process that helps with it."""

    job_id: str
    run: str
    attempt: int
    max_bytes: int
    cancelled: bool
    checkpoint: msgspec.Raw


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the process of the job says later: that it has taken over, or that it is cancelled."""

    flushed: int = 0
    cancelled: bool = False
