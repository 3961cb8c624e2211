"""Publishers that note what became of every event: stored, unknown, or refused."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Final, Self

import httpx

from streamer.events.cursor import Cursor
from streamer.publishing.sync_publisher import SyncPublisher

from .waiting import DEADLINE

#: Events a second of one publisher.
RATE: Final = 40.0
#: Seconds that an answer may take.
_TIMEOUT: Final = 8.0


class FaultPublisher(ABC):
    """Publishes numbered events, without an end, to one topic unless `topics_of` says more.

    Attributes:
        name: stands in every event, beside its number.
        stored: the id of each event that was acknowledged; None where the
            acknowledgement carries none.
        unknown: numbers of events that may or may not be in the log.
        refusals: what a refused or lost request was answered.
    """

    def __init__(self, topic: str, *, rate: float = RATE) -> None:
        self.topic: Final = topic
        self.name: Final = secrets.token_hex(4)
        self.stored: dict[int, Cursor | None] = {}
        self.unknown: set[int] = set()
        self.refusals: list[str] = []
        self.next = 0
        self._pause: Final = 1 / rate
        self._stopping: Final = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def is_well(self) -> bool:
        """Return True, or raise what this publisher was answered against the rules."""
        if self._task is not None and self._task.done():
            self._task.result()
        return True

    async def finish(self) -> None:
        """Publish nothing new, and return when the fate of all is known as far as it can be."""
        self._stopping.set()
        assert self._task is not None
        await asyncio.wait_for(self._task, DEADLINE)

    def __str__(self) -> str:
        return (
            f"{type(self).__name__} of {self.topic}: {self.next} published, {len(self.stored)} "
            f"stored, {len(self.unknown)} unknown, refused {self.refusals[-3:]}"
        )

    async def _run(self) -> None:
        while not self._stopping.is_set():
            number, self.next = self.next, self.next + 1
            await self._publish(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._pause)

    def topics_of(self, number: int) -> tuple[str, ...]:
        """Where the event `number` is published to."""
        return (self.topic,)

    def stored_in(self, topic: str) -> dict[int, Cursor | None]:
        """What is acknowledged of `topic`."""
        return {n: id_ for n, id_ in self.stored.items() if topic in self.topics_of(n)}

    def sent_to(self, topic: str) -> set[tuple[str, int]]:
        """Every event that was ever published to `topic`, whatever became of it."""
        return {(self.name, n) for n in range(self.next) if topic in self.topics_of(n)}

    def _fields(self, number: int) -> dict[str, Any]:
        return {"by": self.name, "n": number}

    @abstractmethod
    async def _publish(self, number: int) -> None:
        """Publish the event `number`, and note what became of it."""


class HttpPublisher(FaultPublisher):
    """Publishes over HTTP; with `keyed`, repeats each event until it is acknowledged."""

    def __init__(self, url: str, topic: str, *, keyed: bool, rate: float = RATE) -> None:
        super().__init__(topic, rate=rate)
        self._keyed: Final = keyed
        self._client: Final = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, trust_env=False)
        #: Whether answers of a proxy in between count as refusals too.
        self.proxied = False

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await super().__aexit__(error_type, error, traceback)
        await self._client.aclose()

    async def _publish(self, number: int) -> None:
        key = f"{self.name}-{number}"
        while True:
            answer = await self._post(number, {"Idempotency-Key": key} if self._keyed else {})
            if answer is not None and answer.status_code == httpx.codes.CREATED:
                self.stored[number] = Cursor.parse(answer.json()["id"])
                return
            self._note(answer)
            if not self._keyed:
                self.unknown.add(number)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.05)

    async def _post(self, number: int, headers: dict[str, str]) -> httpx.Response | None:
        body = {"topics": self.topics_of(number), "type": "tick", **self._fields(number)}
        try:
            return await self._client.post("/api/v1/events", json=body, headers=headers)
        except httpx.HTTPError as error:
            self.refusals.append(repr(error))
            return None

    def _note(self, answer: httpx.Response | None) -> None:
        if answer is None:
            return
        if self.proxied and answer.status_code in {502, 504}:
            self.refusals.append(f"{answer.status_code} of the proxy")
            return
        problem = answer.json()
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        assert problem["retry"], problem
        assert int(answer.headers["Retry-After"]) >= 1, answer.headers
        self.refusals.append(problem["detail"])


class WorkerPublisher(FaultPublisher):
    """Publishes as a worker does: the events wait in its process while the log is away.

    A job waits for nothing: it publishes on the very event loop that brings the log back,
    so that a publish that waited for it, or for room in the buffer, would never return,
    and the test's own timeout would show it.
    """

    def __init__(self, publisher: SyncPublisher, topic: str, *, rate: float = RATE) -> None:
        super().__init__(topic, rate=rate)
        self._publisher: Final = publisher

    async def _publish(self, number: int) -> None:
        self._publisher.publish(self.topic, "tick", self._fields(number))
        self.unknown.add(number)

    async def finish(self) -> None:
        await super().finish()
        assert await asyncio.to_thread(self._publisher.flush, 20), "the buffer was not delivered"
        assert self._publisher.dropped == 0
        self.stored = dict.fromkeys(self.unknown)
        self.unknown = set()
