"""What a thread is enqueueing between Dramatiq's two hooks, which it may call twice."""

from __future__ import annotations

import threading
from typing import Any, Final

from dramatiq import Message

#: Enqueues of one thread that have begun and not ended; more have failed.
_MAX_OPEN: Final = 8


class Enqueues(threading.local):
    """The messages that this thread is enqueueing, each known by what it is, not its id."""

    def __init__(self) -> None:
        self._open: list[tuple[Message[Any], bool]] = []

    def knows(self, message: Message[Any]) -> bool:
        """Whether `message` is being enqueued."""
        return any(each is message for each, _ in self._open)

    def add(self, message: Message[Any], *, retried: bool) -> None:
        """`message` is going to be enqueued; `retried`: for its job to be tried again."""
        self._open = [*self._open[1 - _MAX_OPEN :], (message, retried)]

    def take(self, message: Message[Any]) -> bool | None:
        """`message` was enqueued; return what it was added with, None if it was not."""
        for number, (each, retried) in enumerate(self._open):
            if each is message:
                del self._open[number]
                return retried
        return None
