"""The client against a server that cuts, refuses and comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Final, Self

import pytest

from streamer.client import Received, Refused, follow, follow_async

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class ScriptedServer:
    """Answers each connection with the next of its scripts, then cuts it."""

    def __init__(self, *scripts: bytes) -> None:
        self._scripts: Final = scripts
        self._listening: Final = socket.create_server(("127.0.0.1", 0))
        self.requests: Final[list[str]] = []
        self._thread: Final = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown wakes a thread that accepts; close alone does not.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    request += connection.recv(65536)
                self.requests.append(request.decode())
                connection.sendall(script)


def frame(event_id: str, event_type: str = "progress") -> bytes:
    return f"event: {event_type}\ndata: {{}}\nid: {event_id}\n\n".encode()


def scenario() -> ScriptedServer:
    """It is cut in the middle of an event, refused in passing, and ends."""
    return ScriptedServer(
        HEAD + b"retry: 1\n" + frame("1-0", "connected") + frame("2-0") + frame("3-0")[:-1],
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        HEAD + frame("2-0", "connected") + frame("3-0") + b"event: end\ndata: {}\n\n",
    )


def ids(events: list[Received]) -> list[str | None]:
    return [event.id for event in events if event.type == "progress"]


def resumed(server: ScriptedServer) -> list[bool]:
    """Whether each request resumed after 2-0, the last event that came whole."""
    return ["last-event-id: 2-0" in request.lower() for request in server.requests]


def test_a_reader_that_is_cut_off_gets_every_event_once() -> None:
    told: list[str] = []
    with scenario() as server:
        events = list(
            follow(server.url, "projects/p1", on_reconnect=lambda why, _: told.append(why))
        )
    assert ids(events) == ["2-0", "3-0"]
    assert resumed(server) == [False, True, True]
    assert told == ["the server closed the stream", "the server answered 503"]


async def test_an_async_reader_that_is_cut_off_gets_every_event_once() -> None:
    with scenario() as server:
        events = [event async for event in follow_async(server.url, "projects/p1")]
    assert ids(events) == ["2-0", "3-0"]
    assert resumed(server) == [False, True, True]


def test_a_reader_that_comes_too_late_is_done_at_once() -> None:
    with ScriptedServer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") as server:
        assert list(follow(server.url, "jobs/j1", last_event_id="9-0")) == []


def test_a_refusal_is_raised_with_its_reason() -> None:
    body = b'{"detail":"no such thing"}'
    script = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
    with (
        ScriptedServer(script % (len(body), body)) as server,
        pytest.raises(Refused, match="no such thing"),
    ):
        list(follow(server.url, "projects/p1"))


def first_two(events: Iterator[Received]) -> list[Received]:
    return [next(events), next(events)]


def test_a_reader_may_stop_in_the_middle() -> None:
    with scenario() as server, closing(follow(server.url, "projects/p1")) as events:
        assert [event.type for event in first_two(events)] == ["connected", "progress"]
