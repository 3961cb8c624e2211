"""A connection to Redis that only subscribes, made for many notifications a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ....config.redis_url import RedisURL
from .connection import Connection, Reply, connect, greeting
from .route import Address

#: What ROLE answers where nothing is published; no notification starts with it.
_REPLICA: Final = (b"slave", b"sentinel")


class PubSubConnection(Connection):
    """Give `receive` all replies that have arrived, at once, in their order."""

    def __init__(
        self, receive: Callable[[list[Reply]], None], address: Address | None = None
    ) -> None:
        super().__init__(address)
        self._receive: Final = receive

    def subscribe(self, names: Iterable[str]) -> None:
        """Ask for notifications under `names`; each is confirmed by a reply."""
        self.send("SUBSCRIBE", *names)

    def unsubscribe(self, names: Iterable[str]) -> None:
        """Ask for no more notifications under `names`; each is confirmed by a reply."""
        self.send("UNSUBSCRIBE", *names)

    def replied(self, replies: list[Reply]) -> None:
        """See `Connection`."""
        for number, reply in enumerate(replies):
            if isinstance(reply, Exception):
                self.abort(str(reply))
            elif isinstance(reply, list) and reply[0] in _REPLICA:
                self.abort("this server has become a replica")
            else:
                continue
            del replies[number:]
            break
        if replies:
            self._receive(replies)


async def subscribe_at(
    url: RedisURL, address: Address | None, receive: Callable[[list[Reply]], None]
) -> PubSubConnection:
    """Connect to `url`, at `address` if that may move, and say who we are.

    Raises:
        OSError: if there is no connection.
    """
    connection = await connect(url, address, lambda: PubSubConnection(receive, address))
    # Not awaited: a refusal is the reply to its command, and ends it.
    connection.send_all(greeting(url))
    if address is not None:
        # Not awaited either: a replica is dropped when it says so.
        connection.send("ROLE")
    return connection
