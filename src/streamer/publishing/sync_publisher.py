"""The blocking publisher for workers: it buffers, so that a job waits for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import CancelledError
from typing import Any, Final, Self, TypeVar

from ..backoff import Backoff
from ..errors import LogUnavailable
from ..eventlog.base import BatchKey, EventLog
from ..eventlog.open import opens_found_log
from ..events.new_event import MAX_EVENT_BYTES, NewEvent, new_event
from ..events.trace import PARENT
from ..tracing.spans import appending, publishing
from .event_buffer import EventBuffer
from .job_publishing import JobPublishing
from .teller import Teller

T = TypeVar("T")

#: Events held while the log is away: 1,000 seconds of a job at full rate.
MAX_EVENTS: Final = 10_000
#: Bytes held while the log is away; a worker must not grow for want of Redis.
MAX_BYTES: Final = 16 * 1024 * 1024
#: Seconds that `publish` waits for room before it drops something.
BLOCK_SECONDS: Final = 0.1
#: Events and bytes of one append: Redis answers nobody else while it runs.
BATCH_EVENTS: Final = 512
BATCH_BYTES: Final = 1024 * 1024
#: Seconds between attempts to reach the log again: first, and at most.
BACKOFF: Final = Backoff(0.05, 2.0)
#: Seconds that `close` and the interpreter's exit wait for what is buffered.
CLOSE_SECONDS: Final = 5.0

_logger: Final = logging.getLogger(__name__)


class SyncPublisher(JobPublishing[None]):
    """Publishes from any thread; one background thread appends, in order, in batches.

    Nothing that happens to the log reaches the caller: while it is away events
    are buffered (see `EventBuffer` for what goes first when that is full) and then
    delivered in order, each once. A forked child starts with an empty buffer
    and a thread and connection of its own.

    Args:
        open_log: makes the event log; called in the background thread. Without it, it is
            the one that ``STREAMER_…`` in the environment names, or else that of the
            ``streamer run`` that is at work on the data directory.
        max_events: events buffered at most.
        max_bytes: bytes buffered at most.
        block_seconds: longest wait of one `publish`, while the log takes events
            more slowly than they come. While it is away nothing waits, and no event
            loop ever does.
        max_event_bytes: largest SSE frame of one event.
        backoff: seconds to wait before the n-th attempt (from 0) to reach the log again.

    Raises:
        LogUnavailable: without `open_log`: nothing names a log.
        InvalidSetting: without `open_log`: a variable is malformed.
        TypeError: `open_log` is a log, or anything else that cannot be called.
    """

    def __init__(
        self,
        open_log: Callable[[], EventLog] | None = None,
        *,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        block_seconds: float = BLOCK_SECONDS,
        max_event_bytes: int = MAX_EVENT_BYTES,
        backoff: Callable[[int], float] = BACKOFF,
    ) -> None:
        # Said here: in the thread nobody would hear it.
        if open_log is not None and not callable(open_log):
            raise TypeError(
                f"open_log is a function that makes the log, not a {type(open_log).__name__}: "
                "SyncPublisher(lambda: RedisEventLog(url))"
            )
        self._open_log: Final = open_log or opens_found_log()
        self._max_events: Final = max_events
        self._max_bytes: Final = max_bytes
        self._block_seconds: Final = block_seconds
        self._max_event_bytes: Final = max_event_bytes
        self._backoff: Final = backoff
        self._begin()
        _publishers.add(self)

    def _begin(self) -> None:
        # Entered as it is, never through the condition: an interrupt that Dramatiq
        # raises in a thread may strike between a Python `__enter__` and its `with`,
        # and the lock would stay taken for ever.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._buffer = EventBuffer(self._max_events, self._max_bytes)
        self._taken: int | None = None  # number of the first event on its way
        self._name = uuid.uuid4().hex
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._log: EventLog | None = None
        self._wake = asyncio.Event()
        self._ready = threading.Event()
        self._teller: Teller | None = None
        self._idle = False
        self._away = False
        self._drop_told = False
        self._closing = False
        self._abandoned = False
        self.dropped = 0

    def publish(
        self,
        topics: str | Iterable[str],
        event_type: str,
        fields: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        ephemeral: bool = False,
        unless: Iterable[str] = (),
    ) -> None:
        """Hand over an event; returns at once, or after `block_seconds` at most.

        It is not appended if its `idempotency_key`, or one of the keys of `unless`,
        was seen before.

        Raises:
            InvalidInput: what `new_event` refuses.
            EventTooLarge: the body would be over the limit.
        """
        listed = (topics,) if isinstance(topics, str) else tuple(topics)
        is_traced = fields is not None and PARENT in fields
        # It ends when the event is handed over; that of the append is below it.
        with publishing(listed, event_type, is_traced=is_traced) as span:
            event = new_event(
                listed,
                event_type,
                fields,
                idempotency_key=idempotency_key,
                ephemeral=ephemeral,
                unless=unless,
                trace=span.trace,
                max_bytes=self._max_event_bytes,
            )
        with self._lock:
            if self._closing:
                self._count_dropped(1, "the publisher is closed")
                return
            if not self._buffer.has_room_for(event):
                self._wait_for_room(event)
            dropped = self._buffer.add(event)
            if dropped:
                self._count_dropped(dropped, "the buffer is full")
            if self._thread is None:
                self._start()
            elif self._idle:
                self._idle = False
                self._wake_up()

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait until all that was published so far is in the log; whether it is."""
        with self._lock:
            last = self._buffer.next_number
            return self._changed.wait_for(lambda: self._oldest() >= last, timeout)

    @property
    def max_event_bytes(self) -> int:
        """Largest body of one event, in bytes."""
        return self._max_event_bytes

    @property
    def away(self) -> bool:
        """Whether the log could not be reached when it was last tried."""
        return self._away

    def ask(self, question: Callable[[EventLog], Awaitable[T]], timeout: float = 1.0) -> T:
        """Ask the event log something, blocking for `timeout` seconds at most.

        Raises:
            LogUnavailable: it did not answer in time, or the publisher is closed.
        """
        with self._lock:
            if self._closing:
                raise LogUnavailable("the publisher is closed")
            if self._thread is None:
                self._start()
        deadline = time.monotonic() + timeout
        if not self._ready.wait(timeout) or self._loop is None or self._log is None:
            raise LogUnavailable("the publisher's thread is not running")
        log = self._log

        async def answer() -> T:
            return await question(log)

        future = asyncio.run_coroutine_threadsafe(answer(), self._loop)
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, CancelledError) as error:
            raise LogUnavailable(f"the event log did not answer within {timeout} s") from error
        finally:
            future.cancel()

    def teller(self) -> Teller:
        """Who tells the answers that are said here, in the background thread.

        Raises:
            LogUnavailable: the publisher is closed.
        """
        if self._teller is None or self._closing:

            async def make(log: EventLog) -> Teller:
                return Teller(log, asyncio.get_running_loop())

            self._teller = self.ask(make)
        return self._teller

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Deliver what is buffered, then stop; whether all was delivered."""
        with self._lock:
            self._closing = True
            thread = self._thread
            if thread is None:
                return True
            self._wake_up()
            self._changed.wait_for(lambda: not self._held(), timeout)
            lost = self._held()
            if lost:
                self._abandoned = True
                self._count_dropped(lost, "the publisher was closed while the log was away")
                self._wake_up()
        thread.join(1.0)
        return lost == 0

    def __enter__(self) -> Self:
        """Return the publisher itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Deliver what is buffered, then stop."""
        self.close()

    # What follows is called with the lock held.

    def _held(self) -> int:
        return self._buffer.next_number - self._oldest()

    def _oldest(self) -> int:
        return self._buffer.first_number if self._taken is None else self._taken

    def _wait_for_room(self, event: NewEvent) -> None:
        if _is_in_a_loop():
            return  # which has more to do than to wait for this
        self._changed.wait_for(
            lambda: self._away or self._buffer.has_room_for(event), self._block_seconds
        )

    def _count_dropped(self, count: int, why: str) -> None:
        self.dropped += count
        if not self._drop_told:
            self._drop_told = True
            _logger.warning("events are dropped: %s", why)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="streamer-publisher", daemon=True)
        self._thread.start()

    def _wake_up(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._wake.set)

    # What follows runs in the background thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._deliver())
        except Exception:
            _logger.exception("the publisher's thread died; events are dropped from now on")
        finally:
            with self._lock:
                self._closing = True
                self._taken = None
                self._buffer = EventBuffer(self._max_events, self._max_bytes)
                self._changed.notify_all()
            self._ready.set()

    async def _deliver(self) -> None:
        self._log = log = self._open_log()
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        try:
            sequence = 0
            while batch := await self._next_batch():
                sequence += 1
                await self._append(log, batch, BatchKey(self._name, sequence))
                with self._lock:
                    self._taken = None
                    self._changed.notify_all()
        finally:
            await log.close()

    async def _next_batch(self) -> list[NewEvent]:
        while True:
            self._wake.clear()
            with self._lock:
                first = self._buffer.first_number
                batch = self._buffer.take(BATCH_EVENTS, BATCH_BYTES)
                if batch:
                    self._taken = first
                    self._changed.notify_all()
                    return batch
                if self._closing:
                    return []
                self._idle = True
            await self._wake.wait()

    async def _append(self, log: EventLog, batch: list[NewEvent], key: BatchKey) -> None:
        failures = 0
        while not self._abandoned:
            try:
                with appending([event.trace for event in batch]):
                    await log.append_all(batch, key)
            except LogUnavailable as error:
                self._went_away(error)
                await self._pause(self._backoff(failures))
                failures += 1
            except Exception:
                # A batch the log will never take must not hold up all others.
                _logger.exception("a batch of %d events was refused by the log", len(batch))
                with self._lock:
                    self._count_dropped(len(batch), "the log refused them")
                return
            else:
                self._came_back()
                return

    async def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._abandoned and (left := deadline - time.monotonic()) > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    def _went_away(self, error: LogUnavailable) -> None:
        with self._lock:
            if not self._away:
                self._away = True
                self._changed.notify_all()
                _logger.warning("the event log is away, events are buffered: %s", error)

    def _came_back(self) -> None:
        if self._away:
            with self._lock:
                self._away = False
                self._drop_told = False
                _logger.warning("the event log is back; dropped so far: %d", self.dropped)


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_publishers: Final[weakref.WeakSet[SyncPublisher]] = weakref.WeakSet()
#: Event loops inherited over a fork, kept for ever: a loop that is collected
#: takes its descriptors out of the epoll set that it shares with the parent.
_parents_loops: Final[list[asyncio.AbstractEventLoop | None]] = []


def _close_all() -> None:
    for publisher in list(_publishers):
        publisher.close()


def _begin_anew_after_fork() -> None:
    for publisher in list(_publishers):
        _parents_loops.append(publisher._loop)  # noqa: SLF001
        publisher._begin()  # noqa: SLF001


os.register_at_fork(after_in_child=_begin_anew_after_fork)
# Not `atexit`: by then the interpreter has stopped the threads that asyncio
# resolves host names in, and a first connection could no longer be made.
threading._register_atexit(_close_all)  # type: ignore[attr-defined]  # noqa: SLF001
