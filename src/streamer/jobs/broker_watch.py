"""Watches the Redis that jobs wait in, and reports once when it is lost or back."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Final, Self

import redis

from ..every import every_until

#: Seconds between two looks.
_INTERVAL: Final = 2.0

_logger: Final = logging.getLogger(__name__)


class BrokerWatch:
    """A thread that asks while the context lasts; a worker itself just tries again."""

    def __init__(self, client: redis.Redis, interval: float = _INTERVAL) -> None:
        self._client: Final = client
        self._interval: Final = interval
        self._over: Final = threading.Event()
        self._away = False
        self._thread: Final = threading.Thread(target=self._watch, name="broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # It is not waited for: it may be asking a server that is frozen.
        self._over.set()

    def _watch(self) -> None:
        what = "asking for the Redis of the jobs"
        every_until(self._over, self._interval, self._look, what, logger=_logger)

    def _look(self) -> None:
        problem = self._problem()
        if self._over.is_set():
            return
        if problem is not None and not self._away:
            _logger.warning("jobs wait: their Redis cannot be used (%s); trying again", problem)
        elif problem is None and self._away:
            _logger.warning("the Redis of the jobs is back; jobs are run again")
        self._away = problem is not None

    def _problem(self) -> str | None:
        try:
            self._client.ping()
        except (redis.RedisError, OSError) as error:
            return str(error) or type(error).__name__
        return None
