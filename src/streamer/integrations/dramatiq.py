"""Dramatiq: any of its brokers, with our middleware where it belongs."""

from __future__ import annotations

from typing import Final

from dramatiq import Broker
from dramatiq.middleware import Retries, ShutdownNotifications, TimeLimit

from ..jobs.handed_back import HandedBack
from ..jobs.middleware import JobEvents
from ..publishing.sync_publisher import SyncPublisher

#: Before these: two raise into a job's thread, and must not strike there before the job
#: has begun. And hooks that come "after" run in reverse: only after `Retries` it is known
#: whether an attempt was the last one. What skips a message, such as `AgeLimit`, is best
#: before us: then it was never started.
_LATER: Final = (Retries, ShutdownNotifications, TimeLimit)


def install(broker: Broker, publisher: SyncPublisher, *, lease_seconds: float) -> None:
    """Report the jobs of `broker`; nothing happens if it does that already.

    Raises:
        ValueError: it does, by another publisher.
    """
    for each in broker.middleware:
        if isinstance(each, JobEvents):
            if each.publisher is publisher:
                return
            raise ValueError(
                "this broker reports its jobs already, by a publisher of its own: "
                "install it once, or leave out add_middleware(JobEvents(...))"
            )
    first = next((type(each) for each in broker.middleware if isinstance(each, _LATER)), None)
    broker.add_middleware(JobEvents(publisher, lease_seconds=lease_seconds), before=first)
    broker.add_middleware(HandedBack())  # a job of ours that stops is interrupted where it reports
