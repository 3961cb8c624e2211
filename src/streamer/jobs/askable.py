"""The kinds of job that a server may be asked for: those installed here, and those offered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

import redis

from ..errors import JobsUnavailable, LogUnavailable
from .kinds import JobKind, find_kind
from .offers import OfferedKind, Offers

#: Seconds for which what is offered is not asked again, while nobody misses anything.
_FRESH: Final = 2.0
#: Seconds that may pass before it is answered.
_SECONDS: Final = 2.0
_HINT: Final = "; one of your own is known once a `streamer worker` of its module has started"


class Askable:
    """Knows the kinds.

    Args:
        installed: by name; what is offered under one of these names is not asked for.
        offers: makes what reads the others, when it is first wanted.
    """

    def __init__(self, installed: Mapping[str, JobKind], offers: Callable[[], Offers]) -> None:
        self._installed: Final = installed
        self._offers: Final = offers
        self._offered: dict[str, OfferedKind] = {}
        self._read = -_FRESH

    async def find(self, name: object, *, own: bool = False) -> JobKind:
        """The kind of that name; of the server's own only if `own`.

        Raises:
            UnknownJobKind: there is none.
            LogUnavailable: Redis does not say.
        """
        if isinstance(name, str) and name not in self._installed:
            await self._refresh(fresh=_FRESH if name in self._offered else 0.0)
        return find_kind(self._all(), name, own=own, hint=_HINT)

    async def find_of(self, actor: str) -> JobKind:
        """The kind whose jobs `actor` runs, also of the server's own.

        Raises:
            UnknownJobKind: there is none.
            LogUnavailable: Redis does not say.
        """
        if actor in self._installed:
            return self._installed[actor]
        await self._refresh()
        name = self.names().get(actor, actor)
        return find_kind(self._all(), name, own=True, hint=_HINT)

    async def offered(self) -> Mapping[str, OfferedKind]:
        """What is offered by workers, as far as that is known, without the installed."""
        with contextlib.suppress(LogUnavailable):
            await self._refresh()
        return {name: kind for name, kind in self._all().items() if isinstance(kind, OfferedKind)}

    def names(self) -> Mapping[str, str]:
        """Kinds by the tasks of their jobs' events, as they were last known."""
        return {kind.actor: name for name, kind in self._all().items()}

    def _all(self) -> dict[str, JobKind]:
        return {**self._offered, **self._installed}

    async def _refresh(self, fresh: float = _FRESH) -> None:
        if time.monotonic() - self._read < fresh:
            return
        self._read = time.monotonic()  # also where it fails: who lists jobs need not wait again
        try:
            async with asyncio.timeout(_SECONDS):
                self._offered = await asyncio.to_thread(self._offers().all)
        except JobsUnavailable:
            return  # where no job can be queued, none is offered
        except (redis.RedisError, TimeoutError) as error:
            raise LogUnavailable("Redis did not say which kinds of job there are") from error
