"""The master that Redis Sentinel watches over."""

from __future__ import annotations

from typing import Final

from redis import exceptions
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable
from .route import ASK_TIMEOUT, Address, connection_options


class SentinelSearch:
    """See `route.Search`; the first Sentinel with a healthy master is believed."""

    def __init__(self, url: RedisURL, timeout: float) -> None:
        self._service: Final = url.service
        self._asked: Final = ", ".join(str(Address(*node)) for node in url.nodes)
        patience = min(ASK_TIMEOUT, timeout)
        options = connection_options(url)
        secured = {name: value for name, value in options.items() if name.startswith("ssl_")}
        self._sentinel: Final = Sentinel(  # type: ignore[no-untyped-call]
            url.nodes,
            sentinel_kwargs={
                "socket_timeout": patience,
                "socket_connect_timeout": patience,
                "retry": Retry(NoBackoff(), 0),
                "protocol": 2,
                "username": url.sentinel_username,
                "password": url.sentinel_password,
                "ssl": options.get("connection_class") is SSLConnection,
                **secured,
            },
        )

    async def ask(self) -> Address:
        """See `route.Search`."""
        try:
            host, port = await self._sentinel.discover_master(self._service)
        except (exceptions.RedisError, OSError) as error:
            raise LogUnavailable(
                f"no Sentinel knows a healthy master {self._service!r} "
                f"(asked {self._asked}: {error})"
            ) from error
        return Address(str(host), int(port))

    async def close(self) -> None:
        """See `route.Search`."""
        await self._sentinel.aclose()
