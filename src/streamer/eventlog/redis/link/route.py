"""Where the log is now, when servers take over from each other."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple, Protocol, cast

from redis.asyncio.connection import parse_url

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable

#: The error of whoever needs a connection after closing.
CLOSED: Final = "the event log is closed"


class Address(NamedTuple):
    """A server's host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        """As a URL has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Search(Protocol):
    """Asks the Sentinels, or the nodes, for the server that takes the log's writes."""

    async def ask(self) -> Address:
        """Ask them in turn.

        Raises:
            LogUnavailable: none of them knows.
        """


class Route:
    """The server that takes the log's writes, as far as is known.

    Attributes:
        current: the last answer; None before the first.
    """

    def __init__(self, search: Search) -> None:
        self._search: Final = search
        self._asking: asyncio.Task[Address] | None = None
        self._closed = False
        self.current: Address | None = None

    async def find(self) -> Address:
        """Ask where it is; those who ask at the same time share one answer.

        Raises:
            LogUnavailable: nobody knows, or it is closed.
        """
        if self._closed:
            raise LogUnavailable(CLOSED)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        asking = self._asking
        # `wait`: a caller that gives up must not take the answer from others, and
        # closing, which cancels the asking, must not look like a cancellation of ours.
        await asyncio.wait((asking,))
        if asking.cancelled():
            raise LogUnavailable(CLOSED)
        return asking.result()

    def moved(self, address: Address) -> None:
        """Take a server's own word for where it is."""
        self.current = address

    async def close(self) -> None:
        """Stop asking."""
        self._closed = True
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    async def _ask(self) -> Address:
        self.current = await self._search.ask()
        return self.current

    def _asked(self, asking: asyncio.Task[Address]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # whoever asked may have given up: that is no news


def connection_options(url: RedisURL) -> dict[str, Any]:
    """Keyword arguments of a redis-py connection to a server of `url`."""
    # The keys depend on the scheme, more than redis-py's own type says.
    return cast("dict[str, Any]", dict(parse_url(url.server)))
