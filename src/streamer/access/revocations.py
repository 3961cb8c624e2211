"""What was revoked anywhere is known in this process within a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from ..backoff import Backoff
from ..errors import AuthUnavailable
from ..eventlog.access import REVOCATIONS_PAGE, Access, Kind, Revocation
from ..every import every
from .grants import Grants
from .revoked import Revoked

_logger: Final = logging.getLogger(__name__)

#: Seconds between two looks at the log. One is one small command.
LOOK_INTERVAL: Final = 0.5
#: Seconds before another look while the log is away: it is not asked more often for it,
#: and what is revoked once it is back is still known within a second.
_BACKOFF: Final = Backoff(LOOK_INTERVAL, 1.0)


class Revocations:
    """The revocations of the log, as this process knows them.

    What is known holds, whatever becomes of the log: while it is away, and when it has
    lost what it kept. Then every process that knows it reports it again.

    Args:
        access: what the log keeps.
        changed: called whenever more was revoked.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        access: Access,
        changed: Callable[[], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access: Final = access
        self._changed: Final = changed
        self._clock: Final = clock
        self._revoked: Final = Revoked()
        self._is_known: Final = asyncio.Event()
        # What was read last; None if it must be read anew.
        self._revision: str | None = None

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._revoked)

    @property
    def are_known(self) -> bool:
        """Whether the log has been read once."""
        return self._is_known.is_set()

    async def known(self, seconds: float) -> None:
        """Return when `are_known`, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_known.wait()

    def is_revoked(self, grants: Grants) -> bool:
        """Whether the token of `grants` was taken back; two looks into a table.

        Raises:
            AuthUnavailable: this process does not know it yet, for it has just begun, and
                the log is away.
        """
        if not self._is_known.is_set():
            raise AuthUnavailable("it is not known yet which tokens were revoked; try again")
        return self._revoked.has(grants)

    def newest(self, limit: int) -> list[Revocation]:
        """The last `limit` of them, the newest first."""
        return sorted(self._revoked, key=lambda it: it.at, reverse=True)[:limit]

    async def revoke(self, kind: Kind, value: str) -> Revocation:
        """Take back the token of a ``jti``, or all of a ``sub`` that were issued until now.

        Here it holds at once, and in every process within a second.

        Raises:
            LogUnavailable: nobody knows whether it was stored: asking again is safe.
            TooManyRevocations: as many are kept as may be.
        """
        revocation = Revocation(kind, value, self._clock())
        await self._access.revoke([revocation])
        # It may be lost before it is looked at: what was read before says nothing of it.
        self._revision = None
        self._learn([revocation])
        return revocation

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await every(
            LOOK_INTERVAL,
            self.look,
            "looking for what was revoked",
            logger=_logger,
            backoff=_BACKOFF,
        )

    async def look(self) -> None:
        """Read what was revoked, if that has changed; raises `LogUnavailable`."""
        if self._revision == await self._access.revision():
            return
        self._revision = None
        revision, kept = await self._access.revocations()
        is_first = not self._is_known.is_set()
        self._is_known.set()
        self._learn(kept, is_first=is_first)
        self._revoked.forget(self._clock())
        lost = self._revoked.beyond(kept)
        for start in range(0, len(lost), REVOCATIONS_PAGE):
            await self._access.revoke(lost[start : start + REVOCATIONS_PAGE])
        self._revision = None if lost else revision

    def _learn(self, revocations: Sequence[Revocation], *, is_first: bool = False) -> None:
        if self._revoked.add(revocations) or is_first:
            self._changed()
