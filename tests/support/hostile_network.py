"""The network between a browser and a server, as companies, hotels and trains have it."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Literal, Self

from .waiting import DEADLINE

#: open: everything passes. blocking: streams and WebSockets are refused. buffering: streams are
#: held until they end, as by a proxy that wants to see all of an answer. buffering-all: and
#: WebSockets are refused. portal: whatever is asked for, the answer is a page to log in at.
Mood = Literal["open", "blocking", "buffering", "buffering-all", "portal"]

_PAGE: Final = b"<!doctype html><title>Welcome</title><h1>Please accept our terms</h1>"


def _page(status: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n"
    return head % (status, len(_PAGE)) + b"\r\n" + _PAGE


class HostileNetwork:
    """A proxy at `url` before the server at `port`; `mood` is what becomes of the next requests.

    Each connection carries one request, so that each is treated as the mood is then.
    """

    def __init__(self, port: int) -> None:
        self._upstream: Final = ("127.0.0.1", port)
        self._listening: Final = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url: Final = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.mood: Mood = "open"
        self._lock: Final = threading.Lock()
        self._sockets: Final[set[socket.socket]] = set()
        self._stalled: Final[set[socket.socket]] = set()
        self._threads: Final[list[threading.Thread]] = []

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            ended = list(self._sockets)
        for one in ended:
            _shut(one)

    def stall(self) -> None:
        """Hand on nothing of the connections there are, and end none: a line that is dead."""
        with self._lock:
            self._stalled.update(self._sockets)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(DEADLINE)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self._start(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        with self._kept(near), contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                received = near.recv(65536)
                if not received:
                    return
                head += received
            path, _, _ = head.split(b" ", 2)[1].partition(b"?")
            is_stream, is_socket = path.endswith(b"/stream"), b"\nUpgrade: websocket" in head
            mood = self.mood
            if mood == "portal":
                near.sendall(_page(b"200 OK"))
            elif is_stream and (mood == "blocking" or (is_socket and mood == "buffering-all")):
                near.sendall(_page(b"403 Forbidden"))
            else:
                with self._kept(socket.create_connection(self._upstream)) as far:
                    far.sendall(
                        head.replace(b"\nConnection: keep-alive\r", b"\nConnection: close\r")
                    )
                    self._start(self._pump, near, far)
                    held = is_stream and not is_socket and mood != "open"
                    self._pump(far, near, held=held)

    def _pump(self, source: socket.socket, sink: socket.socket, *, held: bool = False) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    stalled = source in self._stalled
                if held:
                    waiting += data
                elif not stalled:
                    sink.sendall(data)
            sink.sendall(waiting)
        _shut(sink)

    @contextlib.contextmanager
    def _kept(self, one: socket.socket):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a generator
        with one:
            with self._lock:
                self._sockets.add(one)
            try:
                yield one
            finally:
                _shut(one)
                with self._lock:
                    self._sockets.discard(one)
                    self._stalled.discard(one)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
