"""One buffer to many sockets, by io_uring and without."""

from __future__ import annotations

import errno
import logging
import os
import socket
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from streamer.hub import fan_out
from streamer.hub.fan_out import FEW, LARGE, MANY, FanOut, write_to_each
from streamer.hub.io_uring import SendRing

Send = Callable[["array[int]", bytes], list[tuple[int, int]]]


class Crowd:
    """Both ends of so many connections; those of the server are not waited for."""

    def __init__(self, stack: ExitStack, size: int) -> None:
        self.servers: Final[list[socket.socket]] = []
        self.clients: Final[list[socket.socket]] = []
        for _ in range(size):
            server, client = socket.socketpair()
            for end, kept in ((server, self.servers), (client, self.clients)):
                end.setblocking(False)
                kept.append(stack.enter_context(end))

    @property
    def descriptors(self) -> array[int]:
        return array("i", [server.fileno() for server in self.servers])

    def received(self, but: int | None = None) -> set[bytes]:
        """What the clients have got; one thing, if all have got the same."""
        return {_read(client) for n, client in enumerate(self.clients) if n != but}


def _read(client: socket.socket) -> bytes:
    parts = []
    try:
        while part := client.recv(1 << 20):
            parts.append(part)
    except BlockingIOError:
        pass
    return b"".join(parts)


@pytest.fixture
def crowd_of() -> Iterator[Callable[[int], Crowd]]:
    with ExitStack() as stack:
        yield lambda size: Crowd(stack, size)


def make_ring() -> SendRing:
    try:
        return SendRing(MANY, LARGE)
    except OSError as error:
        # Nothing that can be installed: the machine's kernel, or container, forbids it.
        pytest.skip(f"the kernel lets us have no io_uring: {error}")


@pytest.fixture
def ring() -> SendRing:
    return make_ring()


@pytest.fixture(params=["io_uring", "write"])
def send(request: pytest.FixtureRequest) -> Send:
    """Either way to send."""
    return make_ring().send if request.param == "io_uring" else write_to_each


def test_every_socket_gets_the_whole_buffer(send: Send, crowd_of: Callable[[int], Crowd]) -> None:
    crowd = crowd_of(100)
    assert send(crowd.descriptors, b"one event") == []
    assert crowd.received() == {b"one event"}


def test_buffers_come_whole_and_in_their_order(
    send: Send, crowd_of: Callable[[int], Crowd]
) -> None:
    """Far more of them than the ring has places, so that it goes round again and again."""
    crowd = crowd_of(150)
    buffers = [b"%d %b;" % (number, b"x" * (number * 7 % 90)) for number in range(60)]
    for buffer in buffers:
        assert send(crowd.descriptors, buffer) == []
    assert crowd.received() == {b"".join(buffers)}


def test_a_full_socket_is_told_with_what_it_took_and_nobody_waits_for_it(
    send: Send, crowd_of: Callable[[int], Crowd]
) -> None:
    crowd = crowd_of(20)
    full = crowd.servers[7]
    full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    before = b""
    while True:
        try:
            before += b"." * full.send(b"." * 1000)
        except BlockingIOError:
            break
    assert send(crowd.descriptors, b"one event") == [(full.fileno(), 0)]
    assert crowd.received(but=7) == {b"one event"}
    assert _read(crowd.clients[7]) == before, "nothing is sent later, behind our back"


def test_a_socket_that_takes_a_part_is_told_with_how_much(send: Send, tcp_crowd: Crowd) -> None:
    event = b"x" * (LARGE - 7)
    whole = 0
    while not (short := send(tcp_crowd.descriptors, event)):
        whole += 1
    ((descriptor, taken),) = short
    assert descriptor == tcp_crowd.servers[0].fileno()
    assert 0 < taken < len(event)
    tcp_crowd.servers[0].close()
    tcp_crowd.clients[0].setblocking(True)
    assert len(_read(tcp_crowd.clients[0])) == whole * len(event) + taken


@pytest.fixture
def tcp_crowd(crowd_of: Callable[[int], Crowd]) -> Iterator[Crowd]:
    """One connection over TCP, which takes parts of a buffer as a Unix socket may not."""
    crowd = crowd_of(0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    with client, server:
        server.setblocking(False)
        crowd.servers.append(server)
        crowd.clients.append(client)
        yield crowd


def test_a_broken_socket_takes_nothing_and_breaks_nobody(
    send: Send, crowd_of: Callable[[int], Crowd]
) -> None:
    crowd = crowd_of(20)
    crowd.clients[3].close()
    assert send(crowd.descriptors, b"one event") == [(crowd.servers[3].fileno(), 0)]
    assert crowd.received(but=3) == {b"one event"}


def test_a_descriptor_that_is_no_socket_takes_nothing(
    ring: SendRing, crowd_of: Callable[[int], Crowd], tmp_path: Path
) -> None:
    crowd = crowd_of(20)
    with (tmp_path / "file").open("wb") as file:
        descriptors = crowd.descriptors
        descriptors[5] = file.fileno()
        assert ring.send(descriptors, b"one event") == [(file.fileno(), 0)]
    assert crowd.received(but=5) == {b"one event"}


def test_what_the_kernel_does_not_take_is_told_and_the_ring_goes_on(
    monkeypatch: pytest.MonkeyPatch, ring: SendRing, crowd_of: Callable[[int], Crowd]
) -> None:
    """As when it has no memory for more than a few requests, or for any."""
    crowd = crowd_of(20)
    descriptors = crowd.descriptors
    enter = ring._enter
    monkeypatch.setattr(ring, "_enter", lambda _submit, _complete: enter(5, 5))
    assert ring.send(descriptors, b"1") == [(descriptor, 0) for descriptor in descriptors[5:]]

    def refuse(_submit: int, _complete: int) -> int:
        raise BlockingIOError

    monkeypatch.setattr(ring, "_enter", refuse)
    assert ring.send(descriptors, b"2") == [(descriptor, 0) for descriptor in descriptors]
    monkeypatch.undo()
    assert ring.send(descriptors[:7], b"3") == []
    assert [_read(client) for client in crowd.clients] == [b"13"] * 5 + [b"3"] * 2 + [b""] * 13


def test_answers_that_an_interrupted_call_left_are_not_taken_for_the_next_ones(
    monkeypatch: pytest.MonkeyPatch, ring: SendRing, crowd_of: Callable[[int], Crowd]
) -> None:
    """A signal's handler may raise between the system call and the reading of its answers."""
    crowd = crowd_of(20)
    enter = ring._enter

    def interrupt_after(submit: int, complete: int) -> int:
        enter(submit, complete)
        raise KeyboardInterrupt

    def interrupt_before(_submit: int, _complete: int) -> int:
        raise KeyboardInterrupt

    for interrupt in (interrupt_after, interrupt_before):
        monkeypatch.setattr(ring, "_enter", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ring.send(crowd.descriptors, b"1")
        monkeypatch.undo()
    assert ring.send(crowd.descriptors[:2], b"2") == []
    crowd.clients[3].close()
    assert ring.send(crowd.descriptors, b"3") == [(crowd.servers[3].fileno(), 0)]
    assert [_read(client) for n, client in enumerate(crowd.clients) if n != 3] == [
        *[b"123"] * 2,
        *[b"13"] * 17,
    ]


def test_a_ring_is_closed_with_its_owner() -> None:
    ring = make_ring()
    os.fstat(ring._fd)
    descriptor = ring._fd
    del ring
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("io_uring", [True, False])
@pytest.mark.parametrize("size", [1, FEW, MANY, MANY + 5])
@pytest.mark.parametrize("length", [10, LARGE, LARGE + 1])
def test_any_crowd_gets_any_buffer(
    crowd_of: Callable[[int], Crowd], size: int, length: int, *, io_uring: bool
) -> None:
    crowd = crowd_of(size)
    event = os.urandom(length)
    assert FanOut(io_uring=io_uring).send(crowd.descriptors, event) == []
    assert crowd.received() == {event}


def test_a_kernel_that_refuses_is_asked_once_and_everything_is_written(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    crowd_of: Callable[[int], Crowd],
) -> None:
    asked = []

    def refuse(*_: int) -> SendRing:
        asked.append(1)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(fan_out, "SendRing", refuse)
    caplog.set_level(logging.INFO, fan_out.__name__)
    crowd = crowd_of(FEW)
    sender = FanOut()
    for _ in range(3):
        assert sender.send(crowd.descriptors, b".") == []
    assert crowd.received() == {b"..."}
    assert asked == [1]
    assert len(caplog.messages) == 1
    assert "Operation not permitted" in caplog.messages[0]


def test_a_ring_that_descriptors_were_lacking_for_is_tried_again(
    crowd_of: Callable[[int], Crowd],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One EMFILE must not cost the speed of a process for the rest of its life, in silence."""
    opened = make_ring()
    answers: list[OSError | SendRing] = [OSError(errno.EMFILE, "Too many open files"), opened]

    def open_ring(_entries: int, _bytes: int) -> SendRing:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(fan_out, "SendRing", open_ring)
    now = [0.0]
    sender = FanOut(clock=lambda: now[0])
    crowd = crowd_of(FEW)
    for when, left in ((0.0, 1), (fan_out.TRY_AGAIN - 1, 1), (fan_out.TRY_AGAIN, 0)):
        now[0] = when
        assert sender.send(crowd.descriptors, b"event") == []
        assert len(answers) == left
        assert crowd.received() == {b"event"}
    assert "tried again in 30 s" in caplog.text


def test_a_ring_that_the_kernel_refuses_is_asked_for_once(
    crowd_of: Callable[[int], Crowd], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(_entries: int, _bytes: int) -> SendRing:
        asked.append(1)
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(fan_out, "SendRing", refuse)
    now = [0.0]
    sender = FanOut(clock=lambda: now[0])
    crowd = crowd_of(FEW)
    for when in (0.0, 1e6):
        now[0] = when
        assert sender.send(crowd.descriptors, b"event") == []
    assert len(asked) == 1
