"""A hub, an event log and clients in one process, moved step by step by a test."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from streamer.errors import LogUnavailable
from streamer.events.control import Control
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from streamer.hub.attach import Attach, Finished
from streamer.hub.hub import Hub
from streamer.hub.options import HubOptions
from streamer.hub.reader import Reader
from streamer.hub.session import State
from streamer.wire.coded import Coded
from streamer.wire.deflated import Deflated

from .coded import CodedWriter
from .oracle import Oracle, Published, Record
from .pausing import PausingEventLog
from .turning import TurningLoop
from .writers import FakeWriter

#: Topics of the world; the last one is a job's.
TOPICS: Final = ("a", "b", "jobs/j")


class Client:
    """One client over all of its connections: a writer, what it asked for, and its oracle."""

    def __init__(
        self,
        world: World,
        number: int,
        oracle: Oracle,
        high_water: int,
        *,
        rate: float = 0.0,
        coding: str = "",
    ) -> None:
        self.world = world
        self.coding = coding
        self.rate = rate
        self.number = number
        self.oracle = oracle
        self.high_water = high_water
        self.reader: Reader | None = None
        self.writer: FakeWriter | None = None
        self.working: asyncio.Task[None] | None = None
        self.had: set[str] = set(oracle.topics)  # topics it reads, or has read
        self._stood: list[Cursor] = []  # where the session stood when each frame was written

    @property
    def name(self) -> str:
        return f"client {self.number}"

    @property
    def idle(self) -> bool:
        """Whether it is neither connected nor connecting."""
        return self.writer is None and self.working is None

    @property
    def settled(self) -> bool:
        """Whether it is over, or live with nothing left to receive."""
        if self.oracle.ended:
            return True
        if self.reader is None or self.working is not None or self.writer is None:
            return False
        return (
            self.reader.session.state is State.LIVE
            and self.writer.pending() == 0
            and self.oracle.is_caught_up
            and not self._waits(self.reader)
            and self._has_heard(self.reader)
        )

    def _has_heard(self, reader: Reader) -> bool:
        """Whether all that was published of its topics has come to the hub.

        Until then it is live and owed something: a notification is on its way, or a read
        that failed waits to be tried again. A hub to which it never comes is not let off:
        then nothing comes to rest.
        """
        tail = reader.feed.tail
        return max(tail.head, tail.floor) >= self.world.record.newest(reader.session.topics)

    @property
    def stands(self) -> str:
        """What is to be said of one that does not settle."""
        if self.reader is None:
            return f"{self.name} is not connected"
        topics, tail = self.reader.session.topics, self.reader.feed.tail
        return (
            f"{self.name} is {self.reader.session.state.value}, and its feed of {topics}"
            f" at {tail.head}, of {self.world.record.newest(topics)}"
        )

    @staticmethod
    def _waits(reader: Reader) -> bool:
        """Whether there is anything that waits for its time."""
        tail, cursor = reader.feed.tail, reader.cursor
        # A gap may reach beyond all that came: then the head is below the floor.
        return cursor < min(tail.floor, tail.head) or bool(tail.after(cursor, 1))

    def attach(self, start: Cursor | None) -> None:
        """Connect, or come back with the cursor it has."""
        assert self.idle
        resume = self.oracle.cursor
        attach = Attach(
            topics=self.oracle.topics,
            resume=resume,
            start=start if resume is None else None,
            until_end=self.oracle.until_end,
            rate=self.rate,
            heartbeat=2 if self.coding else 15,
        )
        self.oracle.connect()
        self._stood = []
        writer = self.writer = self._writer()
        writer.on_frame = self._note
        self.working = self.world.loop.create_task(self._attach(attach, writer))

    def _writer(self) -> FakeWriter:
        if not self.coding:
            return FakeWriter(high_water=self.high_water)
        return CodedWriter(self.world.forms[self.coding], high_water=self.high_water)

    def end(self) -> None:
        """Be asked to come back, and do so later."""
        assert self.reader is not None
        self.world.loop.inside(partial(self.reader.end_with, "draining"))
        self.take()
        self.detach()

    async def _attach(self, attach: Attach, writer: FakeWriter) -> None:
        try:
            self.reader = await self.world.hub.attach(attach, writer)
        except LogUnavailable:
            self.writer = None
        except Finished:
            self.writer = None
            assert attach.resume is not None
            past = [
                event
                for topic in attach.topics
                for event in self.world.record.between(topic, ORIGIN, attach.resume)
            ]
            assert any(event.terminal for event in past), f"refused at {attach.resume}"
            self.oracle.ended = True
        finally:
            self.working = None

    def change(self, topic: str, after: Cursor | None) -> None:
        """Ask for another topic, from its own cursor on, or leave one off."""
        assert self.reader is not None
        self.had.add(topic)
        self.working = self.world.loop.create_task(self._change(self.reader, topic, after))

    async def _change(self, reader: Reader, topic: str, after: Cursor | None) -> None:
        topics = reader.session.topics
        try:
            if topic in topics:
                rest = tuple(other for other in topics if other != topic)
                reply = Control("unsubscribed", {"topic": topic, "topics": rest})
                await self.world.hub.change_topics(reader, rest, None, reply)
            else:
                both = (*topics, topic)
                backfill = None if after is None else (topic, after)
                # It says what was asked for, as a client knows.
                asked = {"topic": topic, "topics": both, "after": str(after) if after else None}
                reply = Control("subscribed", asked)
                await self.world.hub.change_topics(reader, both, backfill, reply)
        except LogUnavailable:
            pass
        finally:
            self.working = None

    def _note(self, frame: dict[str, Any]) -> None:
        assert self.writer is not None
        taker = self.writer.taker
        stood = ORIGIN
        if isinstance(taker, Reader):
            stood = taker.cursor
        self._stood.append(stood)

    def take(self, count: int = 1 << 30) -> None:
        """Receive up to `count` frames."""
        writer = self.writer
        if writer is None:
            return
        before = len(writer.taken)
        self.world.loop.inside(partial(writer.take, count))
        for frame, stood in zip(writer.taken[before:], self._stood[before:], strict=False):
            try:
                self.oracle.see(frame, stood)
            except AssertionError as error:
                raise AssertionError(f"{self.name}: {error}") from error
            if frame["type"] == "subscribed" and frame["after"] is not None:
                after = Cursor.parse(frame["after"])
                if after < stood:
                    self.oracle.expect_backfill(frame["topic"], after, stood)

    def detach(self) -> None:
        """Be cut off: what was not received is lost."""
        if self.working is not None:
            self.working.cancel()
            self.world.loop.turn(2)
        if self.writer is not None:
            self.world.loop.inside(self.writer.lose)
        self.writer = self.reader = self.working = None
        self.oracle.disconnect()


class World:
    """Everything that may happen, as methods that a test calls in any order."""

    def __init__(
        self,
        log: PausingEventLog,
        loop: TurningLoop,
        options: HubOptions,
        forms: Mapping[str, Coded | Deflated] | None = None,
    ) -> None:
        self.loop = loop
        self.forms: Mapping[str, Coded | Deflated] = forms or {}
        self.log = log
        self.record = Record()
        self.clients: list[Client] = []
        self._number = 0
        self._interrupted = False
        self.hub = Hub(log, options)
        loop.run(self._start())

    async def _start(self) -> None:
        self.hub.start()

    def publish(self, topics: Sequence[str], kind: str) -> None:
        """Publish one event of some kind.

        A ``note``, ``progress``, ``completed``, ``ai_chunk``, a piece of the answer of these
        topics, or ``typing``, which is ephemeral.
        """
        self._number += 1
        fields: dict[str, Any] = {"number": self._number}
        if kind == "ai_chunk":
            fields = {"answer": "a", "attempt": 1, "chunk": f"{self._number};"}
        progress = None
        if kind == "progress":
            # No mean of these is between two of the numbers that it is rounded to.
            progress = fields["progress"] = self._number % 8 / 8
        elif kind == "completed":
            progress = 1.0
        ephemeral = kind == "typing"
        topics = topics[:1] if ephemeral else topics
        if ephemeral:
            self.record.ephemeral[self._number] = topics[0]
        id_ = self.loop.run(
            self.log._log.append(new_event(topics, kind, fields, ephemeral=ephemeral))
        )
        if id_ is not None:
            self.record.events.append(
                Published(id_, tuple(topics), kind, self._number, kind == "completed", progress)
            )

    def delete(self, topic: str) -> None:
        """Delete a topic, with whatever jobs it has."""
        id_ = self.loop.run(self.log._log.upkeep.delete(topic, force=True))
        if id_ is not None:
            self.record.deletions.append((topic, id_))

    def attach(
        self,
        topics: Sequence[str],
        start: Cursor | None,
        high_water: int,
        *,
        until_end: bool,
        rate: float = 0.0,
        coding: str = "",
    ) -> Client:
        """A new client comes, at `start` (None: the newest)."""
        oracle = Oracle(self.record, topics, until_end=until_end, is_throttled=rate > 0)
        client = Client(self, len(self.clients), oracle, high_water, rate=rate, coding=coding)
        self.clients.append(client)
        client.attach(start)
        return client

    def interrupt(self) -> None:
        """Notifications are lost, and the hub is told so."""
        if not self._interrupted:
            self._interrupted = True
            self.loop.inside(self.log.interrupt)

    def resume(self) -> None:
        """Notifications are heard again."""
        if self._interrupted:
            self._interrupted = False
            self.loop.inside(self.log.resume)

    def settle(self) -> None:
        """Everything works again; everybody comes back and receives what is owed."""
        self.log.failing = False
        self.log.let_all()
        self.resume()
        self.loop.inside(self.log.release)
        for _ in range(200):
            for client in self.clients:
                if client.idle and not client.oracle.ended:
                    client.attach(None)
            self.loop.advance(3.0)  # longer than any retry
            self.loop.turn(20)
            for client in self.clients:
                client.take()
            assert not self.loop.faults, self.loop.faults
            if all(client.settled for client in self.clients):
                return
        waiting = [client.stands for client in self.clients if not client.settled]
        raise AssertionError(f"not live in the end, with all that was published: {waiting}")

    def judge(self) -> None:
        """Compare what every client has received with the log."""
        kept: dict[str, set[Cursor]] = {}
        for topic in TOPICS:
            page = self.loop.run(self.log._log.read([topic], ORIGIN, 100_000))
            kept[topic] = {event.id for event in page.events if event.id is not None}
        for client in self.clients:
            try:
                client.oracle.judge(kept)
            except AssertionError as error:
                raise AssertionError(f"{client.name}: {error}") from error
        stand: dict[str, int] = dict(Counter(r.session.state.value for r in self.hub.readers))
        counted = self.loop.run(self.hub.standing.look()).counts.get("", {})
        assert counted == stand, f"readers stand as {stand}, and are counted as {counted}"

    def leave(self) -> None:
        """Everybody goes; nothing of them may stay behind."""
        for client in self.clients:
            client.detach()
        self.loop.turn(5)
        assert dict(self.hub.counts) == {}, f"readers still counted: {self.hub.counts}"
        assert not self.hub._readers
        assert not self.hub._pulse
        assert self.loop.run(self.hub.standing.look()).counts == {}, "readers still stand"
        for future in self.hub._feeds._feeds.values():
            feed = future.result()
            assert not feed.readers, f"{feed.topics} still counts {feed.readers} readers"
            assert not feed.live
        self.loop.run(self.hub.close())
