"""Finds what is due, and has it sent; every server runs one."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from ..errors import LogUnavailable
from ..eventlog.base import EventLog
from ..eventlog.push import MAX_FOUND, Send
from ..every import every
from .sender import Sender

_logger: Final = logging.getLogger(__name__)

#: Seconds between two looks at the log, at most.
_LOOK_SECONDS: Final = 1.0
#: Pushes that one process has in its hands at a time.
_MOST: Final = 500
#: Times that a push service may take to answer for which a push is this process's: most of
#: it is waiting for the log, which has seconds for each answer too.
_LEASE: Final = 6.0


class PushWatch:
    """Every server has one; the log gives each push to one of them.

    Args:
        after: seconds for which a notification must have been unread.
        seconds: for which a push service may take to answer.
    """

    def __init__(self, log: EventLog, sender: Sender, *, after: float, seconds: float) -> None:
        self._log: Final = log
        self._sender: Final = sender
        self._after: Final = after
        self._lease: Final = _LEASE * seconds
        self._sending: Final[set[asyncio.Task[None]]] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            await every(
                _LOOK_SECONDS, self.look, "looking for what is to be pushed", logger=_logger
            )
        finally:
            # What is under way is left to another process, after its lease.
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            await self._sender.close()

    async def look(self) -> None:
        """Begin to send what is due; whatever a push service does, this returns.

        Raises:
            LogUnavailable: the rest is found at the next look.
        """
        while await self._log.pushes.spread(self._after) == MAX_FOUND:
            pass
        while (room := min(MAX_FOUND, _MOST - len(self._sending))) > 0:
            until = asyncio.get_running_loop().time() + self._lease
            sends = await self._log.pushes.take(self._lease, room)
            for send in sends:
                task = asyncio.create_task(self._send(send, until))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            if not sends:
                return

    async def settled(self) -> None:
        """Return when nothing is under way."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def _send(self, send: Send, until: float) -> None:
        try:
            await self._sender.send(send, until)
        except LogUnavailable:
            # Taken again after its lease; that the log is away others say.
            return
        except Exception:
            _logger.exception("a push could not be sent")
            await self._give_up(send)

    async def _give_up(self, send: Send) -> None:
        """Come back to it later, and less and less often."""
        try:
            await self._log.pushes.later(send, 60.0 * (send.failures + 1), failed=True)
        except LogUnavailable:
            return
