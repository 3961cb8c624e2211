"""The Dramatiq broker of this deployment: jobs wait in the same Redis as the events."""

from __future__ import annotations

from typing import Final

from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    Callbacks,
    Pipelines,
    Retries,
    TimeLimit,
)

from ..config.settings import Settings
from ..publishing.sync_publisher import SyncPublisher
from .client import open_client
from .handed_back import HandedBack
from .interruptions import Interruptions
from .middleware import JobEvents
from .outlasting import OutlastingBroker

#: The queues of actors whose modules have no broker: see `create_broker`.
OWN_QUEUES: Final = "own"
#: Times a failed job is tried again.
MAX_RETRIES: Final = 3
#: Seconds before the first retry, and before any: each waits twice as long.
RETRY_SECONDS: Final = (2.0, 300.0)
#: Seconds after which a job is interrupted.
TIME_LIMIT: Final = 3600.0
#: Seconds without a sign of life after which a worker's jobs are given to others.
HEARTBEAT_TIMEOUT: Final = 60.0


def create_broker(
    settings: Settings,
    publisher: SyncPublisher | None = None,
    *,
    queues: str = "dramatiq",
    max_retries: int = MAX_RETRIES,
    retry_seconds: tuple[float, float] = RETRY_SECONDS,
    time_limit: float = TIME_LIMIT,
    heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
    maintenance_chance: int = 1000,
) -> RedisBroker:
    """Make the broker; with a publisher, every job's life is published.

    Args:
        settings: whose ``broker_url``, else ``redis_url``, and ``prefix`` say
            where the queues are.
        publisher: None for a process that only enqueues, and reports that itself.
        queues: which of the queues there: actors of others than those of the workers of a queue
            are lost in it, so a user's own have theirs apart.
        max_retries: times a failed job is tried again.
        retry_seconds: shortest and longest wait before a retry, in seconds.
        time_limit: seconds that a job may run.
        heartbeat_timeout: seconds without a sign of life of a worker after which
            its jobs are given to others.
        maintenance_chance: of a million calls, how many look for such workers.

    Raises:
        JobsUnavailable: there is no Redis to queue jobs in, or it is a cluster.
    """
    client = open_client(settings)
    least, most = retry_seconds
    middleware = [
        AgeLimit(),
        Callbacks(),
        Pipelines(),
        # Before Retries: hooks that come "after" run in reverse, and only then
        # does `message.failed` say whether it was the last attempt.
        *(
            [JobEvents(publisher, lease_seconds=settings.lease_seconds)]
            if publisher is not None
            else []
        ),
        Retries(
            max_retries=max_retries, min_backoff=int(least * 1000), max_backoff=int(most * 1000)
        ),
        # After all that reports or enqueues: these two raise into the job's thread,
        # and must not strike there before the job has begun, or when it is over.
        TimeLimit(time_limit=time_limit * 1000),
        Interruptions(),
        HandedBack(),
        AsyncIO(),
    ]
    return OutlastingBroker(
        client=client,
        middleware=middleware,
        # Beside the keys of the event log, and like them under one hash tag.
        namespace=f"{{{settings.prefix}}}:{queues}",
        heartbeat_timeout=int(heartbeat_timeout * 1000),
        maintenance_chance=maintenance_chance,
    )
