"""Tells the answers of a process: what all of them said in 40 ms is appended at once."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from ..backoff import Backoff
from ..errors import LogUnavailable
from ..eventlog.base import BatchKey, EventLog
from ..events.new_event import NewEvent
from .said import AT_ONCE, CHUNK_SECONDS, Said

#: Events of one append: Redis answers nobody else while it runs.
MAX_BATCH: Final = 256
#: Seconds between attempts to reach the log again: first, and at most.
BACKOFF: Final = Backoff(0.05, 2.0)

_logger: Final = logging.getLogger(__name__)


class Teller:
    """Appends what answers say, in order, each piece once, from one event loop.

    While the log is away what is said is joined, and told when it is back: an answer has one
    batch on its way at a time. Nobody who speaks waits.
    """

    def __init__(
        self,
        log: EventLog,
        loop: asyncio.AbstractEventLoop,
        backoff: Callable[[int], float] = BACKOFF,
    ) -> None:
        self.loop: Final = loop
        self._log: Final = log
        self._backoff: Final = backoff
        self._lock: Final = threading.Lock()
        self._speaking: dict[Said, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_awake = False
        self._name: Final = uuid.uuid4().hex
        self._sequence = 0

    def tell(self, said: Said) -> None:
        """Tell what there is of `said`, soon; from any thread.

        Raises:
            RuntimeError: the event loop is closed.
        """
        with self._lock:
            self._speaking[said] = None
            if self._is_awake:
                return
            self._is_awake = True
        try:
            self.loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            self._is_awake = False
            raise

    def _wake(self) -> None:
        self._task = self.loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._goes_on():
                began = self.loop.time()
                while (batch := self._take(began))[0]:
                    await self._append(*batch)
                pause = began + CHUNK_SECONDS - self.loop.time()
                await asyncio.sleep(max(0.0, pause))
        finally:
            # Cancelled with its loop: whoever waits for an end is not left waiting.
            with self._lock:
                self._is_awake = False
                left = list(self._speaking)
            for said in left:
                said.give_up()

    def _goes_on(self) -> bool:
        """Whether any answer has more to be told; those that have not are let go."""
        with self._lock:
            for said in [said for said in self._speaking if not said.has_more]:
                del self._speaking[said]
            self._is_awake = bool(self._speaking)
            return self._is_awake

    def _take(self, now: float) -> tuple[list[NewEvent], list[Future[None]]]:
        """What is to be appended now, and who waits for that."""
        with self._lock:
            speaking = list(self._speaking)
        events: list[NewEvent] = []
        waiting: list[Future[None]] = []
        for said in speaking:
            if len(events) + AT_ONCE + 1 > MAX_BATCH:
                break
            if said.due_at(now):
                taken, done = said.take(now)
                events += taken
                waiting += [] if done is None else [done]
        return events, waiting

    async def _append(self, events: list[NewEvent], waiting: list[Future[None]]) -> None:
        self._sequence += 1
        key = BatchKey(self._name, self._sequence)
        failures = 0
        try:
            while True:
                try:
                    await self._log.append_all(events, key)
                    break
                except LogUnavailable as error:
                    if failures == 0:
                        _logger.warning("the event log is away, answers wait: %s", error)
                    await asyncio.sleep(self._backoff(failures))
                    failures += 1
        except BaseException as error:
            for done in waiting:
                if not done.done():
                    done.set_exception(_refused(error))
            if not isinstance(error, Exception):
                raise
            _logger.exception("a batch of %d events of answers was refused", len(events))
            return
        for done in waiting:
            if not done.done():
                done.set_result(None)


def _refused(error: BaseException) -> LogUnavailable:
    problem = LogUnavailable(f"the event log did not take the answer: {error!r}")
    problem.__cause__ = error
    return problem
