"""Says once a second what a server process has counted, and how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..hub.session import State
from ..hub.standing import Look
from ..version import __version__
from . import families as f
from .counting import Counting
from .numbers import Numbers
from .of_log import OfLog
from .resources import resources
from .shared import Share, opened

if TYPE_CHECKING:
    from ..hub.hub import Hub

#: Seconds between two looks at how late the loop is, and looks between two reports.
TICK: Final = 0.25
TICKS: Final = 4
#: Share of a core that looking at readers may take: with many behind it is done less often.
_SHARE: Final = 0.01


class Reporting:
    """Reports the numbers of one server process, and reads those of its host.

    Args:
        counting: what is counted.
        hub: whose readers they are.
        most_readers: of this process; 0 is no limit.
        is_disk_low: whether there is little room.
        of_log: looks at the log.
        directory: where the processes of this host share their numbers; None: this process
            is alone.
    """

    def __init__(
        self,
        counting: Counting,
        hub: Hub,
        of_log: OfLog,
        *,
        most_readers: int,
        is_disk_low: Callable[[], bool],
        directory: Path | None,
    ) -> None:
        self._of_log: Final = of_log
        self._counting: Final = counting
        self._hub: Final = hub
        self._most_readers: Final = most_readers
        self._is_disk_low: Final = is_disk_low
        self._directory: Final = directory
        self._share: Share | None = None
        self._look = Look({}, 0.0, [])
        self._next_look = 0.0

    async def run(self) -> None:
        """Report until cancelled, and a last time then."""
        if self._directory is not None:
            self._share = opened(self._directory)
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await self._report(clock)
                for _ in range(TICKS):
                    began = clock()
                    await asyncio.sleep(TICK)
                    self._counting.loop_lag.observe(max(0.0, clock() - began - TICK))
        finally:
            if self._share is not None:
                self._share.write(self._counting.numbers().lasting())
                self._share.close()
                self._share = None

    async def read(self) -> Numbers:
        """What all processes of this host have counted, this one until now; and of the log."""
        of_log = await self._of_log.numbers()
        self._look = await self._hub.standing.look()
        numbers, share = self._own(), self._share
        if share is not None:
            share.write(numbers)
            numbers = await asyncio.to_thread(share.read)
        numbers.update(of_log)
        return numbers

    async def _report(self, clock: Callable[[], float]) -> None:
        began = clock()
        if began >= self._next_look:
            self._look = await self._hub.standing.look()
            self._next_look = began + (clock() - began) / _SHARE
        if self._share is not None:
            self._share.write(self._own())

    def _own(self) -> Numbers:
        numbers = self._counting.numbers()
        for state in (State.LIVE, State.LAGGING, State.REPLAYING):
            numbers.set(f.READERS, self._look.of_state(state), state.value)
        numbers.set(f.READERS_LIMIT, self._most_readers)
        numbers.set(f.LAG, self._look.lag)
        numbers.set(f.LOG_UP, float(self._hub.healthy))
        numbers.set(f.BUILD, 1, __version__)
        numbers.set(f.PROCESSES, 1, "server")
        numbers.set(f.ENDED, 0)  # others have seen them
        numbers.set(f.DRAINING, float(self._hub.draining))
        numbers.set(f.DISK_LOW, float(self._is_disk_low()))
        numbers.update(resources())
        return numbers
