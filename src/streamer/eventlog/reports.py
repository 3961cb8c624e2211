"""How each process does: it says so again and again, and is forgotten when it no longer does."""

from __future__ import annotations

from typing import Final, Protocol

#: Milliseconds that a report is believed.
REPORT_TTL: Final = 10_000
#: Seconds between two reports: one may be lost, and one late.
REPORT_SECONDS: Final = 2.0
#: Bytes of one report.
MAX_REPORT: Final = 16 * 1024
#: Processes whose reports are read at once.
MAX_PROCESSES: Final = 1000


class Reports(Protocol):
    """The processes of servers that use the log.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def say(self, process: str, report: bytes) -> None:
        """Say how `process` does, in JSON; it is believed for 10 seconds."""

    async def withdraw(self, process: str) -> None:
        """Say that `process` is gone."""

    async def all(self) -> list[bytes]:
        """What each process said lately."""
