"""What the job that is running here tells, in whatever process: ``streamer.progress()``."""

from __future__ import annotations

import copyreg
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from .helpers import VARIABLE
from .link import Link
from .place import CURRENT, TASK
from .progress import Progress, send_all_held
from .silent import Silent

T = TypeVar("T")


def progress() -> Progress:
    """What the job running here tells; outside of a job one that tells nothing, and keeps nothing.

    An asynchronous actor has its own. So has what ``asyncio.to_thread`` runs for a job, a
    child that is forked by it, and a program that is run with `Progress.environ`. For other
    threads and processes see `Progress.wrap`.
    """
    return current() or _SILENT


def track(
    iterable: Iterable[T], total: float | None = None, message: str | None = None
) -> Iterator[T]:
    """Do ``progress().track(…)``."""
    return progress().track(iterable, total, message)


def current() -> Progress | None:
    """That of the job running here, or that this process helps with; None where there is none."""
    here: Progress | None = CURRENT.get()
    return here if here is not None else _of_process()


#: That of no job.
_SILENT: Final = Silent()
#: Jobs that a process knows which helps with them, one after the other.
_MAX_KNOWN: Final = 64


class _Known:
    """The jobs that this process helps with, by how they were handed over."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs: dict[str, Progress] = {}
        self.is_registered = False
        self.forked = ""


_known: Final = _Known()


def _of_process() -> Progress | None:
    handover = os.environ.get(VARIABLE)
    if not handover:
        return None
    return _known.jobs.get(handover) or _handed_over(handover)


def _handed_over(handover: str) -> Progress:
    """What another process gave: of its job, wherever this is."""
    with _known.lock:
        found = _known.jobs.get(handover)
        if found is not None:
            return found
        if not handover:
            return _SILENT
        link = Link(handover)
        welcome = link.open()
        if welcome is None:
            # Nothing of it is told, and that is said once.
            found = _known.jobs[handover] = _SILENT
            return found
        found = Progress(
            link.send,
            job_id=welcome.job_id,
            run=welcome.run,
            attempt=welcome.attempt,
            max_bytes=welcome.max_bytes,
            checkpoint=bytes(welcome.checkpoint),
        )
        found.hand_on(link)
        if welcome.cancelled:
            found.cancel()
        _known.jobs[handover] = found
        while len(_known.jobs) > _MAX_KNOWN:
            _known.jobs.pop(next(iter(_known.jobs)))
        if not _known.is_registered:
            # What is held is sent before the process ends; so it is while there are threads.
            threading._register_atexit(send_all_held)  # type: ignore[attr-defined]  # noqa: SLF001
            _known.is_registered = True
        return found


def _pickled(given: Progress) -> tuple[Callable[[str], Progress], tuple[str]]:
    return _handed_over, (given.helpers.environ().get(VARIABLE, ""),)


for _kind in (Progress, Silent):
    copyreg.pickle(_kind, _pickled)


def _before_fork() -> None:
    here: Progress | None = CURRENT.get()
    _known.forked = "" if here is None else here.helpers.environ().get(VARIABLE, "")


def _after_fork() -> None:
    _known.lock = threading.Lock()
    _known.jobs.clear()  # their links are the parent's
    _known.is_registered = True  # as every forked child does: see `progress`
    here: Progress | None = CURRENT.get()
    if here is not None and _known.forked:
        TASK.set(None)  # of the parent's tasks, which are not told of here
        here.hand_on(Link(_known.forked))
        _known.jobs[_known.forked] = here


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
