"""The progress of the job that is running here: ``streamer.progress()``."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from operator import length_hint
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from dramatiq.middleware import Shutdown, SkipMessage

from ..errors import StreamerError
from ..events.new_event import MAX_EVENT_BYTES
from .publishable import NO_METADATA, Checker

T = TypeVar("T")

#: Seconds between two updates that are sent, whatever they say: 10 a second.
INTERVAL: Final = 0.1

_logger: Final = logging.getLogger(__name__)

#: What a job's updates are handed to: progress, message, metadata.
Send = Callable[[float, str | None, Mapping[str, Any]], None]


class JobCancelled(SkipMessage):
    """The job was cancelled; let it through, so that it is neither retried nor failed."""


class _State(NamedTuple):
    """What an update says in full; the metadata as JSON, so that it is as it was then."""

    fraction: float
    message: str | None
    metadata: bytes


class _Step(NamedTuple):
    """The part of `owner` that one item of a `track` stands for."""

    owner: Progress
    start: float
    width: float


class Progress:
    """How far one attempt of one job is; safe to use from several threads.

    An update is sent at once if it is the first, if it reaches 1.0, or if nothing
    was sent for 0.1 seconds. Any other update is held, and sent soon unless a
    newer one replaces it: the last one always is. One that says nothing new is not
    sent. What is sent never goes back: a lower fraction is raised to the last.

    Reporting never fails a job. What cannot be published is logged, once of each
    kind, and what is left of the update is sent.

    Args:
        send: takes what is to be published.
        job_id: of the job that it is the progress of; None outside of one.
        max_bytes: largest body of one event.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        send: Send,
        *,
        job_id: str | None = None,
        max_bytes: int = MAX_EVENT_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id: Final = job_id
        self._send: Final = send
        self._checker: Final = Checker(max_bytes)
        self._clock: Final = clock
        self._lock = threading.Lock()
        self._cancelled: Final = threading.Event()
        self._interrupted: Final = threading.Event()
        self._fraction = 0.0
        self._message: str | None = None
        self._metadata = NO_METADATA
        self._touched = False
        self._sent: _State | None = None
        self._sent_at = -math.inf
        self._silent = False
        self._warned: set[str] = set()
        _all.add(self)

    @property
    def fraction(self) -> float:
        """The highest fraction so far, 0.0 to 1.0."""
        return self._fraction

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the job to be cancelled."""
        return self._cancelled.is_set()

    def update(self, fraction: float, message: str | None = None, **metadata: object) -> None:
        """Report how far the job is, from 0.0 to 1.0.

        Where the job itself calls this, it stops here if it was cancelled.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled.
        """
        self._stop_if_cancelled()
        number, wrong_fraction = self._checker.fraction(fraction)
        text, wrong_message = self._checker.message(message)
        line, wrong_metadata = self._checker.metadata(metadata, text)
        if wrong_fraction or wrong_message or wrong_metadata:
            self._warn("fraction", wrong_fraction)
            self._warn("message", wrong_message)
            self._warn("metadata", wrong_metadata)
        with self._lock:
            if self._silent:
                return
            if number is not None:
                self._fraction = max(self._fraction, number)
            if text is not None:
                self._message = text
            self._metadata = line
            self._touched = True
            reaches_the_end = self._fraction == 1.0 and (
                self._sent is None or self._sent.fraction < 1.0
            )
            if reaches_the_end or self._clock() - self._sent_at >= INTERVAL:
                self._send_news()

    def track(
        self, iterable: Iterable[T], total: int | None = None, message: str | None = None
    ) -> Iterator[T]:
        """Yield each item, and report after each how many of `total` are done.

        Without `total` the iterable's own length is used; if it has none, only
        the start and the end are reported. A `track` in the body of another one
        reports within the step of the item that the other one is at.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled; looked at
                before each item.
        """
        count = self._length_of(iterable, total)
        around = _step.get()
        outer = _Step(self, 0.0, 1.0) if around is None or around.owner is not self else around
        self.update(outer.start, message)
        try:
            for done, item in enumerate(iterable):
                self._stop_if_cancelled()
                _step.set(self._part(outer, done, count))
                yield item
                _step.set(around)
                if count:
                    self.update(self._part(outer, done + 1, count).start, message)
            self.update(outer.start + outer.width, message)
        finally:
            _step.set(around)

    def raise_if_cancelled(self) -> None:
        """Call this often in a long job.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled.
            Shutdown: the worker is stopping; the job will be tried again.
        """
        if self._cancelled.is_set():
            raise JobCancelled("the job was cancelled")
        if self._interrupted.is_set():
            raise Shutdown("the worker was stopped")

    def send_held(self) -> None:
        """Send the update that was held back, if there is one; never raises."""
        with self._lock:
            if not self._silent:
                self._send_news()

    def cancel(self) -> None:
        """Have `update`, `track` and `raise_if_cancelled` raise."""
        self._cancelled.set()

    def interrupt(self) -> None:
        """Have `raise_if_cancelled` raise, for the job to be tried again elsewhere."""
        self._interrupted.set()

    def silence(self) -> None:
        """Send nothing from now on: the attempt is over."""
        with self._lock:
            self._silent = True

    def begin_anew_after_fork(self) -> None:
        """Replace the lock that another thread may have held when this process was forked."""
        self._lock = threading.Lock()

    def _stop_if_cancelled(self) -> None:
        # Only in the job itself: a thread that reads a pipe for it must not be what
        # stops. And not once more in what the job does about being cancelled.
        if (
            self._cancelled.is_set()
            and _current.get() is self
            and not isinstance(sys.exc_info()[1], JobCancelled)
        ):
            raise JobCancelled("the job was cancelled")

    def _part(self, outer: _Step, done: int, count: float) -> _Step:
        if not count:  # nobody knows how many parts there are: it stays where it is
            return outer._replace(width=0.0)
        begin, end = min(done / count, 1.0), min((done + 1) / count, 1.0)
        width = outer.width * (end - begin)
        return _Step(self, min(outer.start + outer.width * begin, 1.0), width)

    def _length_of(self, iterable: object, total: object) -> float:
        if total is not None:
            if isinstance(total, int | float) and 0 < total < math.inf:
                return total
            self._warn("total", f"total is {total!r:.80}; it must be a number above 0")
            return 0
        try:
            return length_hint(iterable)
        except Exception as error:  # noqa: BLE001 - of a foreign type; it is reported
            self._warn("total", f"the length of what is tracked cannot be read: {error!r:.80}")
            return 0

    def _warn(self, part: str, problem: str | None) -> None:
        if problem is not None and part not in self._warned:
            self._warned.add(part)
            job = "a job" if self.job_id is None else f"job {self.job_id}"
            _logger.warning("an update of %s is not sent as it is: %s", job, problem)

    def _send_news(self) -> None:
        state = _State(self._fraction, self._message, self._metadata)
        if not self._touched or state == self._sent:
            return
        self._sent, self._sent_at = state, self._clock()
        metadata = msgspec.json.decode(state.metadata)
        try:
            self._send(state.fraction, state.message, metadata)
        except StreamerError as error:
            self._warn("update", str(error))
        except Exception:
            _logger.exception("an update of job %s could not be sent", self.job_id)


_all: Final[weakref.WeakSet[Progress]] = weakref.WeakSet()
_current: Final[ContextVar[Progress | None]] = ContextVar("streamer_progress", default=None)
_step: Final[ContextVar[_Step | None]] = ContextVar("streamer_step", default=None)


def progress() -> Progress:
    """The progress of the job running here; outside of a job one that publishes nothing.

    An asynchronous actor has its own. A thread that an actor starts does not:
    hand the object over.
    """
    current = _current.get()
    return current if current is not None else Progress(lambda *_: None)


def track(
    iterable: Iterable[T], total: int | None = None, message: str | None = None
) -> Iterator[T]:
    """Do ``progress().track(…)``."""
    return progress().track(iterable, total, message)


def set_progress(current: Progress | None) -> None:
    """Make `current` what `progress` returns in this thread or task."""
    _current.set(current)
    _step.set(None)


def _begin_anew_after_fork() -> None:
    for each in list(_all):
        each.begin_anew_after_fork()
    # Nobody else sends here what is held: the thread that does is the parent's.
    # Before the publisher closes, for these are called last to first.
    threading._register_atexit(_send_all_held)  # type: ignore[attr-defined]  # noqa: SLF001


def _send_all_held() -> None:
    for each in list(_all):
        each.send_held()


os.register_at_fork(after_in_child=_begin_anew_after_fork)
