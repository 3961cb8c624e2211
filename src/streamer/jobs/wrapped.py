"""A function that tells of a job wherever it runs."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Generic, ParamSpec, Protocol, TypeVar

from .place import TASK, Place, go_back_to
from .task import Task

P = ParamSpec("P")
T = TypeVar("T")


class _Told(Protocol):
    """What it tells of: a `Progress`."""

    def around(self) -> Task:
        """The task that this thread or coroutine is in."""

    def take_leave(self) -> None:
        """What was told in a process that helps is taken over from here on."""


class Wrapped(Generic[P, T]):
    """`function`, in a copy of the context that it was wrapped in, of the job `progress`.

    It can be pickled if `function` can: then it tells from another process, in a context of
    that one.
    """

    def __init__(self, progress: _Told, function: Callable[P, T]) -> None:
        self._progress = progress
        self._function = function
        task = TASK.get()
        self._context = contextvars.copy_context()
        is_within = task is not None and progress.around() is task
        self._context.run(go_back_to, Place(progress, task if is_within else None))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it; of one context each time, for several threads cannot be in the same one."""
        try:
            return self._context.copy().run(self._function, *args, **kwargs)
        finally:
            self._progress.take_leave()

    def __reduce__(self) -> tuple[type[Wrapped[P, T]], tuple[_Told, Callable[P, T]]]:
        """Be pickled without the context, which cannot be."""
        return Wrapped, (self._progress, self._function)
