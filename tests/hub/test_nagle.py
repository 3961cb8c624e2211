"""Nagle's algorithm, for whom it is switched on, and that it is off again: with real sockets."""

from __future__ import annotations

import socket
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.new_event import new_event
from streamer.hub import hub as hub_module
from streamer.hub import packing
from streamer.hub.attach import Attach
from streamer.hub.fan_out import FanOut
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.nagle import MANY, Nagle, set_each
from streamer.hub.options import HubOptions
from streamer.hub.packing import LOOK
from streamer.hub.round_trips import FAR, SLOW, is_near, near
from support.servers import FakeClock
from support.turning import TurningLoop
from support.writers import FakeWriter

TOPIC = "projects/p"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is left to Linux")


class Connections:
    """Connections over TCP: of each the server's end, which sends at once, and the client's."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))

    def make(self) -> tuple[socket.socket, socket.socket]:
        client = self._stack.enter_context(socket.create_connection(self._listening.getsockname()))
        server = self._stack.enter_context(self._listening.accept()[0])
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server, client


@pytest.fixture
def connections() -> Iterator[Connections]:
    with ExitStack() as stack:
        yield Connections(stack)


def numbers(sockets: Sequence[socket.socket]) -> array[int]:
    return array("i", [one.fileno() for one in sockets])


def waits(server: socket.socket) -> bool:
    """Whether what is sent there may wait."""
    return not server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def told_by_system(server: socket.socket) -> tuple[int, int]:
    """Bytes of a socket that are not on their way yet, and packets with data that are or were."""
    info = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    not_sent, _, _, packets = struct.unpack_from("=4I", info, 144)
    return not_sent, packets


# How it is switched


@pytest.mark.parametrize("io_uring", [True, False])
@pytest.mark.parametrize("size", [1, 20, MANY + 5])
def test_it_is_switched_on_and_off_for_any_number_of_sockets(
    connections: Connections, size: int, *, io_uring: bool
) -> None:
    servers = [connections.make()[0] for _ in range(size)]
    nagle = Nagle(io_uring=io_uring)
    for switch, expected in ((nagle.on, True), (nagle.off, False), (nagle.on, True)):
        switch(numbers(servers))
        assert {waits(server) for server in servers} == {expected}
    nagle.off(array("i"))


@pytest.mark.parametrize("io_uring", [True, False])
def test_what_cannot_have_it_is_left_alone_and_keeps_nobody_from_it(
    connections: Connections, tmp_path: Path, *, io_uring: bool
) -> None:
    server, _ = connections.make()
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("wb") as file:
        descriptors = array("i", [ours.fileno(), file.fileno(), 1 << 20, server.fileno()])
        nagle = Nagle(io_uring=io_uring)
        nagle.on(descriptors)
        assert waits(server)
        nagle.off(descriptors)
        assert not waits(server)


def test_a_kernel_that_has_no_such_request_is_asked_for_each_socket(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = connections.make()
    nagle = Nagle()
    monkeypatch.setattr("streamer.hub.nagle._SET_OPTION", 999)
    nagle.on(numbers([server]))
    assert waits(server)


def test_events_that_come_before_the_last_is_acknowledged_share_a_packet(
    connections: Connections,
) -> None:
    server, client = connections.make()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    set_each(numbers([server]), 0)
    for _ in range(100):
        server.sendall(b"an event;")
    _, packets = told_by_system(server)
    assert packets < 50, "a lone one for each acknowledgement, which nothing hurries"
    set_each(numbers([server]), 1)
    not_sent, _ = told_by_system(server)
    assert not_sent == 0
    received = b""
    while len(received) < 900:
        received += client.recv(1000)
    assert received == b"an event;" * 100


# For whom


def test_a_peer_on_the_same_machine_is_near_and_what_is_no_tcp_is_not(
    connections: Connections, tmp_path: Path
) -> None:
    server, _ = connections.make()
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("wb") as file:
        others = [ours.fileno(), file.fileno(), 1 << 20]
        assert near(array("i", [*others, server.fileno()])) == numbers([server])


@pytest.mark.parametrize(
    ("least", "smoothed", "expected"),
    [
        (0.0001, 0.0002, True),
        (0.0001, SLOW - 0.001, True),  # it reads late
        (0.0001, 0.04, False),  # it waits before it acknowledges
        (FAR, FAR, False),
        (0.1, 0.1, False),
        (0, 0, False),
    ],
)
def test_near_is_who_is_a_short_round_trip_away_and_acknowledges_what_it_reads(
    least: float, smoothed: float, *, expected: bool
) -> None:
    assert is_near(round(least * 1e6), round(smoothed * 1e6)) is expected


def test_who_is_near_is_told_of_linux_only(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = connections.make()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert len(near(numbers([server]))) == 0


# From the hub


class SocketWriter(FakeWriter):
    """Has a socket: what is written to it alone goes there, too."""

    def __init__(self, server: socket.socket) -> None:
        super().__init__()
        self.server = server
        self.queued = False

    def descriptor(self) -> int | None:  # type: ignore[override]
        return None if self.queued else self.server.fileno()


class Room:
    """A hub of which each pass is a long one, and a look at it is a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, connections: Connections) -> None:
        self.far: set[int] = set()
        monkeypatch.setattr(packing, "_LONG", 0.0)
        monkeypatch.setattr(hub_module, "FanOut", self._fan_out)
        self.loop = TurningLoop()
        self._connections = connections
        self._log = MemoryEventLog(clock=FakeClock())
        self.hub = Hub(self._log, HubOptions(limits=HubLimits(busy=0.0)))
        self.loop.inside(self.hub.start)

    def _fan_out(self, *, io_uring: bool) -> FanOut:
        return FanOut(io_uring=io_uring, near=self._near)

    def _near(self, descriptors: array[int]) -> array[int]:
        return array("i", [number for number in descriptors if number not in self.far])

    def come(self, *, until_end: bool = False) -> SocketWriter:
        writer = SocketWriter(self._connections.make()[0])
        self.loop.run(self.hub.attach(Attach((TOPIC,), until_end=until_end), writer))
        return writer

    def publish(self, times: int = 1, kind: str = "note") -> None:
        for number in range(times):
            self.loop.run(self._log.append(new_event(TOPIC, kind, {"number": number})))
            self.loop.turn(5)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, connections: Connections) -> Iterator[Room]:
    room = Room(monkeypatch, connections)
    yield room
    assert not room.loop.faults
    room.loop.run(room.hub.close())
    room.loop.finish()


def test_an_event_that_comes_alone_is_sent_at_once(room: Room) -> None:
    reader = room.come()
    room.publish()
    assert not waits(reader.server)


def test_events_that_follow_closely_may_wait_until_there_is_time_again(room: Room) -> None:
    reader = room.come()
    room.publish(3)
    assert waits(reader.server)
    room.loop.advance(LOOK)
    assert waits(reader.server), "passes took time since it was looked"
    room.loop.advance(LOOK)
    room.loop.turn(3)
    assert not waits(reader.server)


def test_who_is_far_is_sent_everything_at_once(room: Room) -> None:
    reader, far = room.come(), room.come()
    room.far.add(far.server.fileno())
    room.publish(3)
    assert waits(reader.server)
    assert not waits(far.server)


def test_who_turns_out_to_be_far_waits_no_longer(room: Room) -> None:
    reader = room.come()
    room.publish(3)
    room.far.add(reader.server.fileno())
    room.loop.advance(LOOK)
    assert not waits(reader.server)


def test_who_comes_later_waits_once_it_is_looked_again(room: Room) -> None:
    room.come()
    room.publish(3)
    late = room.come()
    room.publish(3)
    assert not waits(late.server)
    room.loop.advance(LOOK)
    room.loop.turn(3)
    assert waits(late.server)


def test_whoever_leaves_the_others_waits_for_nothing(room: Room) -> None:
    ends, full, queued, lost = room.come(until_end=True), *(room.come() for _ in range(3))
    room.publish(3)
    everybody = (ends, full, queued, lost)
    assert all(waits(writer.server) for writer in everybody)
    for writer in (full, queued, lost):
        assert writer.taker is not None
    full.taker.filled()  # type: ignore[union-attr]
    queued.queued = True
    queued.taker.requeued()  # type: ignore[union-attr]
    lost.lose()
    room.publish(kind="completed")
    assert not any(waits(writer.server) for writer in everybody)
    assert ends.closed is not None
