"""One line for each queue: ``streamer.install(broker)``."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from ..publishing.sync_publisher import SyncPublisher
from .attempts import Attempts
from .shared import shared_attempts

#: The packages whose queues are known, each with an integration of its own. It is imported
#: when it is used: whoever has one of them needs none of the others.
_QUEUES: Final = {
    "dramatiq": "a Dramatiq broker",
    "celery": "a Celery app",
    "rq": "an RQ queue or worker",
    "arq": "arq's WorkerSettings, a worker or pool of arq's",
    "taskiq": "a taskiq broker",
}
#: What arq's worker is given of any class, or dict, at least one of the two.
_ARQ_SETTINGS: Final = ("functions", "cron_jobs")


def install(
    queue: object,
    *,
    redis_url: str | None = None,
    prefix: str | None = None,
    publisher: SyncPublisher | None = None,
) -> SyncPublisher:
    """Report the life of every job of `queue`, and what ``streamer.progress()`` says of it.

    Call it in every process that enqueues or runs jobs, best where the queue is made.
    Once more for the same queue and log changes nothing.

    Args:
        queue: a Dramatiq broker, a Celery app, an RQ queue or worker, arq's
            ``WorkerSettings``, worker or pool, or a taskiq broker.
        redis_url: where the event log is; by default ``STREAMER_REDIS_URL``, or else the
            log of a ``streamer run`` that is at work on the data directory.
        prefix: of the log's keys; by default ``STREAMER_PREFIX``.
        publisher: instead of the two: one of your own.

    Returns:
        The publisher, for events of your own.

    Raises:
        TypeError: `queue` is of no kind that is known.
        ValueError: `queue` is reported to another log already.
        LogUnavailable: no log is named, and none was found.
        InvalidSetting: an argument, or a variable, is malformed.
    """
    if publisher is not None and (redis_url is not None or prefix is not None):
        raise TypeError("give either a publisher, or redis_url and prefix")
    package = next((name for name in _packages(queue) if name in _QUEUES), None)
    if package is None:
        allowed = ", ".join(_QUEUES.values())
        raise TypeError(f"a {type(queue).__qualname__} is no queue that is known here: {allowed}")
    attempts = shared_attempts(redis_url, prefix) if publisher is None else Attempts(publisher)
    integration = import_module(f"..integrations.{package}", __package__)
    integration.install(queue, attempts.publisher, lease_seconds=attempts.lease_seconds)
    return attempts.publisher


def _packages(queue: object) -> list[str]:
    """Where the classes of `queue` are from: one of a user's own is at last one of a package."""
    settings = queue if isinstance(queue, dict) else vars(queue) if isinstance(queue, type) else {}
    if not settings.keys().isdisjoint(_ARQ_SETTINGS):
        return ["arq"]
    return [base.__module__.partition(".")[0] for base in type(queue).__mro__]
