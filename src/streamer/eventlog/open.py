"""Open the event log that settings name: the one place where its parts are put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..config.settings import Settings
from .base import EventLog
from .found import with_found_log
from .redis.log import RedisEventLog


def open_event_log(settings: Settings, *, url: str | None = None) -> EventLog:
    """Return the event log of `settings`, not connected: that it does when it is first used.

    Args:
        settings: where it is, its prefix, its retention, and how many replicas must
            have an event.
        url: the Redis that it is in, for whoever found one that no setting names,
            such as that of an `EmbeddedServer`.

    Raises:
        ValueError: there is no URL.
        InvalidRedisURL: it is malformed.
    """
    where = settings.redis_url if url is None else url
    if where is None:
        raise ValueError(
            "no redis_url: set STREAMER_REDIS_URL, as in redis://localhost:6379; or give a log: "
            "MemoryEventLog() is enough for one process, while you try"
        )
    return RedisEventLog(
        where,
        prefix=settings.prefix,
        retention=settings.retention_policy(),
        unread=settings.unread_policy(),
        wait_replicas=settings.redis_wait_replicas,
    )


def opens_found_log() -> Callable[[], EventLog]:
    """What opens the log that ``STREAMER_…`` names, else that of the `streamer run` nearby.

    Raises:
        LogUnavailable: there is neither.
        InvalidSetting: a variable is malformed.
    """
    return partial(open_event_log, with_found_log(Settings.from_env()))
