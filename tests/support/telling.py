"""A job's progress whose clock and audience are the test's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from dramatiq.middleware import Shutdown

from streamer.jobs.progress import Progress
from streamer.jobs.stops import Raised
from streamer.jobs.told import Line, Lines, Partial, Told, Update


class Bench:
    """What one attempt tells, and when."""

    def __init__(self, checkpoint: bytes | None = None) -> None:
        self.now = 0.0
        self.told: list[Told] = []
        self.times: list[float] = []
        self.progress = Progress(
            self._hear,
            job_id="j1",
            raised=Raised(interrupted=Shutdown),
            checkpoint=checkpoint,
            clock=lambda: self.now,
        )

    @property
    def updates(self) -> list[Update]:
        return [each for each in self.told if isinstance(each, Update)]

    @property
    def sent(self) -> list[tuple[float, str | None, Mapping[str, Any]]]:
        return [(each.fraction, each.message, each.metadata) for each in self.updates]

    @property
    def fractions(self) -> list[float]:
        return [each.fraction for each in self.updates]

    @property
    def lines(self) -> list[Line]:
        return [line for each in self.told if isinstance(each, Lines) for line in each.lines]

    @property
    def partials(self) -> list[Any]:
        return [msgspec.json.decode(each.result) for each in self.told if isinstance(each, Partial)]

    def _hear(self, told: Told) -> None:
        self.told.append(told)
        self.times.append(self.now)
