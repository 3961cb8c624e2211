"""The worker process: runs jobs until it is asked to stop."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import dramatiq
from dramatiq import Broker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO
from dramatiq.worker import Worker

from ..config.settings import Settings
from ..errors import JobsUnavailable
from ..eventlog.open import open_event_log
from ..processes.stop_signals import stop_signals
from ..publishing.sync_publisher import SyncPublisher
from .actors import declare_actors
from .broker import OWN_QUEUES, create_broker
from .broker_watch import BrokerWatch
from .desk import Desk, desk_of
from .install import install
from .job_kind import Marked, marked_kinds
from .known_kinds import load_kinds
from .own_modules import Own, UnusableModule, load_own
from .shared import shared_attempts

#: Seconds between two looks at whether a signal came.
_LOOK_SECONDS: Final = 0.2
#: Seconds that interrupted jobs have to stop, besides the time to drain.
_LEAVE_SECONDS: Final = 5.0

#: Actors that are named when a worker starts, at most.
_NAMED: Final = 12

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

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self._asked

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


def run_own_worker(
    settings: Settings,
    modules: Sequence[str],
    turn: Callable[[Callable[[], bool]], None] = lambda _: None,
) -> int:
    """Run the actors of a user's own modules likewise; return the exit code.

    Those whose module has no broker wait in the Redis of the settings, apart from the
    built-in jobs. `turn` is called once all is loaded, and returns when jobs may be offered and
    taken, or when what it is given says that this process is to stop. Jobs that run when it is
    to stop are interrupted where that loses nothing, and else have `_LEAVE_SECONDS` to end.

    Raises:
        UnusableModule: there is nothing to run, saying why.
        JobsUnavailable: there is no Redis to take jobs from.
    """
    stop = Stop()
    for number in stop_signals():
        signal.signal(number, stop)
    # What the modules report by themselves goes the same way, as ours does: once installed.
    os.environ.update(settings.to_env())
    publisher = shared_attempts(settings.redis_url, settings.prefix).publisher
    default = create_broker(settings, publisher, queues=OWN_QUEUES)
    dramatiq.set_broker(default)
    try:
        own = load_own(modules)
        with contextlib.suppress(ValueError):  # the module did, to a log that it chose itself
            install(own.broker, publisher=publisher)
        _have_loop(own.broker)
        kinds = kinds_to_offer(own.broker)
        _say_what_runs(own, kinds)
        client = own.broker.client if isinstance(own.broker, RedisBroker) else default.client
        stopped = True
        with BrokerWatch(client):
            turn(lambda: stop.asked)
            if not stop.asked:
                with Desk(settings, desk_of(own.modules), kinds, own.broker):
                    stopped = run_until(stop, own.broker, threads=settings.job_threads)
    finally:
        delivered = publisher.close()
        default.client.close()
    return 0 if stopped and delivered else 1


def kinds_to_offer(broker: Broker) -> list[Marked]:
    """The actors of `broker` that are marked.

    Raises:
        UnusableModule: one is called as a job of ours is.
    """
    kinds = [
        each for each in marked_kinds() if broker.actors.get(each.actor.actor_name) is each.actor
    ]
    taken = load_kinds()
    for each in kinds:
        if each.kind in taken:
            raise UnusableModule(
                f"the kind of job {each.kind!r} is built in; give yours another name, as in "
                f'@streamer.job_kind("my-{each.kind}")'
            )
    return kinds


def _say_what_runs(own: Own, kinds: Sequence[Marked]) -> None:
    _logger.info(
        "actors of %s: %s; started over HTTP: %s",
        ", ".join(own.modules),
        _named(own.broker.actors),
        _named(each.kind for each in kinds) or "none, for none is a @streamer.job_kind",
    )


def _named(names: Iterable[str]) -> str:
    first = sorted(names)
    more = f" and {len(first) - _NAMED} more" if len(first) > _NAMED else ""
    return ", ".join(first[:_NAMED]) + more


def _have_loop(broker: Broker) -> None:
    """Give async actors the loop that they run in, which a broker has not by itself."""
    is_async = any(
        inspect.iscoroutinefunction(inspect.unwrap(actor.fn)) for actor in broker.actors.values()
    )
    if is_async and not any(isinstance(each, AsyncIO) for each in broker.middleware):
        broker.add_middleware(AsyncIO())


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
