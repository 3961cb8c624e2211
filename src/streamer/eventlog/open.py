"""Open the event log that settings name: the one place where its parts are put together."""

from __future__ import annotations

from ..config.settings import Settings
from .base import EventLog
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
        raise ValueError("no redis_url; start an EmbeddedServer and use its url")
    return RedisEventLog(
        where,
        prefix=settings.prefix,
        retention=settings.retention_policy(),
        unread=settings.unread_policy(),
        wait_replicas=settings.redis_wait_replicas,
    )
