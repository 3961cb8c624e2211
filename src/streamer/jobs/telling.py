"""When what a job tells is sent: nine times a second at most, the newest of each kind."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ..errors import StreamerError
from .place import CURRENT
from .publishable import Checker
from .stops import Raised, Stop
from .told import Checkpoint, Line, Lines, Partial, Told, Update

#: Seconds between two events that are sent, whatever they say: nine in any second, so
#: that with the end, which waits for nothing, they are ten at most.
INTERVAL: Final = 0.12
#: Seconds until it is looked again whether there is anything new.
_NOTHING_NEW: Final = 0.01
#: Lines of a job's log that wait to be sent; those before them are left out, and counted.
MAX_LINES: Final = 500

_logger: Final = logging.getLogger(__name__)

#: What is told is handed to; it may raise, which fails no job.
Send = Callable[[Told], None]


class Telling:
    """What one attempt of one job tells, from any thread, until it is silent.

    Those who tell look at `due` themselves and call `pulse` only then, so that an update
    between two events costs no more than to note it. Nobody waits for whoever is sending.

    Attributes:
        lock: of the state that is told of; held for a moment, and never while sending.
        due: by `clock`, when the next event may be sent.
        touched: there is something to say of how far the job is.
        floor: how far it was told to be, since a total was raised.
        is_stopping: the job was cancelled: whoever tells, stops.
        open: tasks that events list.
        describe: says how far the job is, at that moment.
        fraction: says how far, in a number.
    """

    def __init__(
        self,
        send: Send,
        job_id: str | None,
        max_bytes: int,
        raised: Raised,
        clock: Callable[[], float],
    ) -> None:
        self.lock = threading.RLock()
        self.clock: Final = clock
        self.due = -math.inf
        self.touched = False
        self.floor = 0.0
        self.is_stopping = False
        self.open: dict[Any, None] = {}
        self.describe: Callable[[float], Update]
        self.fraction: Callable[[], float]
        self.checker: Final = Checker(max_bytes)
        self.stop: Final = Stop(raised)
        self._send = send
        self._job: Final = "a job" if job_id is None else f"job {job_id}"
        self._sending = threading.Lock()
        self._is_silent = False
        self._is_handed_on = False
        self._is_end_told = False
        self._news: tuple[object, ...] | None = None
        self._lines: deque[tuple[int, Line]] = deque()
        self._line_bytes = 0
        self._left_out = 0
        self._partial: msgspec.Raw | None = None
        self._checkpoint: msgspec.Raw | None = None
        self._warned: set[str] = set()

    def stop_if_cancelled(self) -> None:
        """Stop the job, where it is itself what calls this.

        A thread that reads a pipe for it must not be what stops.
        """
        current = CURRENT.get()
        if self._is_handed_on or (current is not None and current.telling is self):
            self.stop.raise_cancelled()

    def pulse(self, *, at_end: bool = False) -> None:
        """Send what is new, if it is time; `at_end`: or if the job has come to its end."""
        if self._sending.locked():
            return  # what is new is sent by whoever is at it, or soon
        with self._sending:
            if self._is_silent or self._is_handed_on:
                return
            due = self.clock() >= self.due
            if due or (at_end and not self._is_end_told and self.fraction() == 1.0):
                self._send_news()

    def send_held(self) -> None:
        """Send all that is new, if anything is; never raises."""
        with self._sending:
            if not self._is_silent:
                self._send_news()

    def silence(self) -> None:
        """Send nothing from now on: the attempt is over."""
        with self._sending:
            self._is_silent = True
        self.due = math.inf

    def hand_on(self, send: Send) -> None:
        """Have another process send all of it, which `send` tells; here nobody waits for that."""
        self._send = send
        self._is_handed_on = True
        self.due = math.inf
        self._news = None
        self.touched = False
        self.floor = 0.0
        self.open = {}

    def begin_anew_after_fork(self) -> None:
        """Replace the locks that other threads may have held when this process was forked."""
        self.lock = threading.RLock()
        self._sending = threading.Lock()

    def warn(self, part: str, problem: str | None) -> None:
        """Log what cannot be told, once of each part."""
        if problem is not None and part not in self._warned:
            self._warned.add(part)
            _logger.warning("an update of %s is not sent as it is: %s", self._job, problem)

    def add_line(self, size: int, line: Line, *, left_out: int = 0) -> None:
        """Tell a line of `size` bytes; the oldest are left out that find no room."""
        with self.lock:
            self._lines.append((size, line))
            self._line_bytes += size
            self._left_out += left_out
            while len(self._lines) > MAX_LINES or self._line_bytes > self.checker.room:
                self._line_bytes -= self._lines.popleft()[0]
                self._left_out += 1

    def set_partial(self, result: msgspec.Raw) -> None:
        """Tell what the job has come to so far."""
        with self.lock:
            self._partial = result

    def set_checkpoint(self, value: msgspec.Raw) -> None:
        """Keep where the next attempt goes on from."""
        with self.lock:
            self._checkpoint = value

    def take_checkpoint(self) -> msgspec.Raw | None:
        """What is to be kept, once."""
        with self.lock:
            value, self._checkpoint = self._checkpoint, None
            return value

    def give_back(self, value: msgspec.Raw) -> None:
        """Keep it later, unless there is a newer one: the log is away."""
        with self.lock:
            if self._checkpoint is None:
                self._checkpoint = value

    def _send_news(self) -> None:
        news = self._take_news()
        if not self._is_handed_on:
            pause = INTERVAL * len(news) if news else _NOTHING_NEW
            self.due = self.clock() + pause
        for told in news:
            try:
                self._send(told)
            except StreamerError as error:
                self.warn(type(told).__name__, str(error))
            except Exception:
                _logger.exception("an update of %s could not be sent", self._job)

    def _take_news(self) -> list[Told]:
        news: list[Told] = []
        with self.lock:
            if self._lines or self._left_out:
                lines = tuple(line for _, line in self._lines)
                news.append(Lines(lines, self._left_out))
                self._lines.clear()
                self._line_bytes = self._left_out = 0
            if self._partial is not None:
                news.append(Partial(self._partial))
                self._partial = None
        if self._is_handed_on and (value := self.take_checkpoint()) is not None:
            news.append(Checkpoint(value))
        if self.touched:
            self.touched = False
            update = self.describe(self.clock())
            self._is_end_told = self._is_end_told or update.fraction == 1.0
            if update.news != self._news:
                self._news = update.news
                news.append(update)
        return news
