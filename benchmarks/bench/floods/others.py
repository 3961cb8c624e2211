"""The other clients of a server that is flooded: readers of one topic, and publishers."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

#: In every event of theirs once, in no other.
_MARK = b'"mark":'
_PATH = "/api/v1/projects/others"
_PADDING = "x" * 120
#: Seconds after which a publish counts as failed.
_ANSWER_TIMEOUT = 5.0
#: Seconds in which a new reader must be connected.
_FRESH_TIMEOUT = 3.0


@dataclass
class Window:
    """What the others got within some seconds."""

    seconds: float = 0.0
    delivered: int = 0
    published: int = 0
    failed: int = 0
    closed: int = 0  #: readers
    connected: int = 0  #: fresh readers
    waits: list[float] = field(default_factory=list)  #: of publishes, from when each was due

    @property
    def rate(self) -> float:
        return self.delivered / self.seconds if self.seconds else 0.0

    @property
    def p99(self) -> float:
        """Of the waits, in seconds."""
        return sorted(self.waits)[len(self.waits) * 99 // 100] if self.waits else 0.0


class Others:
    """Readers and publishers, in this process; a context manager that closes them.

    Args:
        per_second: events; published over `publishers` connections, each when it is
            due and, after a wait, as soon as may be.
    """

    def __init__(self, port: int, *, readers: int, per_second: float, publishers: int = 4) -> None:
        self.port = port
        self._selector = selectors.DefaultSelector()
        self._window = Window()
        self._readers = [_Reader(self._connect()) for _ in range(readers)]
        self._publishers = [_Publisher(publishers / per_second) for _ in range(publishers)]

    def attach(self) -> None:
        """Return when every reader is live.

        Raises:
            RuntimeError: one is not, in time.
        """
        for reader in self._readers:
            reader.ask()
            self._selector.register(reader.line, selectors.EVENT_READ, reader)
        deadline = time.monotonic() + 10
        while not all(reader.is_live for reader in self._readers):
            if time.monotonic() > deadline:
                raise RuntimeError("the readers were not taken")
            self._turn(0.05)

    def run(self, seconds: float, *, until: int | None = None) -> Window:
        """Go on for so long, or until the descriptor `until` can be read."""
        self._window = Window()
        start = time.monotonic()
        if until is not None:
            self._selector.register(until, selectors.EVENT_READ, None)
        for number, publisher in enumerate(self._publishers):
            if publisher.answered:
                publisher.due = start + publisher.interval * number / len(self._publishers)
        try:
            while (left := start + seconds - time.monotonic()) > 0:
                if not self._turn(left, publish=True):
                    break
        finally:
            if until is not None:
                self._selector.unregister(until)
        self._window.seconds = time.monotonic() - start
        # Of what is due and not answered yet, the wait so far.
        for publisher in self._publishers:
            late = time.monotonic() - publisher.due
            self._window.waits += [late] if late > 0 else []
        return self._window

    def fresh(self, count: int) -> int:
        """How many of `count` new readers are connected in time, while all else goes on."""
        new = [_Reader(self._connect()) for _ in range(count)]
        for reader in new:
            with contextlib.suppress(OSError):
                reader.ask()
                self._selector.register(reader.line, selectors.EVENT_READ, reader)
        deadline = time.monotonic() + _FRESH_TIMEOUT
        while time.monotonic() < deadline and not all(r.is_live or r.is_closed for r in new):
            self._turn(0.02, publish=True)
        connected = sum(reader.is_live for reader in new)
        for reader in new:
            self._close(reader.line)
        return connected

    def _turn(self, timeout: float, *, publish: bool = False) -> bool:
        """Do what there is to do, within `timeout`; False if what is not ours can be read."""
        now = time.monotonic()
        if publish:
            for publisher in self._publishers:
                self._publish(publisher, now)
                timeout = min(timeout, max(0.0, publisher.due - now) if publisher.answered else 0.1)
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, _Reader):
                self._read(key.data)
            elif isinstance(key.data, _Publisher):
                self._answer(key.data)
            else:
                return False
        return True

    def _read(self, reader: _Reader) -> None:
        try:
            self._window.delivered += reader.read()
        except BlockingIOError:
            return
        except OSError:
            self._window.closed += 1
            reader.is_closed = True
            self._close(reader.line)

    def _publish(self, publisher: _Publisher, now: float) -> None:
        if not publisher.answered:
            if now - publisher.sent > _ANSWER_TIMEOUT:
                self._fail(publisher)
            return
        if now < publisher.due:
            return
        try:
            if publisher.line is None:
                publisher.line = self._connect()
                self._selector.register(publisher.line, selectors.EVENT_READ, publisher)
            publisher.send(now)
        except OSError:
            self._fail(publisher)

    def _answer(self, publisher: _Publisher) -> None:
        try:
            status = publisher.read()
        except BlockingIOError:
            return
        except OSError:
            self._fail(publisher)
            return
        if status:
            self._window.waits.append(time.monotonic() - publisher.due)
            self._window.published += status == 201
            self._window.failed += status != 201
            publisher.due += publisher.interval

    def _fail(self, publisher: _Publisher) -> None:
        now = time.monotonic()
        self._window.failed += 1
        self._window.waits.append(now - publisher.due)
        if publisher.line is not None:
            self._close(publisher.line)
        publisher.line = None
        publisher.answered = True
        publisher.due = max(publisher.due + publisher.interval, now)

    def _connect(self) -> socket.socket:
        line = socket.socket()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            line.connect(("127.0.0.1", self.port))
        line.settimeout(0.0)
        return line

    def _close(self, line: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(line)
        line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (*self._readers, *self._publishers):
            if one.line is not None:
                self._close(one.line)
        self._selector.close()


class _Reader:
    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.is_live = False
        self.is_closed = False
        self._rest = b""

    def ask(self) -> None:
        self.line.send(f"GET {_PATH}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def read(self) -> int:
        """Events in what has come; what one piece ends with is seen again with the next."""
        data = self.line.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        data = self._rest + data
        if not self.is_live:
            self._rest = data
            self.is_live = b"caught_up" in data
            return 0
        self._rest = data[1 - len(_MARK) :]
        return data.count(_MARK)


class _Publisher:
    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.line: socket.socket | None = None
        self.answered = True
        self.due = self.sent = 0.0
        self._answer = b""

    def send(self, now: float) -> None:
        body = b'{"type":"log","mark":1,"text":"%b"}' % _PADDING.encode()
        assert self.line is not None
        self.answered, self.sent, self._answer = False, now, b""
        self.line.send(
            f"POST {_PATH}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def read(self) -> int:
        """The status, once the answer is whole; 0 before."""
        assert self.line is not None
        data = self.line.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or not body.endswith(b"}"):
            return 0
        self.answered = True
        return int(head[9:12])
