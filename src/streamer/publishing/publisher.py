"""The asynchronous publisher: what happens at the same time is appended at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final

from ..eventlog.base import EventLog
from ..events.cursor import Cursor
from ..events.new_event import MAX_EVENT_BYTES, NewEvent, new_event
from ..metrics import SILENT, Metrics
from .job_publishing import JobPublishing

#: Events in one append. Redis answers nobody else while it runs the script.
MAX_BATCH: Final = 256


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
        self._max_event_bytes: Final = max_event_bytes
        self._waiting: list[tuple[NewEvent, asyncio.Future[Cursor | None]]] = []
        self._appending: asyncio.Task[None] | None = None

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
        event = new_event(
            topics,
            event_type,
            fields,
            idempotency_key=idempotency_key,
            ephemeral=ephemeral,
            unless=unless,
            max_bytes=self._max_event_bytes,
        )
        return await self.append(event)

    async def append(self, event: NewEvent) -> Cursor | None:
        """Append an event that is made already; return its id (None if ephemeral).

        Raises:
            LogUnavailable: it is unknown whether the event was stored; with an
                idempotency key, retrying is safe.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Cursor | None] = loop.create_future()
        self._waiting.append((event, answer))
        if self._appending is None:
            self._appending = loop.create_task(self._append_waiting())
        return await answer

    async def _append_waiting(self) -> None:
        batch: list[tuple[NewEvent, asyncio.Future[Cursor | None]]] = []
        try:
            while self._waiting:
                batch = self._waiting[:MAX_BATCH]
                del self._waiting[:MAX_BATCH]
                await self._append(batch)
        finally:
            # Cancelled, or a defect in the log: nobody may wait for ever.
            self._appending = None
            for _, answer in batch + self._waiting:
                answer.cancel()
            self._waiting.clear()

    async def _append(self, batch: list[tuple[NewEvent, asyncio.Future[Cursor | None]]]) -> None:
        try:
            ids = await self._log.append_all([event for event, _ in batch])
        except Exception as error:  # noqa: BLE001 - raised in each publisher
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        self._metrics.published(len(batch))
        for (_, answer), id_ in zip(batch, ids, strict=True):
            if not answer.done():  # a publisher that was cancelled does not wait
                answer.set_result(id_)
