"""Bars of tqdm as tasks of the job that runs them: ``streamer.patch_tqdm()``."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from .current import current
from .place import TASK
from .task import Task, within

#: The classes whose bars are tasks already.
_patched: Final[weakref.WeakSet[type]] = weakref.WeakSet()


def patch_tqdm() -> None:
    """Have every bar of tqdm that a job makes be a task of the job, from now on.

    Its description, total, unit and count are the task's. It is drawn as ever, or not, if it is
    disabled; a loop over one is a cancellation point, and what is in its body is within its
    step. Outside of a job a bar is what it was. Called again it changes nothing.

    Raises:
        ModuleNotFoundError: tqdm is not installed.
    """
    try:
        bar = import_module("tqdm.std").tqdm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "patch_tqdm needs tqdm: pip install tqdm", name=error.name
        ) from error
    if bar in _patched:
        return
    _patched.add(bar)
    _patch(bar)


def _patch(bar: Any) -> None:  # noqa: ANN401 - a class of a package that may not be there
    make, walk, update = bar.__init__, bar.__iter__, bar.update
    close, reset = bar.close, bar.reset

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, N807
        make(self, *args, **kwargs)
        self.streamer_task = _task_of(self, kwargs)

    def __iter__(self: Any) -> Iterator[Any]:  # noqa: ANN401, N807
        task = _known(self)
        return walk(self) if task is None else _walked(task, walk(self))

    def counted(self: Any, n: float | None = 1) -> Any:  # noqa: ANN401
        shown = update(self, n)
        task = _known(self)
        if task is not None and not task.is_walked:
            # A bar that is disabled does not count.
            task.done = task.done + (n or 0) if self.disable else self.n
        return shown

    def closed(self: Any) -> None:  # noqa: ANN401
        close(self)
        task = _known(self)
        if task is not None:
            self.streamer_task = None
            task.end(is_whole=not task.total or task.done >= task.total)

    def begun_anew(self: Any, total: float | None = None) -> None:  # noqa: ANN401
        reset(self, total)
        task = _known(self)
        if task is not None:
            task.total = self.total or None
            task.done = 0

    bar.__init__, bar.__iter__, bar.update = __init__, __iter__, counted
    bar.close, bar.reset = closed, begun_anew


def _known(bar: Any) -> Task | None:  # noqa: ANN401
    task: Task | None = getattr(bar, "streamer_task", None)
    return task


def _task_of(bar: Any, given: dict[str, Any]) -> Task | None:  # noqa: ANN401
    job = current()
    if job is None or job.job_id is None or given.get("gui"):
        return None
    # One that is disabled has neither a description nor a unit.
    name = getattr(bar, "desc", None) or given.get("desc") or "progress"
    unit = getattr(bar, "unit", None) or given.get("unit") or "it"
    task = Task(
        job.telling,
        within(job.telling, job.around()),
        str(name).rstrip(": "),
        total=bar.total or None,
        unit=unit,
    )
    initial = given.get("initial")
    if initial:
        task.done = initial
    return task


def _walked(task: Task, items: Iterator[Any]) -> Iterator[Any]:
    """Yield what tqdm does, and count it, each as a step of the task."""
    task.is_walked = True
    around = TASK.get()
    for item in items:
        task.stop_if_cancelled()
        TASK.set(task)
        try:
            yield item
        finally:
            TASK.set(around)
        task.advance()
    task.end()
