"""The progress of the job that is running here: ``streamer.progress()``."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from operator import length_hint
from typing import Any, Final, NamedTuple, TypeVar

from dramatiq.middleware import Shutdown, SkipMessage

from ..errors import InvalidFields, StreamerError

T = TypeVar("T")

#: Seconds between two updates that say nothing new but a number: 10 a second.
INTERVAL: Final = 0.1

_logger: Final = logging.getLogger(__name__)

#: What a job's updates are handed to: progress, message, metadata.
Send = Callable[[float, str | None, Mapping[str, Any]], None]


class JobCancelled(SkipMessage):
    """The job was cancelled; let it through, so that it is neither retried nor failed."""


class _State(NamedTuple):
    """What an update says, all told."""

    fraction: float
    message: str | None
    metadata: Mapping[str, Any]


class Progress:
    """How far one attempt of one job is; safe to use from several threads.

    An update is sent at once if it is the first, if it reaches 1.0, if its
    message is another than the last one sent, or if nothing was sent for 0.1
    seconds. Any other update is held, and sent soon unless a newer one replaces
    it. One that says nothing new is not sent. What is sent never goes back: a
    lower fraction is raised to the last.

    Args:
        send: takes what is to be published.
        job_id: of the job that it is the progress of; None outside of one.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        send: Send,
        *,
        job_id: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id: Final = job_id
        self._send: Final = send
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._cancelled: Final = threading.Event()
        self._interrupted: Final = threading.Event()
        self._fraction = 0.0
        self._message: str | None = None
        self._metadata: Mapping[str, Any] = {}
        self._touched = False
        self._sent: _State | None = None
        self._sent_at = -math.inf
        self._silent = False

    @property
    def fraction(self) -> float:
        """The highest fraction so far, 0.0 to 1.0."""
        return self._fraction

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the job to be cancelled."""
        return self._cancelled.is_set()

    def update(self, fraction: float, message: str | None = None, **metadata: object) -> None:
        """Tell how far the job is, from 0.0 to 1.0.

        Raises:
            InvalidFields: `fraction` is out of range, or no number.
        """
        # Written so that NaN, which compares false with everything, is refused.
        if not isinstance(fraction, (int, float)) or not 0.0 <= fraction <= 1.0:
            raise InvalidFields(f"progress is {fraction!r}; it must be a number from 0.0 to 1.0")
        with self._lock:
            if self._silent:
                return
            self._fraction = max(self._fraction, float(fraction))
            if message is not None:
                self._message = message
            self._metadata = metadata
            self._touched = True
            before, now = self._sent, self._state()
            if (
                before is None
                or (now.fraction == 1.0 and before.fraction < 1.0)
                or now.message != before.message
                or self._clock() - self._sent_at >= INTERVAL
            ):
                self._send_news()

    def track(
        self, iterable: Iterable[T], total: int | None = None, message: str | None = None
    ) -> Iterator[T]:
        """Yield each item, and tell after each how many of `total` are done.

        Without `total` the iterable's own length is used; if it has none, only
        the start and the end are told.
        """
        count = total if total is not None else length_hint(iterable)
        self.update(0.0, message)
        for done, item in enumerate(iterable, start=1):
            yield item
            if count:
                self.update(min(done / count, 1.0), message)
        self.update(1.0, message)

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
            if self._silent:
                return
            try:
                self._send_news()
            except StreamerError as error:
                # Whoever gave it metadata that JSON cannot say is not here to be told.
                _logger.warning("an update of job %s is not told: %s", self.job_id, error)

    def cancel(self) -> None:
        """Have `raise_if_cancelled` raise."""
        self._cancelled.set()

    def interrupt(self) -> None:
        """Have `raise_if_cancelled` raise, for the job to be tried again elsewhere."""
        self._interrupted.set()

    def silence(self) -> None:
        """Send nothing from now on: the attempt is over."""
        with self._lock:
            self._silent = True

    def _state(self) -> _State:
        return _State(self._fraction, self._message, self._metadata)

    def _send_news(self) -> None:
        state = self._state()
        if self._touched and state != self._sent:
            self._sent, self._sent_at = state, self._clock()
            self._send(*state)


_current: Final[ContextVar[Progress | None]] = ContextVar("streamer_progress", default=None)


def progress() -> Progress:
    """The progress of the job running here; outside of a job one that tells nobody.

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
