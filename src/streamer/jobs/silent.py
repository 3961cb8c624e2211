"""What is told outside of a job: nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from .progress import Progress
from .task import Task
from .told import Told

T = TypeVar("T")
P = ParamSpec("P")


def nobody(_: Told) -> None:
    """Outside of a job nobody is told."""


class Silent(Progress):
    """Tells nothing and keeps nothing, so that one is enough for a whole process."""

    def __init__(self) -> None:
        super().__init__(nobody)

    @property
    def last_checkpoint(self) -> Any:  # noqa: ANN401 - any JSON
        """None: there is none."""
        return None

    def update(self, fraction: float, message: str | None = None, **metadata: object) -> None:
        """Do nothing."""

    def task(
        self, name: str, *, total: float | None = None, unit: str | None = None, weight: float = 1
    ) -> Task:
        """Make one that is a part of nothing; what it counts it knows."""
        alone = Progress(nobody).telling
        return Task(alone, None, name, total=total, unit=unit, weight=weight)

    def track(
        self,
        iterable: Iterable[T],
        total: float | None = None,  # noqa: ARG002 - as in a job
        message: str | None = None,  # noqa: ARG002
    ) -> Iterator[T]:
        """Yield each item."""
        yield from iterable

    def log(self, text: object, level: str = "info", *, source: str | None = None) -> None:
        """Do nothing."""

    def meta(self, fields: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Do nothing."""

    def partial(self, result: object) -> None:
        """Do nothing."""

    def checkpoint(self, value: object) -> None:
        """Do nothing."""

    def capture_stdout(self) -> AbstractContextManager[None]:
        """Do nothing; what is printed is printed."""
        return nullcontext()

    def wrap(self, function: Callable[P, T]) -> Callable[P, T]:
        """Give `function` itself."""
        return function

    def environ(self) -> dict[str, str]:
        """Give this process's own."""
        return dict(os.environ)
