"""The asynchronous publisher: what happens at the same time is appended at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, Protocol

from ..errors import BatchTooLarge, LogUnavailable, StreamerError
from ..eventlog.base import BatchKey, EventLog
from ..events.cursor import Cursor
from ..events.new_event import MAX_EVENT_BYTES, NewEvent, check_key, new_event
from ..events.trace import PARENT
from ..metrics import SILENT, Metrics
from ..tracing.spans import appending, publishing
from .job_publishing import JobPublishing
from .teller import Teller

#: Events in one append. Redis answers nobody else while it runs the script.
MAX_BATCH: Final = 256


class Waiting(Protocol):
    """Who waits for the id of an event that is on its way: a future, or what is one to us.

    None of its methods raises.
    """

    def done(self) -> bool:
        """Whether it waits no longer."""
        ...

    def set_result(self, id_: Cursor | None, /) -> None:
        """The event was appended."""

    def set_exception(self, error: Exception, /) -> None:
        """It is unknown whether it was."""

    def cancel(self) -> object:
        """Nobody will know."""


class Publisher(JobPublishing[Coroutine[Any, Any, Cursor | None]]):
    """Publishes to an event log from one event loop.

    Publishes of the same loop turn, and those that come while an append is on
    its way, share one append, in the order in which they came.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        max_event_bytes: int = MAX_EVENT_BYTES,
        metrics: Metrics = SILENT,
    ) -> None:
        self._log: Final = log
        self._metrics: Final = metrics
        self.max_event_bytes: Final = max_event_bytes
        self._waiting: list[tuple[NewEvent, Waiting]] = []
        self._since = 0.0  # when the first of those that wait came, or sooner
        self._appending: asyncio.Task[None] | None = None
        self._teller: Teller | None = None

    async def publish(
        self,
        topics: str | Iterable[str],
        event_type: str,
        fields: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        ephemeral: bool = False,
        unless: Iterable[str] = (),
    ) -> Cursor | None:
        """Append an event to one topic or several; return its id (None if ephemeral).

        It is not appended if its `idempotency_key`, or one of the keys of `unless`,
        was seen before: the id is that of the event which had it.

        Raises:
            InvalidInput: what `new_event` refuses.
            EventTooLarge: the body would be over the limit.
            LogUnavailable: it is unknown whether the event was stored; with an
                idempotency key, retrying is safe.
        """
        listed = (topics,) if isinstance(topics, str) else tuple(topics)
        is_traced = fields is not None and PARENT in fields
        with publishing(listed, event_type, is_traced=is_traced) as span:
            event = new_event(
                listed,
                event_type,
                fields,
                idempotency_key=idempotency_key,
                ephemeral=ephemeral,
                unless=unless,
                trace=span.trace,
                max_bytes=self.max_event_bytes,
            )
            id_ = await self.append(event)
            span.took(id_)
            return id_

    def teller(self) -> Teller:
        """Who tells the answers that are said here, on the running event loop."""
        loop = asyncio.get_running_loop()
        if self._teller is None or self._teller.loop is not loop:
            self._teller = Teller(self._log, loop)
        return self._teller

    async def append(self, event: NewEvent) -> Cursor | None:
        """Append an event that is made already; return its id (None if ephemeral).

        Raises:
            LogUnavailable: it is unknown whether the event was stored; with an
                idempotency key, retrying is safe.
        """
        answer: asyncio.Future[Cursor | None] = asyncio.get_running_loop().create_future()
        self.begin(event, answer)
        return await answer

    def begin(self, event: NewEvent, answer: Waiting) -> None:
        """Append an event that is made already, and report to `answer` as `append` would."""
        if not self._waiting:
            self._since = monotonic()
        self._waiting.append((event, answer))
        if self._appending is None:
            self._appending = asyncio.get_running_loop().create_task(self._append_waiting())

    def make(
        self,
        topics: str | Iterable[str],
        event_type: str,
        fields: Mapping[str, Any] | None = None,
        *,
        ephemeral: bool = False,
    ) -> NewEvent:
        """Check an event that `append_all` is to take; raises what `publish` raises."""
        listed = (topics,) if isinstance(topics, str) else tuple(topics)
        is_traced = fields is not None and PARENT in fields
        with publishing(listed, event_type, is_traced=is_traced) as span:
            return new_event(
                listed,
                event_type,
                fields,
                ephemeral=ephemeral,
                trace=span.trace,
                max_bytes=self.max_event_bytes,
            )

    async def publish_many(
        self,
        events: Iterable[tuple[str | Iterable[str], str, Mapping[str, Any] | None]],
        *,
        idempotency_key: str | None = None,
        ephemeral: bool = False,
    ) -> list[Cursor | None]:
        """Append several events at once, all of them or none; return their ids in order.

        Each is its topic or topics, its type and its fields. There may be `MAX_BATCH` of them.
        Within an hour, nothing is appended if a batch of the same `idempotency_key` was: the
        ids are those of its events.

        Raises:
            InvalidInput, EventTooLarge: of the first event that `publish` would refuse, its
                number, from 1, is the ``line`` of the error.
            BatchTooLarge: there are too many.
            LogUnavailable: it is unknown whether they were stored; with an idempotency key,
                retrying is safe.
        """
        made = []
        for number, (topics, event_type, fields) in enumerate(events, start=1):
            if number > MAX_BATCH:
                raise BatchTooLarge(f"at most {MAX_BATCH} events are published at once")
            try:
                made.append(self.make(topics, event_type, fields, ephemeral=ephemeral))
            except StreamerError as error:
                error.at_line(number)
                raise
        return await self.append_all(made, batch_key(idempotency_key))

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        """Append events that are made already, in one append: all of them, or none.

        Returns their ids, in order.

        Raises:
            LogUnavailable: as of `append`; where there is a `batch`, retrying is safe.
        """
        if not events:
            return []
        began = monotonic()
        try:
            with appending([event.trace for event in events]):
                ids = await self._log.append_all(events, batch)
        except Exception:
            self._metrics.append_failed(len(events))
            raise
        took = monotonic() - began
        self._metrics.published(len(events), took, took)
        return ids

    async def _append_waiting(self) -> None:
        batch: list[tuple[NewEvent, Waiting]] = []
        try:
            while self._waiting:
                batch = self._waiting[:MAX_BATCH]
                del self._waiting[:MAX_BATCH]
                await self._append(batch, self._since)
        finally:
            # Cancelled, or a defect in the log: nobody may wait for ever.
            self._appending = None
            for _, answer in batch + self._waiting:
                answer.cancel()
            self._waiting.clear()

    async def _append(self, batch: list[tuple[NewEvent, Waiting]], since: float) -> None:
        began = monotonic()
        events = [event for event, _ in batch]
        try:
            with appending([event.trace for event in events]):
                ids = await self._log.append_all(events)
        except Exception as error:  # noqa: BLE001 - raised in each publisher
            if len(batch) > 1 and isinstance(error, LogUnavailable) and error.is_of_some:
                # They have nothing in common but the moment in which they came.
                half = len(batch) // 2
                await self._append(batch[:half], since)
                await self._append(batch[half:], since)
                return
            self._metrics.append_failed(len(batch))
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        now = monotonic()
        self._metrics.published(len(batch), now - since, now - began)
        for (_, answer), id_ in zip(batch, ids, strict=True):
            if not answer.done():  # a publisher that was cancelled does not wait
                answer.set_result(id_)


def batch_key(idempotency_key: str | None) -> BatchKey | None:
    """The batch that a key of somebody's names; each is a batch of a publisher of its own.

    Raises:
        InvalidParameter: the key is empty or too long.
    """
    if idempotency_key is None:
        return None
    check_key(idempotency_key)
    digest = hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
    return BatchKey(f"key {digest[:40]}", 1)
