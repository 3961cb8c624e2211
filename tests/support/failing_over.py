"""Publishing without a pause, and readers that watch, while servers take over from each other."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import LogUnavailable
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub

from .reading import ids_of, read_all
from .waiting import DEADLINE, wait_until
from .writers import FakeWriter

TOPIC: Final = "chats/1"
#: Seconds between two events, and between two tries of the same.
_PACE: Final = 0.002
_RETRY: Final = 0.02


def quick_log(url: str, prefix: str, *, wait_replicas: int = 0) -> RedisEventLog:
    """A log that keeps everything, and is quick to notice what is wrong."""
    return RedisEventLog(
        url,
        prefix=prefix,
        retention=RetentionPolicy(Retention(max_length=1_000_000)),
        wait_replicas=wait_replicas,
        timeout=1.0,
        probe_interval=0.2,
    )


class Traffic:
    """One publisher that never stops, and readers of a hub; an async context manager.

    Attributes:
        acknowledged: the ids that the publisher was given, in order.
        refusals: what it was told instead.
    """

    def __init__(self, log: RedisEventLog, readers: int = 4) -> None:
        self.log: Final = log
        self.hub: Final = Hub(log)
        self.acknowledged: Final[list[Cursor]] = []
        self.refusals: Final[list[str]] = []
        self.writers: Final = [FakeWriter() for _ in range(readers)]
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self.hub.start()
        for writer in self.writers:
            await self.hub.attach(Attach(topics=(TOPIC,)), writer)
        self._publishing = asyncio.create_task(self._publish())
        await self.wait_for_more(50)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)
        await self._publishing
        await self.hub.close()

    async def wait_for_more(self, count: int, *, deadline: float = DEADLINE) -> None:
        """Until `count` more events are acknowledged and heard."""
        wanted = len(self.acknowledged) + count
        await wait_until(
            lambda: len(self.acknowledged) >= wanted,
            f"publishing did not go on ({self.refusals[-1:]})",
            deadline=deadline,
        )
        await self._until_heard(self.acknowledged[wanted - 1])

    async def stop(self) -> list[Cursor]:
        """Stop publishing; return what the log has, once every reader has heard the last."""
        self._stopped.set_result(None)
        await self._publishing
        await self._until_heard(self.acknowledged[-1])
        return ids_of(await read_all(self.log, [TOPIC], ORIGIN))

    def received(self, writer: FakeWriter) -> list[Cursor]:
        writer.take()
        return [Cursor.parse(frame["id"]) for frame in writer.taken if frame["type"] == "tick"]

    def resets(self, writer: FakeWriter) -> list[str]:
        writer.take()
        return [frame["reason"] for frame in writer.taken if frame["type"] == "gap"]

    async def _until_heard(self, id_: Cursor) -> None:
        await wait_until(
            lambda: all(self.received(writer)[-1:] >= [id_] for writer in self.writers),
            f"a reader did not get {id_}",
        )

    async def _publish(self) -> None:
        number = 0
        while not self._stopped.done():
            event = new_event(TOPIC, "tick", {"n": number}, idempotency_key=str(number))
            try:
                id_ = await self.log.append(event)
            except LogUnavailable as error:
                self.refusals.append(error.detail)
                await asyncio.wait((self._stopped,), timeout=_RETRY)
                continue
            assert id_ is not None
            self.acknowledged.append(id_)
            number += 1
            await asyncio.wait((self._stopped,), timeout=_PACE)


def judge(traffic: Traffic, kept: list[Cursor]) -> set[Cursor]:
    """Check what every reader got against what the log has; return what the log lost.

    Ids increase, and everything that the log has was delivered to everybody.
    """
    assert kept == sorted(set(kept))
    for writer in traffic.writers:
        received = traffic.received(writer)
        assert received == sorted(set(received)), "a reader's ids do not increase"
        missing = set(kept) - set(received)
        assert not missing, f"in the log and never delivered: {sorted(missing)[:5]}"
    return set(traffic.acknowledged) - set(kept)
