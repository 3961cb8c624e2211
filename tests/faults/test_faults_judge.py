"""The judge and the proxy find what they are there to find."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.fault_notes import Gap, Seen
from support.fault_publishers import FaultPublisher
from support.fault_readers import FaultReader
from support.tcp_proxy import Direction, TcpProxy
from support.verdict import Verdict, judge
from support.waiting import DEADLINE, wait_until

TOPIC = "projects/p"


class ToldPublisher(FaultPublisher):
    """A publisher whose notes a test writes."""

    async def _publish(self, number: int) -> None:
        raise NotImplementedError


class ToldReader(FaultReader):
    """A reader whose notes a test writes."""

    async def _read(self) -> None:
        raise NotImplementedError


class Case:
    """Five events in a log, a publisher that stored them, and a reader that saw them."""

    def __init__(self, log: MemoryEventLog, ids: list[Cursor], name: str) -> None:
        self.log = log
        self.ids = ids
        self.publisher = ToldPublisher(TOPIC)
        self.publisher.name = name  # type: ignore[misc]
        self.publisher.stored = dict(enumerate(ids))
        self.publisher.next = len(ids)
        self.reader = ToldReader("", TOPIC, start=Cursor(0, 1))
        self.reader.seen = [Seen(id_, {"by": name, "n": n}) for n, id_ in enumerate(ids)]

    async def verdict(self, *, keeps_all: bool = True) -> Verdict:
        return await judge(self.log, TOPIC, [self.reader], [self.publisher], keeps_all=keeps_all)


async def case_of(kept: int) -> Case:
    log = MemoryEventLog(retention=RetentionPolicy(Retention(kept, 86400.0)))
    ids = []
    for number in range(5):
        id_ = await log.append(new_event(TOPIC, "tick", {"by": "me", "n": number}))
        assert id_ is not None
        ids.append(id_)
    return Case(log, ids, "me")


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    case = await case_of(100)
    yield case
    await case.log.close()


async def test_a_faultless_run_is_found_faultless(case: Case) -> None:
    verdict = await case.verdict()
    verdict.check()
    assert (verdict.events, verdict.delivered, verdict.declared) == (5, 5, 0)


async def test_an_event_that_was_not_seen_is_lost(case: Case) -> None:
    del case.reader.seen[2]
    assert len((await case.verdict()).lost) == 1


async def test_an_event_that_was_seen_twice_is_doubled(case: Case) -> None:
    case.reader.seen.append(case.reader.seen[-1])
    assert len((await case.verdict()).doubled) == 1


async def test_an_event_that_was_stored_twice_is_doubled(case: Case) -> None:
    again = await case.log.append(new_event(TOPIC, "tick", {"by": "me", "n": 1}))
    assert again is not None
    case.reader.seen.append(Seen(again, {"by": "me", "n": 1}))
    assert len((await case.verdict()).doubled) == 1


async def test_an_acknowledged_event_that_is_not_in_the_log_is_not_stored(case: Case) -> None:
    case.publisher.stored[9] = case.ids[-1]._replace(seq=99)
    assert len((await case.verdict()).unstored) == 1


async def test_an_event_that_nobody_published_is_a_phantom(case: Case) -> None:
    case.reader.seen.append(Seen(Cursor(case.ids[-1].ms + 1, 0), {"by": "me", "n": 9}))
    assert len((await case.verdict()).phantoms) == 1


async def test_a_body_under_another_events_id_is_a_phantom(case: Case) -> None:
    case.reader.seen[0] = Seen(case.ids[0], {"by": "me", "n": 4})
    assert len((await case.verdict()).phantoms) == 1


async def test_a_gap_where_nothing_was_lost_is_needless(case: Case) -> None:
    case.reader.gaps = [Gap(case.ids[0], case.ids[2], "trimmed")]
    assert len((await case.verdict()).needless) == 1


async def test_events_out_of_their_publishers_order_are_found(case: Case) -> None:
    case.publisher.stored = dict(enumerate(case.ids))
    swapped = [("me", number) for number in (1, 0)]
    for by, number in swapped:
        await case.log.append(new_event(TOPIC, "tick", {"by": by, "n": number + 10}))
        case.publisher.stored[number + 10] = None
    assert len((await case.verdict()).disordered) == 1


async def test_what_retention_removed_untold_is_an_undeclared_gap() -> None:
    case = await case_of(3)
    case.reader.seen = case.reader.seen[2:]
    assert len((await case.verdict(keeps_all=False)).undeclared) == 2
    case.reader.gaps = [Gap(Cursor(0, 1), case.ids[1], "trimmed")]
    verdict = await case.verdict(keeps_all=False)
    verdict.check()
    assert verdict.declared == 2
    await case.log.close()


async def test_a_reset_excuses_what_it_names_and_nothing_else(case: Case) -> None:
    """Neither what the log has before it, nor what comes after it."""
    case.reader.seen = []
    case.reader.gaps = [Gap(case.ids[0], case.ids[1], "reset")]
    verdict = await case.verdict(keeps_all=False)
    assert verdict.declared == 1
    assert len(verdict.lost) == len(case.ids) - 1


async def test_a_reader_whose_ids_do_not_increase_breaks_at_once() -> None:
    reader = ToldReader("", TOPIC, start=Cursor(1, 0))
    body: dict[str, Any] = {"type": "tick", "id": "2-0"}
    reader._take(body)
    with pytest.raises(AssertionError, match="came after"):
        reader._take(body)


# The proxy


class Echo(asyncio.Protocol):
    """Sends back what it is sent."""

    def __init__(self, open_ones: set[asyncio.BaseTransport]) -> None:
        self.open_ones = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.open_ones.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.open_ones.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(data)


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    open_ones: set[asyncio.BaseTransport] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Echo(open_ones), "127.0.0.1", 0)
    with TcpProxy(server.sockets[0].getsockname()[:2]) as proxy:
        yield proxy
    await wait_until(lambda: not open_ones, "connections were left behind")
    server.close()


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
async def line(
    proxy: TcpProxy,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    yield reader, writer
    await leave(writer)


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.mark.parametrize("turns", range(6))
async def test_the_proxy_leaves_nobody_behind_who_comes_as_it_stops(
    monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """It is asked to stop so many turns of its loop after it saw that somebody came."""
    open_ones: set[asyncio.BaseTransport] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Echo(open_ones), "127.0.0.1", 0)
    have_come, is_time, is_asked = threading.Event(), threading.Event(), threading.Event()

    def stop_then(work: Awaitable[None]) -> None:
        is_time.wait(DEADLINE)
        stopped = asyncio.run_coroutine_threadsafe(_done(work), proxy.loop)
        is_asked.set()
        stopped.result(DEADLINE)

    def wait() -> None:
        have_come.wait(DEADLINE)
        turn(turns)

    def turn(left: int) -> None:
        if left:
            proxy.loop.call_soon(turn, left - 1)
        else:
            is_time.set()
            is_asked.wait(DEADLINE)

    def come_and_stop() -> list[socket.socket]:
        with proxy:
            proxy.loop.call_soon_threadsafe(wait)
            comers = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
            have_come.set()
            monkeypatch.setattr(proxy, "_run", stop_then)
        return comers

    proxy = TcpProxy(server.sockets[0].getsockname()[:2])
    comers = await asyncio.to_thread(come_and_stop)
    for comer in comers:
        comer.settimeout(DEADLINE)
        with comer, contextlib.suppress(ConnectionResetError):
            assert await asyncio.to_thread(comer.recv, 1) == b""
    await wait_until(lambda: not open_ones, "connections were left behind")
    server.close()


async def _done(work: Awaitable[None]) -> None:
    await work


async def test_the_proxy_cuts_by_fin_and_by_rst(proxy: TcpProxy, line: Line) -> None:
    assert proxy.cut(reset=False) == 1
    assert await line[0].read() == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await wait_until(lambda: proxy.links, "no connection came")
    proxy.cut(reset=True)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await leave(writer)


async def test_the_proxy_refuses_and_accepts_again(proxy: TcpProxy, line: Line) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    line[1].write(b"still")
    assert await line[0].readexactly(5) == b"still"
    proxy.accept()
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await leave(writer)


async def test_the_proxy_holds_everything_and_releases_it_in_order(
    proxy: TcpProxy, line: Line
) -> None:
    down: tuple[Direction, ...] = ("down",)
    proxy.hold(down)
    before = proxy.forwarded["up"]
    for number in range(10):
        line[1].write(b"%d" % number)
    await wait_until(lambda: proxy.forwarded["up"] >= before + 10, "nothing went up")
    assert proxy.forwarded["down"] == 5  # the hello
    proxy.release()
    assert await line[0].readexactly(10) == b"0123456789"


async def test_the_proxy_cuts_in_the_middle(proxy: TcpProxy, line: Line) -> None:
    proxy.truncate(3)
    line[1].write(b"abcdef")
    assert await line[0].read() == b"abc"


async def test_the_proxy_delays_and_keeps_the_order(proxy: TcpProxy, line: Line) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    proxy.delay(0.1)
    line[1].write(b"slow")
    await wait_until(lambda: proxy.forwarded["up"] >= 9, "nothing went up")
    assert clock() - began >= 0.1
    proxy.delay(0.0)
    line[1].write(b"fast")
    assert await line[0].readexactly(8) == b"slowfast"
