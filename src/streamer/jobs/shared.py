"""What this process reports its jobs by: one publisher for each log, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..config.settings import Settings
from ..eventlog.found import with_found_log
from ..eventlog.open import open_event_log
from ..publishing.sync_publisher import SyncPublisher
from .attempts import Attempts

_lock: Final = threading.Lock()
_attempts: Final[dict[tuple[str | None, str], Attempts]] = {}
#: What tests have all of it go to; the last one counts.
_instead: Final[list[Attempts]] = []


@contextmanager
def reporting_by(publisher: SyncPublisher) -> Iterator[None]:
    """Have those report by `publisher` who name no log, until the block ends: in a test."""
    attempts = Attempts(publisher)
    _instead.append(attempts)
    try:
        yield
    finally:
        _instead.remove(attempts)
        attempts.running.stop()


def shared_attempts(redis_url: str | None = None, prefix: str | None = None) -> Attempts:
    """Those of the log that the arguments name, or else ``STREAMER_…`` in the environment.

    Where neither names one, it is the log of the ``streamer run`` that is at work on the
    data directory. Nothing is connected yet.

    Raises:
        LogUnavailable: there is none, either.
        InvalidSetting: an argument, or a variable, is malformed.
    """
    if _instead and redis_url is None and prefix is None:
        return _instead[-1]
    settings = with_found_log(Settings.from_env(redis_url=redis_url, prefix=prefix))
    place = (settings.redis_url, settings.prefix)
    with _lock:
        known = _attempts.get(place)
        if known is None:
            publisher = SyncPublisher(
                lambda: open_event_log(settings), max_event_bytes=settings.max_event_bytes
            )
            known = Attempts(publisher, lease_seconds=settings.lease_seconds)
            _attempts[place] = known
    return known
