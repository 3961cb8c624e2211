"""Reports of processes, in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..reports import REPORT_TTL


class MemoryReports:
    """`Reports` as `RedisReports` keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock: Final = clock
        self._known: dict[str, tuple[int, bytes]] = {}

    async def say(self, process: str, report: bytes) -> None:
        """See `Reports.say`."""
        self._known[process] = (self._clock() + REPORT_TTL, report)

    async def withdraw(self, process: str) -> None:
        """See `Reports.withdraw`."""
        self._known.pop(process, None)

    async def all(self) -> list[bytes]:
        """See `Reports.all`."""
        now = self._clock()
        self._known = {name: said for name, said in self._known.items() if now < said[0]}
        return [report for _, report in self._known.values()]
