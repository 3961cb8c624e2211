"""Who is typing in a conversation, until they say no longer that they are."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

#: Seconds that somebody counts as typing after they said so; clients say so every few.
TYPING_SECONDS: Final = 6.0
#: Those that are found in one look to type no longer; the next look finds more.
MAX_FOUND: Final = 100


class Typist(msgspec.Struct, frozen=True):
    """Somebody who is typing."""

    topic: str
    user: str
    username: str


class Typists(Protocol):
    """Who is typing, shared by all processes of a log, and judged by its clock.

    Only so that its end is told, though the process that took it is gone: nobody reads it.
    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def begin(self, typist: Typist, seconds: float) -> None:
        """Count `typist` as typing for `seconds`."""

    async def end(self, typist: Typist) -> bool:
        """Count `typist` as typing no longer; return whether they were."""

    async def lapsed(self) -> list[Typist]:
        """Take those who type no longer: each is returned once, over all processes."""
