"""How far one job is, and what it says of itself: what its updates are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..events.job_event import TaskProgress
from .estimate import Estimate
from .task import Task
from .telling import Telling
from .told import Update

#: Tasks that an event lists.
MAX_LISTED: Final = 16

#: Metadata as it can be told: fields that stay as they are, or else JSON.
Said = Mapping[str, Any] | bytes


class State:
    """Of one attempt; changed with the lock of `telling` held.

    Attributes:
        root: the task that is the job as a whole.
        direct: how far the job said itself that it is.
        message: its last words.
        said: the metadata of its last update.
        meta: facts that are in the metadata of all updates.
    """

    def __init__(self, telling: Telling) -> None:
        self.root: Final = Task(telling, None)
        self.direct = 0.0
        self.message: str | None = None
        self.said: Said = {}
        self.meta: dict[str, Any] = {}
        self._telling: Final = telling
        self._pace: Final = Estimate()

    def fraction(self) -> float:
        """How far the job is: as it says, or as its tasks say, whichever is more."""
        telling = self._telling
        with telling.lock:
            telling.floor = max(telling.floor, self.direct, self.root.fraction)
            return telling.floor

    def take_over(self, told: Update, part: Task) -> None:
        """Say what another process says, whose `part` of the job it is."""
        telling = self._telling
        part.is_at(told.fraction, told.tasks[:MAX_LISTED])
        said, problem = telling.checker.metadata(told.metadata, None)
        telling.warn("metadata", problem)
        with telling.lock:
            self.message = self.message if told.message is None else told.message
            self.said = said
            telling.touched = True

    def describe(self, now: float) -> Update:
        """How it stands `now`, by the clock of `telling`."""
        with self._telling.lock:
            fraction = self.fraction()
            tasks = self._at_work(now)
            message, said, meta = self.message, self.said, self.meta
        metadata = msgspec.json.decode(said) if isinstance(said, bytes) else said
        if meta:
            line, problem = self._telling.checker.metadata({**meta, **metadata}, message)
            self._telling.warn("metadata", problem)
            metadata = msgspec.json.decode(line)
        self._pace.look(now, fraction)
        left = self._pace.seconds_until(1.0)
        return Update(fraction, message, dict(metadata), self._pace.rate, left, tasks)

    def _at_work(self, now: float) -> tuple[TaskProgress, ...]:
        found: list[TaskProgress] = []
        for task in self._telling.open:
            if len(found) >= MAX_LISTED:
                break
            if task.is_open:
                found += task.describe(now)
        return tuple(found[:MAX_LISTED])
