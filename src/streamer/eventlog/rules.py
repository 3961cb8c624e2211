"""The rules of a log, as all its processes see them."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from ..config.retention import Retention
from ..config.rules import Rules
from ..every import every

#: Seconds between two times that a server says the rules: a log that was flushed has none
#: for so long, and its processes go on with those they know.
UPHOLD_SECONDS: Final = 5.0

logger: Final = logging.getLogger(__name__)


class LogRules(Protocol):
    """The rules of a log: those of the server that was started last.

    A worker or another publisher follows them, whatever it was opened with: that holds
    until some server has said any. An append is by the rules that the log has in that
    moment, or is made again by those.
    """

    @property
    def current(self) -> Rules:
        """The rules, as far as this process knows: as of its last append, or `uphold`."""

    async def uphold(self) -> bool:
        """Say, as a server, that the rules are those the log was opened with.

        Unless a server that first said so later than this one says others: then follow,
        and return false.

        Raises:
            LogUnavailable: the log cannot be reached in time.
        """

    async def look(self) -> None:
        """Follow the rules that the log has now, without saying any.

        Raises:
            LogUnavailable: the log cannot be reached in time.
        """

    async def retain(self, prefix: str, kept: Retention | None) -> None:
        """Set by hand what is kept of the topics of a prefix; None: what the servers say.

        It holds for every process at once, and over what servers are set to, until it is
        set again. What is there already is left to `Upkeep.trim`.

        Raises:
            LogUnavailable: the log cannot be reached in time.
            TooManyRules: it is set for as many prefixes as it may be.
        """


class Upholding:
    """Upholds the rules that a server was started with.

    Attributes:
        are_upheld: whether they hold, as of the last time; else those of another server do.
    """

    def __init__(self, rules: LogRules) -> None:
        self._rules: Final = rules
        self.are_upheld = True

    async def run(self) -> None:
        """Do so now and every few seconds, until cancelled."""
        await every(UPHOLD_SECONDS, self._uphold, "saying the log's rules", logger=logger)

    async def _uphold(self) -> None:
        upheld = await self._rules.uphold()
        if self.are_upheld and not upheld:
            logger.warning(
                "a server that was started later has other settings of what is kept and what "
                "counts as unread (STREAMER_RETENTION..., STREAMER_UNREAD); they hold here too"
            )
        self.are_upheld = upheld
