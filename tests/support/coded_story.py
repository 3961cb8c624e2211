"""What a client of a coded stream lives through: a replay, in step with others, its end."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

import httpx

from .coded import decoder_of
from .live import Live
from .raw_http import Answer, answers_in
from .readers import SseReader, sse
from .tcp_proxy import TcpProxy
from .waiting import wait_until

#: Those who are in step when a client comes: it has to wait, and is written to by itself.
PEERS: Final = 3
#: No coding makes less of it than half, but for who has it already.
SALT: Final = random.Random(17).randbytes(400).hex()
#: Bytes on the wire of an event that a client was written by itself, at least: half of its salt.
ALONE: Final = len(SALT) // 2
#: Events after which a client that is not in step never will be.
_MOST: Final = 4 * PEERS


class Hears(Protocol):
    """A client, as a story knows it."""

    def numbers(self) -> list[int]:
        """Those of the notes that it has handed on, in order."""


class Tap:
    """A line to a server on which everything is read; use its `proxy` as a context manager."""

    def __init__(self, port: int) -> None:
        self.proxy: Final = TcpProxy(("127.0.0.1", port), recording=True)

    @property
    def size(self) -> int:
        """Bytes that clients were sent."""
        return self.proxy.forwarded["down"]

    def streams(self) -> list[Answer]:
        """The streams that they were sent, as far as they have come."""
        return [
            answer
            for record in self.proxy.records or ()
            for answer in answers_in(bytes(record["down"]))
            if dict(answer.headers).get("content-type", "").startswith("text/event-stream")
        ]

    def codings(self) -> set[str]:
        """The content codings of all of them; "" is none."""
        return {dict(answer.headers).get("content-encoding", "") for answer in self.streams()}

    def have_ended(self) -> bool:
        """Whether each of them has come to its end, and the end of its coding."""
        return all(answer.whole and _is_whole(answer) for answer in self.streams())


#: Opens a line to the server on which clients are given this coding.
OpenTap = Callable[[str], Tap]


def _is_whole(answer: Answer) -> bool:
    coding = dict(answer.headers).get("content-encoding", "")
    if not coding:
        return True
    decoder = decoder_of(coding)
    decoder.feed(answer.body)
    return decoder.is_whole


class Story:
    """The events of one job, and those who read it in step from its first on.

    Args:
        live: the server.
        coding: that of all who read it.
        named: whether an event's type is the name of its frame, for all of them.

    Attributes:
        topic: a job's, so that it has an end.
        count: of the notes until now.
        peers: those who are in step.
    """

    def __init__(self, live: Live, coding: str, *, named: bool = False) -> None:
        self._live: Final = live
        self.topic: Final = f"jobs/{secrets.token_hex(6)}"
        form = "" if named else "&events=message"
        self._path: Final = f"/api/v1/stream?topic={self.topic}&heartbeat=60{form}"
        self.coding: Final = coding
        self.count = 0
        self.peers: list[SseReader] = []

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[Story]:
        """Have some events, and readers in step."""
        async with AsyncExitStack() as stack:
            self._http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=self._live.url, trust_env=False)
            )
            for _ in range(3):
                await self.note()
            accept = {"Accept-Encoding": self.coding}
            for _ in range(PEERS):
                peer = await stack.enter_async_context(sse(self._live.url, self._path, accept))
                await peer.has("caught_up")
                self.peers.append(peer)
            await self.told(self.peers_hear)
            yield self

    @property
    def numbers(self) -> list[int]:
        """Those of all notes until now."""
        return list(range(self.count))

    def peers_hear(self) -> bool:
        """Whether the peers have all that came after they did."""
        return all(
            [event.body["n"] for event in peer.events if event.body["type"] == "note"]
            == self.numbers[3:]
            for peer in self.peers
        )

    async def note(self) -> None:
        """Publish the next note."""
        await self.publish("note", n=self.count, text=SALT)
        self.count += 1

    async def publish(self, event_type: str, **fields: object) -> None:
        """Publish any event."""
        body = {"topic": self.topic, "type": event_type, **fields}
        (await self._http.post("/api/v1/events", json=body)).raise_for_status()

    async def told(self, have_heard: Callable[[], bool]) -> None:
        """Publish a note, and wait until it was heard."""
        await self.note()
        await wait_until(have_heard, f"note {self.count - 1} was not heard")

    async def to_the_end(
        self,
        clients: Sequence[tuple[Hears, Tap]],
        *,
        beating: bool = True,
        leaving: bool = False,
    ) -> None:
        """Tell each of `clients`, which read from the earliest on, all there is.

        Each event is published when all of them have read the one before it. If they are
        `beating`, each is sent a heartbeat by itself, and comes in step again. If they are
        `leaving`, they do so once they have read that it ends, which may be before it has.
        """

        def have_heard() -> bool:
            heard = [client.numbers() for client, _ in clients]
            assert all(one == self.numbers[: len(one)] for one in heard), _all(clients)
            return self.peers_hear() and all(one == self.numbers for one in heard)

        await wait_until(have_heard, lambda: f"not all were told what was: {_all(clients)}")
        await self._come_in_step(clients, have_heard)
        if beating:
            sizes = [tap.size for _, tap in clients]
            await wait_until(
                lambda: all(tap.size > size for (_, tap), size in zip(clients, sizes, strict=True)),
                "no heartbeat came",
            )
            await self._come_in_step(clients, have_heard)
        await self.publish("completed", task_name="all", result={})
        await wait_until(
            lambda: leaving or all(tap.have_ended() for _, tap in clients),
            "a stream has not ended",
        )
        await wait_until(lambda: all(one.ended for one in self.peers), "a peer has not ended")
        for client, tap in clients:
            assert client.numbers() == self.numbers, str(client)
            assert tap.codings() == {self.coding}, str(client)

    async def _come_in_step(
        self, clients: Sequence[tuple[Hears, Tap]], have_heard: Callable[[], bool]
    ) -> None:
        """Publish notes until each of `clients` is written them in few bytes, three times."""
        few, came = 0, [0]
        for _ in range(_MOST):
            sizes = [tap.size for _, tap in clients]
            await self.told(have_heard)
            came = [tap.size - size for (_, tap), size in zip(clients, sizes, strict=True)]
            few = few + 1 if max(came) < ALONE else 0
            if few == 3:
                return
        raise AssertionError(f"it is never in step: {came} bytes for an event")


def _all(clients: Sequence[tuple[Hears, Tap]]) -> str:
    return "\n".join(f"{client}" for client, _ in clients)
