"""Which job's progress is current in this thread or coroutine, and which task of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final, NamedTuple

#: A `Progress`, which knows this file, or None. Asked on every update: so read as it is.
CURRENT: Final[ContextVar[Any]] = ContextVar("streamer_progress", default=None)
#: A `Task` of it, or None for the job as a whole.
TASK: Final[ContextVar[Any]] = ContextVar("streamer_task", default=None)


class Place(NamedTuple):
    """Whose `Progress` is current, and within which `Task` of it."""

    progress: Any
    task: Any


def set_progress(current: Any) -> None:  # noqa: ANN401 - a `Progress`, which knows this file
    """Make `current` what ``streamer.progress()`` returns in this thread or coroutine."""
    CURRENT.set(current)
    TASK.set(None)


def where_it_is() -> Place:
    """What `set_progress` replaces in this thread or coroutine, to `go_back_to`."""
    return Place(CURRENT.get(), TASK.get())


def go_back_to(place: Place) -> None:
    """Make what was current so again."""
    CURRENT.set(place.progress)
    TASK.set(place.task)
