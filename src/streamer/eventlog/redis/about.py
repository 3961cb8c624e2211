"""What kind of Redis stands behind a URL, for whoever sets it up."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Final

import msgspec
from redis import exceptions
from redis.asyncio import Redis

from ...config.redis_url import parse_redis_url
from .link.commands import Commands
from .link.failures import unavailable
from .link.search import open_route

#: The oldest version with all that our scripts use.
OLDEST: Final = (7, 0)
#: What a server did not tell.
UNKNOWN: Final = "unknown"


class About(msgspec.Struct, frozen=True):
    """What a server tells of itself.

    Attributes:
        server: ``Redis`` or ``Valkey``.
        version: as in ``7.0.15``; ``unknown`` where its user may not ask.
        latency_ms: milliseconds of one round trip, the best of three.
        persistence: ``append-only file``, ``snapshots`` or ``none``: what survives a crash;
            ``unknown`` where it is not said.
        policy: its ``maxmemory-policy``: which keys it gives up when memory is short;
            None where it is not said.
    """

    server: str
    version: str
    latency_ms: float
    persistence: str
    policy: str | None = None

    @property
    def new_enough(self) -> bool:
        """Whether the event log can use it, as far as is known."""
        numbers = [int(part) for part in self.version.split(".")[:2] if part.isdecimal()]
        return self.version == UNKNOWN or tuple(numbers) >= OLDEST


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
        info = await _info(client)
        trips = []
        for _ in range(3):
            began = time.perf_counter()
            await client.ping()
            trips.append(time.perf_counter() - began)
        persistence = "append-only file" if info.get("aof_enabled") else await _saves(client)
    except (exceptions.RedisError, OSError, ValueError) as error:
        raise unavailable(error) from error
    finally:
        await commands.close()
        if route is not None:
            await route.close()
    valkey = "valkey_version" in info
    return About(
        server="Valkey" if valkey else "Redis",
        version=str(info["valkey_version" if valkey else "redis_version"]),
        latency_ms=min(trips) * 1000,
        persistence=persistence,
        policy=info.get("maxmemory_policy"),
    )


async def _info(client: Redis) -> dict[str, Any]:
    with contextlib.suppress(exceptions.NoPermissionError):
        return dict(await client.info())
    # INFO is @dangerous; HELLO, which says less, is not.
    with contextlib.suppress(exceptions.NoPermissionError):
        hello: Any = await client.execute_command("HELLO", "2")  # type: ignore[no-untyped-call]
        said = dict(zip(hello[::2], hello[1::2], strict=False))
        return {f"{said[b'server'].decode()}_version": said[b"version"].decode()}
    return {"redis_version": UNKNOWN}


async def _saves(client: Redis) -> str:
    try:
        configured = await client.config_get("save")
    except exceptions.ResponseError:  # hosted servers forbid CONFIG
        return UNKNOWN
    return "snapshots" if any(configured.values()) else "none"
