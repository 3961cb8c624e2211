"""A server that bends a rule of the wire, to show who breaks."""

from __future__ import annotations

import json
import re
import socketserver
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from socket import SHUT_WR, socket
from typing import Any, Final, Literal, NamedTuple, Self
from urllib.parse import quote

#: Seconds that an answer with nothing more to say stays open, if its client does.
_HELD: Final = 60

#: The last event of each story; a client that has it has come through.
LAST: Final = 4


#: The text of each event: not ASCII.
TEXT: Final = "\u00e9"


def body(n: int) -> bytes:
    """The data of an event."""
    return json.dumps({"type": "note", "n": n, "text": TEXT}, ensure_ascii=False).encode()


def frame(n: int) -> bytes:
    """One event as the server writes it; the first one says when to come back."""
    return b"%bdata: %b\nid: %d-0\n\n" % (b"retry: 100\n" * (n == 1), body(n), n)


class Answer(NamedTuple):
    """What one request is answered with.

    Attributes:
        parts: of the body, a chunk each.
        torn: the beginning of one more chunk, which ends there.
        then: what becomes of the connection: it stays open, its body ends in order, or it is cut.
        head: bytes of the head that are sent before the cut; all by default.
        compressed: by gzip, flushed after each part.
        charset: said in the head.
    """

    parts: Sequence[bytes] = ()
    then: Literal["hold", "end", "cut"] = "hold"
    status: int = 200
    head: int | None = None
    compressed: bool = False
    charset: bytes = b"; charset=utf-8"
    torn: bytes = b""


#: Says what is answered to a client's visit, the first being 1, and the event that it is after.
Script = Callable[[int, int], Answer]


def rest(after: int) -> Answer:
    """Everything after an event, as the server writes it."""
    return Answer([frame(n) for n in range(after + 1, LAST + 1)])


class BentServer:
    """Answers each client after `script`; use it as a context manager."""

    def __init__(self, script: Script) -> None:
        self._script: Final = script
        self._visits: Final[Counter[bytes]] = Counter()
        self._lock: Final = threading.Lock()
        self._server: Final = _Threads(("127.0.0.1", 0), self._handle)
        self._thread: Final = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._over: Final = threading.Event()

    def url(self, client: str) -> str:
        """Where `client` is answered; a query may be added to it."""
        port = self._server.server_address[1]
        return f"http://127.0.0.1:{port}/{quote(client, safe='')}?events=message"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, connection: socket, *_: object) -> Any:  # noqa: ANN401 - as it is called
        request = b""
        while b"\r\n\r\n" not in request:
            received = connection.recv(65536)
            if not received:
                return None
            request += received
        client = request.partition(b"?")[0]
        resumed = re.search(rb"(?i)\nlast-event-id: (\d+)-0\r|[?&]last_event_id=(\d+)-0", request)
        after = int(resumed[1] or resumed[2]) if resumed else 0
        with self._lock:
            self._visits[client] += 1
            visit = self._visits[client]
        self._answer(connection, self._script(visit, after))
        return None

    def _answer(self, connection: socket, answer: Answer) -> None:
        length = b"Transfer-Encoding: chunked" if answer.status == 200 else b"Connection: close"
        head = (
            b"HTTP/1.1 %d OK\r\nContent-Type: text/event-stream%b\r\nCache-Control: no-cache\r\n"
            b"Access-Control-Allow-Origin: *\r\n%b%b\r\n\r\n"
            % (
                answer.status,
                answer.charset,
                b"Content-Encoding: gzip\r\n" * answer.compressed,
                length,
            )
        )
        connection.sendall(head[: answer.head])
        if answer.head is not None or answer.status != 200:
            connection.shutdown(SHUT_WR)
            return
        packer = zlib.compressobj(wbits=31)
        for part in answer.parts:
            data = part
            if answer.compressed:
                data = packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
            connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        if answer.torn:
            connection.sendall(b"%x\r\n%b" % (len(answer.torn) + 99, answer.torn))
        if answer.then == "end":
            connection.sendall(b"0\r\n\r\n")
        if answer.then == "hold":
            self._over.wait(_HELD)
        connection.shutdown(SHUT_WR)


class _Threads(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """A client may leave whenever it likes."""
