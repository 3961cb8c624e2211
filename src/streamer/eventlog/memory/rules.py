"""The rules of a log in the memory of one process."""

from __future__ import annotations

from typing import Final

from ...config.retention import Retention
from ...config.rules import Rules, changed


class MemoryRules:
    """`LogRules` of one process: those it was opened with."""

    def __init__(self, own: Rules) -> None:
        self._own: Final = own
        self.current = own

    async def uphold(self) -> bool:
        """See `LogRules.uphold`; nobody else says any."""
        return True

    async def look(self) -> None:
        """See `LogRules.look`; they are those of this process."""

    async def retain(self, prefix: str, kept: Retention | None) -> None:
        """See `LogRules.retain`."""
        own = self._own
        by_hand = changed(self.current.set, prefix, kept)
        self.current = Rules(own.retention, own.unread, by_hand=by_hand)
