"""The worker process: runs jobs until it is asked to stop."""

from __future__ import annotations

import logging
import signal
import time
from typing import Final

from dramatiq import Broker
from dramatiq.worker import Worker

from ..config.settings import Settings
from ..errors import JobsUnavailable
from ..eventlog.open import open_event_log
from ..processes.stop_signals import stop_signals
from ..publishing.sync_publisher import SyncPublisher
from .actors import declare_actors
from .broker import create_broker
from .broker_watch import BrokerWatch
from .known_kinds import load_kinds

#: Seconds between two looks at whether a signal came.
_LOOK_SECONDS: Final = 0.2
#: Seconds that interrupted jobs have to stop, besides the time to drain.
_LEAVE_SECONDS: Final = 5.0

_logger: Final = logging.getLogger(__name__)


class Stop:
    """Whether the process was asked to stop; may be called from a signal handler.

    A `threading.Event` may not: `set` takes the lock that `wait`, which the signal
    interrupts, may hold. And a signal that comes just before a thread begins to
    wait does not end the wait, so it must not last.
    """

    def __init__(self) -> None:
        self._asked = False

    def __call__(self, *_: object) -> None:
        """Stop."""
        self._asked = True

    def wait(self) -> None:
        """Return once asked to stop."""
        while not self._asked:
            time.sleep(_LOOK_SECONDS)


def run_worker(settings: Settings) -> int:
    """Run jobs until SIGTERM, SIGINT or SIGHUP; return the exit code.

    Then jobs that run are interrupted and enqueued again, as ``retrying``, and
    what they published is delivered. The exit code is 1 if a job did not stop,
    which a server will report as stalled, or something could not be delivered.

    Raises:
        JobsUnavailable: there is no Redis to take jobs from.
    """
    stop = Stop()
    for number in stop_signals():
        signal.signal(number, stop)
    publisher = open_publisher(settings)
    broker = create_broker(settings, publisher)
    declare_actors(broker, settings, load_kinds().values())
    try:
        with BrokerWatch(broker.client):
            stopped = run_until(stop, broker, threads=settings.job_threads)
    finally:
        delivered = publisher.close()
        broker.client.close()
    return 0 if stopped and delivered else 1


def open_publisher(settings: Settings) -> SyncPublisher:
    """A publisher to the event log that the settings name; it connects when it must.

    Raises:
        JobsUnavailable: they name none.
    """
    if settings.redis_url is None:
        raise JobsUnavailable("no Redis to publish to; set STREAMER_REDIS_URL")
    return SyncPublisher(lambda: open_event_log(settings), max_event_bytes=settings.max_event_bytes)


def run_until(stop: Stop, broker: Broker, *, threads: int) -> bool:
    """Run the broker's jobs in `threads` threads until asked to stop; whether all did."""
    logging.getLogger("dramatiq.worker.WorkerThread").addFilter(_is_about_no_result)
    broker.emit_after("process_boot")
    worker = Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    _logger.info("running jobs in %d threads", threads)
    try:
        stop.wait()
    finally:
        worker.stop(timeout=int(_LEAVE_SECONDS * 1000))
    left = sum(thread.is_alive() for thread in worker.workers)
    if left:
        _logger.error(
            "%d jobs did not stop within %g s; they will be delivered again", left, _LEAVE_SECONDS
        )
    return not left


def _is_about_no_result(record: logging.LogRecord) -> bool:
    # Dramatiq warns of each result that it does not store; ours are in the events.
    return "the value has been discarded" not in record.getMessage()
