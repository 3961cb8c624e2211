"""What a WebSocket's client says, heard one after the other, by a task while there is something."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from ..hub.writer import Listener

_logger: Final = logging.getLogger(__name__)


class Line(Protocol):
    """The connection, as far as it is heard."""

    async def drained(self) -> None:
        """Return when the transport takes more."""

    def was_heard(self, *, well: bool) -> None:
        """What was said last is done; if not `well`, the connection is to be cut."""


class Hearing:
    """One listener, and what it is hearing.

    Args:
        listener: hears one message at a time.
        line: is told when it is done.
        tasks: those of the server, which waits for them when it stops.
    """

    __slots__ = ("_context", "_line", "_listener", "_task", "_tasks")

    def __init__(self, listener: Listener, line: Line, tasks: set[asyncio.Task[None]]) -> None:
        self._listener: Final = listener
        self._line: Final = line
        self._tasks: Final = tasks
        # What is heard is done as the handshake was: by the same request, in its trace.
        self._context: Final = contextvars.copy_context()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being heard; nothing more may be said then."""
        return self._task is not None

    def hear(self, said: str | bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Have the listener hear `said`, on `loop`."""
        self._task = loop.create_task(self._hear(said), context=self._context)
        self._tasks.add(self._task)
        self._task.add_done_callback(self._was_heard)

    async def _hear(self, said: str | bytes) -> None:
        # A client that sends commands and reads no replies must not fill our memory.
        await self._line.drained()
        await self._listener.hear(said)

    def _was_heard(self, task: asyncio.Task[Any]) -> None:
        self._task = None
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _logger.error("what a client said could not be heard", exc_info=error)
        self._line.was_heard(well=error is None)
