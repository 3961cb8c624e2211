"""The worker process: runs jobs until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Final

from dramatiq import Broker
from dramatiq.worker import Worker

from ..errors import JobsUnavailable
from ..eventlog.redis import RedisEventLog
from ..settings import Settings
from ..sync_publisher import SyncPublisher
from .actors import declare_actors
from .broker import create_broker
from .kinds import load_kinds

#: Seconds that interrupted jobs have to let go, beside the time to drain.
_LEAVE_SECONDS: Final = 5.0

_logger: Final = logging.getLogger(__name__)


def run_worker(settings: Settings, stop: threading.Event | None = None) -> int:
    """Run jobs until SIGTERM, SIGINT, or `stop` is set; return the exit code.

    Then jobs that run are interrupted and enqueued again, as ``retrying``, and
    what they told is delivered.

    Raises:
        JobsUnavailable: there is no Redis to take jobs from.
    """
    stopping = stop if stop is not None else threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
    publisher = open_publisher(settings)
    broker = create_broker(settings, publisher)
    declare_actors(broker, settings, load_kinds().values())
    try:
        run_until(stopping, broker, threads=settings.job_threads)
    finally:
        delivered = publisher.close()
        broker.client.close()
    return 0 if delivered else 1


def open_publisher(settings: Settings) -> SyncPublisher:
    """A publisher to the event log that the settings name; it connects when it must.

    Raises:
        JobsUnavailable: they name none.
    """
    url, prefix, retention = settings.redis_url, settings.prefix, settings.retention_policy()
    if url is None:
        raise JobsUnavailable("no Redis to publish to; set STREAMER_REDIS_URL")
    return SyncPublisher(
        lambda: RedisEventLog(
            url,
            prefix=prefix,
            retention=retention,
            wait_replicas=settings.redis_wait_replicas,
        ),
        max_event_bytes=settings.max_event_bytes,
    )


def run_until(stopping: threading.Event, broker: Broker, *, threads: int) -> None:
    """Run the broker's jobs in `threads` threads of this process until `stopping` is set."""
    logging.getLogger("dramatiq.worker.WorkerThread").addFilter(_is_about_no_result)
    broker.emit_after("process_boot")
    worker = Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    _logger.info("running jobs in %d threads", threads)
    try:
        stopping.wait()
    finally:
        worker.stop(timeout=int(_LEAVE_SECONDS * 1000))


def _is_about_no_result(record: logging.LogRecord) -> bool:
    # Dramatiq warns of each result that it does not store; ours are in the events.
    return "the value has been discarded" not in record.getMessage()
