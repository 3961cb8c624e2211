"""What kind of Redis stands behind a URL, for whoever sets it up."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from redis import exceptions
from redis.asyncio import Redis

from ..redis_url import parse_redis_url
from .commands import Commands
from .failures import unavailable
from .search import open_route

#: The oldest version with all that our scripts use.
OLDEST: Final = (7, 0)


class About(msgspec.Struct, frozen=True):
    """What a server tells of itself.

    Attributes:
        server: ``Redis`` or ``Valkey``.
        version: as in ``7.0.15``.
        latency_ms: milliseconds of one round trip, the best of three.
        persistence: ``append-only file``, ``snapshots`` or ``none``: what survives a crash.
    """

    server: str
    version: str
    latency_ms: float
    persistence: str

    @property
    def new_enough(self) -> bool:
        """Whether the event log can use it."""
        numbers = [int(part) for part in self.version.split(".")[:2] if part.isdecimal()]
        return tuple(numbers) >= OLDEST


async def describe(
    url: str,
    *,
    prefix: str = "streamer",
    timeout: float = 5.0,  # noqa: ASYNC109 - redis-py's own
) -> About:
    """Ask the server that has the log of `prefix` behind `url`; `timeout` is in seconds.

    Raises:
        InvalidRedisURL: `url` is malformed.
        LogUnavailable: it cannot be reached, or does not let us in.
    """
    parsed = parse_redis_url(url)
    route = open_route(parsed, prefix, timeout)
    commands = Commands(parsed, route, timeout)
    client = commands.client
    try:
        info: dict[str, Any] = await client.info()
        trips = []
        for _ in range(3):
            began = time.perf_counter()
            await client.ping()
            trips.append(time.perf_counter() - began)
        saves = await _saves(client)
    except (exceptions.RedisError, OSError, ValueError) as error:
        raise unavailable(error) from error
    finally:
        await commands.close()
        if route is not None:
            await route.close()
    valkey = "valkey_version" in info
    persistence = "append-only file" if info.get("aof_enabled") else saves
    return About(
        server="Valkey" if valkey else "Redis",
        version=str(info["valkey_version" if valkey else "redis_version"]),
        latency_ms=min(trips) * 1000,
        persistence=persistence,
    )


async def _saves(client: Redis) -> str:
    try:
        configured = await client.config_get("save")
    except exceptions.ResponseError:  # hosted servers forbid CONFIG
        return "unknown"
    return "snapshots" if any(configured.values()) else "none"
