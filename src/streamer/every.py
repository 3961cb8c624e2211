"""Work that is done again and again, whatever becomes of one time: on a loop, or in a thread."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from .backoff import Backoff
from .errors import LogUnavailable


async def every(
    seconds: float,
    work: Callable[[], Awaitable[object]],
    what: str,
    *,
    logger: logging.Logger,
    backoff: Backoff | None = None,
) -> NoReturn:
    """Do `work` now, and again after at most `seconds`, until cancelled.

    Jittered from three quarters of them to all, so that many processes do not all
    do it at once. After failures in a row it waits as `backoff` says, if that is given.
    See `_Failures` for what becomes of an error.
    """
    failures = _Failures(what, logger)
    in_a_row = 0
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - reported; the next time may do better
            failures.report(error)
            in_a_row += 1
        else:
            failures.over()
            in_a_row = 0
        if backoff is not None and in_a_row:
            await asyncio.sleep(backoff(in_a_row - 1))
        else:
            await asyncio.sleep(random.uniform(0.75, 1.0) * seconds)


def every_until(
    stopped: threading.Event,
    seconds: float,
    work: Callable[[], object],
    what: str,
    *,
    logger: logging.Logger,
) -> None:
    """Do `work` now, and again after `seconds`, in this thread, until `stopped` is set."""
    failures = _Failures(what, logger)
    while True:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - reported; the next time may do better
            failures.report(error)
        else:
            failures.over()
        if stopped.wait(seconds):
            return


class _Failures:
    """Errors of one piece of work, each logged when it begins and not at every repetition.

    A log that is away is not logged here: readiness and the publisher say so, once.
    """

    def __init__(self, what: str, logger: logging.Logger) -> None:
        self._what: Final = what
        self._logger: Final = logger
        self._last = ""

    def report(self, error: Exception) -> None:
        if isinstance(error, LogUnavailable):
            return
        if (this := repr(error)) != self._last:
            self._last = this
            self._logger.error("%s failed", self._what, exc_info=error)

    def over(self) -> None:
        self._last = ""
