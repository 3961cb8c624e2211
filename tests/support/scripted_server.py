"""A server that says what a test wrote down, and heeds nothing that it is asked."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from typing import Final, Self

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
#: First byte of a TLS handshake.
TLS: Final = b"\x16"


#: Last of a script whose connection is not cut: it only says nothing more.
SILENCE: Final = b"(silence)"


#: What a connection is answered: bytes, or what makes them of the request.
Script = bytes | Callable[[str], bytes]


class ScriptedServer:
    """Answers each connection with the next of its scripts, then cuts it."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts: Final = scripts
        self._listening: Final = socket.create_server(("127.0.0.1", 0))
        self.url: Final = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.requests: Final[list[str]] = []
        self._silent: Final[list[socket.socket]] = []
        self._thread: Final = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown wakes a thread that accepts; close alone does not.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for connection in self._silent:
            connection.close()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.ExitStack() as stack:
                stack.callback(connection.close)
                self.requests.append(_request(connection).decode(errors="replace"))
                answer = script if isinstance(script, bytes) else script(self.requests[-1])
                connection.sendall(answer.removesuffix(SILENCE))
                if answer.endswith(SILENCE):
                    self._silent.append(connection)
                    stack.pop_all()


def _request(connection: socket.socket) -> bytes:
    """A request with its body: what is closed with bytes unread takes its answer back."""
    request = b""
    while not _is_whole(request):
        received = connection.recv(65536)
        if not received:
            break
        request += received
    return request


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return request.startswith(TLS)
    length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    return length is None or len(body) >= int(length[1])
