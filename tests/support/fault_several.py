"""Readers of several topics over one connection, and a publisher to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect

from streamer.events.cursor import Cursor

from .fault_notes import Gap, Seen, View
from .fault_places import Places
from .fault_publishers import HttpPublisher
from .fault_readers import FaultReader, SseReader, WebSocketReader
from .waiting import DEADLINE

#: Seconds between two commands of a reader that changes its topics.
_CHANGES: Final = (0.02, 0.2)


class SpreadPublisher(HttpPublisher):
    """Publishes each event to one, two or all of three topics."""

    def __init__(self, url: str, topics: Sequence[str], *, rate: float) -> None:
        super().__init__(url, topics[0], keyed=True, rate=rate)
        a, b, c = topics
        self._turns: Final = ((b,), (a, b), (c,), (c, b), (a, b, c), (b, a), (a, c))

    def topics_of(self, number: int) -> tuple[str, ...]:
        return self._turns[number % len(self._turns)]


class Herald(HttpPublisher):
    """Publishes to all topics, and to each by itself: every reader has something to come soon."""

    def __init__(self, url: str, topics: Sequence[str], *, rate: float) -> None:
        super().__init__(url, topics[0], keyed=True, rate=rate)
        self._turns: Final = (tuple(topics), *((topic,) for topic in topics))

    def topics_of(self, number: int) -> tuple[str, ...]:
        return self._turns[number % len(self._turns)]


class SeveralReader(FaultReader):
    """A reader of several topics; `seen` has each event once, by whichever it came."""

    def __init__(self, url: str, topics: Sequence[str], seed: int) -> None:
        super().__init__(url, topics[0])
        self.places: Final = Places(topics)
        self.resting = False
        self._random: Final = random.Random(seed)
        self._ids: Final[set[Cursor]] = set()
        self._losses: Final[list[tuple[str | None, Gap]]] = []

    @property
    def topics(self) -> tuple[str, ...]:
        return self.places.topics

    @property
    def subscribed(self) -> tuple[str, ...]:
        return self.places.subscribed

    def rest(self) -> None:
        """Leave no topic any more, and come back to those that were left."""
        self.resting = True

    async def reach(self, cursor: Cursor, *, deadline: float = DEADLINE) -> None:
        await self._waits(
            lambda: self.places.have_all(cursor),
            f"a reader of several topics did not reach {cursor}",
            deadline,
        )

    def view(self, topic: str) -> View:
        seen = [one for one in self.seen if topic in topics_in(one.body)]
        gaps = [gap for named, gap in self._losses if named in {None, topic}]
        start = self.places.start.get(topic)
        assert start is not None, f"{self} was never connected"
        return View(type(self).__name__, start, seen, gaps, several=True)

    def __str__(self) -> str:
        return f"{super().__str__()}, {vars(self.places)}"

    def _connect(self) -> tuple[tuple[str, ...], Cursor | None]:
        return self.places.connect(self._random.choice(self.places.topics))

    def _take(self, body: dict[str, Any]) -> None:
        kind = body["type"]
        if "id" not in body:
            match kind:
                case "connected":
                    topics = body["topics"] if "topics" in body else [body["topic"]]
                    self.places.connected(topics, Cursor.parse(body["cursor"]))
                case "caught_up":
                    self.places.caught_up(Cursor.parse(body["cursor"]))
                case "subscribed":
                    self.places.added(body["topic"], body["topics"])
                case "unsubscribed":
                    self.places.left(body["topic"], body["topics"])
        super()._take(body)

    def _connected(self, cursor: Cursor) -> None:
        self.connections += 1
        self.cursor = cursor

    def _take_event(self, cursor: Cursor, body: dict[str, Any]) -> None:
        self.places.event(cursor, topics_in(body))
        self.cursor = self.places.top
        if cursor not in self._ids:
            self._ids.add(cursor)
            self.seen.append(Seen(cursor, body))

    def _take_gap(self, body: dict[str, Any]) -> None:
        gap = Gap(Cursor.parse(body["after"]), Cursor.parse(body["until"]), body["reason"])
        assert gap.until > gap.after, f"{body}: nobody knew how far the log had come"
        self.places.gap(body["topic"], gap.until, Cursor.parse(body["cursor"]))
        self.cursor = self.places.top
        self.gaps.append(gap)
        self._losses.append((body["topic"], gap))


def topics_in(body: dict[str, Any]) -> list[str]:
    """All topics that an event says it is of."""
    topics: list[str] = body["topics"] if "topics" in body else [body["topic"]]
    return topics


class SeveralSseReader(SeveralReader, SseReader):
    """An EventSource of several topics, with one cursor for all of them."""

    def _query(self) -> tuple[str, Cursor | None]:
        topics, cursor = self._connect()
        assert topics == self.places.topics, f"one cursor, and yet {self}"
        return "&".join(f"topic={quote(topic)}" for topic in topics), cursor


class ChangingReader(SeveralReader, WebSocketReader):
    """A WebSocket that leaves topics and comes back to them, with its cursor in each."""

    def __init__(self, url: str, topics: Sequence[str], seed: int) -> None:
        super().__init__(url, topics, seed)
        self._asked: str | None = None

    async def _read(self) -> None:
        topics, cursor = self._connect()
        query = "&".join(f"topic={quote(topic)}" for topic in topics)
        query += "" if cursor is None else f"&last_event_id={cursor}"
        self._asked = None
        async with connect(
            f"{self.url.replace('http', 'ws', 1)}/api/v1/stream?{query}",
            open_timeout=self.silence, close_timeout=0.2, ping_interval=1,
            ping_timeout=self.silence, max_size=None, proxy=None,
        ) as socket:  # fmt: skip
            changing = asyncio.create_task(self._change(socket))
            try:
                async for text in socket:
                    self._take(json.loads(text))
            finally:
                changing.cancel()
                await asyncio.gather(changing, return_exceptions=True)

    def _take(self, body: dict[str, Any]) -> None:
        super()._take(body)
        if body["type"] in {"subscribed", "unsubscribed", "refused"} and "id" not in body:
            self._asked = None

    async def _change(self, socket: ClientConnection) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                never = asyncio.get_running_loop().create_future()
                await asyncio.wait_for(never, self._random.uniform(*_CHANGES))
            # One at a time: with two that are caught up at once, an event of both would
            # not say of which of them all is given up to it.
            if self._asked is None and self.places.pending is None and self.places.subscribed:
                command = self._command()
                if command is not None:
                    self._asked = command["topic"]
                    await socket.send(json.dumps(command))

    def _command(self) -> dict[str, str] | None:
        places = self.places
        if places.missing and (self.resting or self._random.random() < 0.6):
            topic = self._random.choice(places.missing)
            return {
                "type": "subscribe", "topic": topic, "last_event_id": str(places.had[topic])
            }  # fmt: skip
        if self.resting or len(places.subscribed) == 1:
            return None
        return {"type": "unsubscribe", "topic": self._random.choice(places.subscribed)}
