"""What kind of Redis is behind a URL, for whoever sets it up."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import msgspec
from redis import exceptions

from ...config.redis_url import parse_redis_url
from ...errors import LogForbidden, LogUnavailable
from .link.commands import Commands
from .link.search import open_route

#: The oldest version with all that our scripts use.
OLDEST: Final = (7, 0)
#: What a server did not report.
UNKNOWN: Final = "unknown"


class About(msgspec.Struct, frozen=True):
    """What a server reports of itself.

    Attributes:
        server: ``Redis`` or ``Valkey``.
        version: as in ``7.0.15``; ``unknown`` where its user may not ask.
        latency_ms: milliseconds of one round trip, the best of three.
        persistence: ``append-only file``, ``snapshots`` or ``none``: what survives a crash;
            ``unknown`` where it is not said.
        policy: its ``maxmemory-policy``: which keys it gives up when memory is short;
            None where it is not said.
        ahead: seconds by which its clock is ahead of ours, to within a round trip.
    """

    server: str
    version: str
    latency_ms: float
    persistence: str
    policy: str | None = None
    ahead: float = 0.0

    @property
    def new_enough(self) -> bool:
        """Whether the event log can use it, as far as is known."""
        numbers = [int(part) for part in self.version.split(".")[:2] if part.isdecimal()]
        return self.version == UNKNOWN or tuple(numbers) >= OLDEST


async def describe(
    url: str,
    *,
    prefix: str = "streamer",
    timeout: float = 5.0,  # noqa: ASYNC109 - of each command, not of the whole
) -> About:
    """Ask the server that has the log of `prefix` behind `url`; `timeout` is in seconds.

    Raises:
        InvalidRedisURL: `url` is malformed.
        LogUnavailable: it cannot be reached, or does not let us in.
    """
    parsed = parse_redis_url(url)
    route = open_route(parsed, prefix, timeout)
    commands = Commands(parsed, route, timeout)
    try:
        info = await _info(commands)
        trips = []
        for _ in range(3):
            began = time.perf_counter()
            await commands.call("PING")
            trips.append(time.perf_counter() - began)
        asked = time.time()
        seconds, micros = await commands.call("TIME")
        ahead = int(seconds) + int(micros) / 1e6 - (asked + time.time()) / 2
        appends = info.get("aof_enabled") == "1"
        persistence = "append-only file" if appends else await _saves(commands)
    finally:
        await commands.close()
        if route is not None:
            await route.close()
    valkey = "valkey_version" in info
    return About(
        server="Valkey" if valkey else "Redis",
        version=info.get("valkey_version" if valkey else "redis_version", UNKNOWN),
        latency_ms=min(trips) * 1000,
        persistence=persistence,
        policy=info.get("maxmemory_policy"),
        ahead=ahead,
    )


async def _info(commands: Commands) -> dict[str, str]:
    with contextlib.suppress(LogForbidden):
        return _fields(await commands.call("INFO"))
    # INFO is @dangerous; HELLO, which says less, is not.
    with contextlib.suppress(LogForbidden):
        hello = await commands.call("HELLO", "2")
        said = dict(zip(hello[::2], hello[1::2], strict=False))
        return {f"{said[b'server'].decode()}_version": said[b"version"].decode()}
    return {}


def _fields(info: bytes) -> dict[str, str]:
    """Read a reply of INFO: ``name:value`` on a line each, and headings."""
    lines = (line.partition(":") for line in info.decode(errors="replace").split("\r\n"))
    return {name: value for name, colon, value in lines if colon}


async def _saves(commands: Commands) -> str:
    try:
        configured = await commands.call("CONFIG", "GET", "save")
    except LogUnavailable as error:
        if isinstance(error.__cause__, exceptions.ResponseError):
            return UNKNOWN  # hosted servers forbid CONFIG
        raise
    return "snapshots" if any(configured[1::2]) else "none"
