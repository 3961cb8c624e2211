"""The master that Redis Sentinel watches over."""

from __future__ import annotations

from typing import Final

from redis import exceptions

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable
from .connection import Reply, authentication
from .questions import ASK_TIMEOUT, ask
from .route import Address

#: What a Sentinel says of a master that it, or so many of them as it takes, holds for dead.
_DOWN: Final = frozenset((b"s_down", b"o_down"))


class SentinelSearch:
    """See `route.Search`; the first Sentinel with a healthy master is believed."""

    def __init__(self, url: RedisURL, timeout: float) -> None:
        self._url: Final = url
        self._patience: Final = min(ASK_TIMEOUT, timeout)
        self._authentication: Final = authentication(url.sentinel_username, url.sentinel_password)
        #: Who is asked, in this order: who answered last comes first.
        self._sentinels = tuple(Address(*node) for node in url.nodes)

    async def ask(self) -> Address:
        """See `route.Search`."""
        problems = []
        for sentinel in self._sentinels:
            try:
                *_, masters = await ask(
                    self._url,
                    sentinel,
                    self._patience,
                    *self._authentication,
                    ("SENTINEL", "MASTERS"),
                )
            except (exceptions.RedisError, OSError) as error:
                problems.append(f"{sentinel}: {error}")
                continue
            master = _healthy(masters, self._url.service.encode())
            if master is not None:
                others = (each for each in self._sentinels if each != sentinel)
                self._sentinels = (sentinel, *others)
                return master
            problems.append(f"{sentinel}: it knows none, or only that it is down")
        raise LogUnavailable(
            f"no Sentinel knows a healthy master {self._url.service!r} ({'; '.join(problems)})"
        )


def _healthy(masters: Reply, service: bytes) -> Address | None:
    """Where the master of `service` is, by an answer to SENTINEL MASTERS: pairs, for each."""
    for flat in masters:
        master = dict(zip(flat[::2], flat[1::2], strict=True))
        flags = frozenset(master[b"flags"].split(b","))
        if master[b"name"] == service and b"master" in flags and not flags & _DOWN:
            return Address(master[b"ip"].decode(), int(master[b"port"]))
    return None
