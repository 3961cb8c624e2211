"""What a hub does once a second: heartbeats, and an end for readers that take nothing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from .heartbeat import Wheel
from .reader import alone
from .session import State

if TYPE_CHECKING:
    from .reader import Reader


class Pulse:
    """The seconds of a process's readers.

    Args:
        send_timeout: seconds in which a reader that lags must take something.

    Attributes:
        wheel: of the readers' heartbeats.
    """

    def __init__(self, send_timeout: float) -> None:
        self._send_timeout: Final = send_timeout
        self.wheel: Final[Wheel[Reader]] = Wheel()
        self._lagging: Final[dict[Reader, None]] = {}

    def __len__(self) -> int:
        """How many readers are watched."""
        return len(self._lagging)

    def start(self) -> None:
        """Begin; call it on the event loop, once."""
        self._loop = asyncio.get_running_loop()
        self._ticking = self._loop.call_later(1.0, self._tick)

    def close(self) -> None:
        """Stop."""
        self._ticking.cancel()

    def watch(self, reader: Reader) -> None:
        """Watch `reader`, which lags, until it drains."""
        self._lagging[reader] = None

    def forget(self, reader: Reader) -> None:
        """Watch `reader` no longer."""
        self._lagging.pop(reader, None)

    def _tick(self) -> None:
        self._ticking = self._loop.call_later(1.0, self._tick)
        now = self._loop.time()
        for reader in self.wheel.tick():
            alone(reader, partial(reader.beat, self.wheel, now))
        for reader in tuple(self._lagging):
            alone(reader, partial(self._look, reader, now))

    def _look(self, reader: Reader, now: float) -> None:
        if reader.session.state is not State.LAGGING:
            self.forget(reader)
        elif reader.session.is_stuck(now, reader.writer.pending(), self._send_timeout):
            reader.end_with("send_timeout")
