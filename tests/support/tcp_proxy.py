"""A TCP proxy that cuts, refuses, delays, holds and truncates, and never reorders."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Literal, Self, TypeVar, cast

from .waiting import DEADLINE

T = TypeVar("T")

#: Which way bytes flow: from who connected, or to it.
Direction = Literal["up", "down"]
BOTH: Final[tuple[Direction, ...]] = ("up", "down")

#: Bytes that may wait in one direction of a link before its source is not read any more.
_MOST_WAITING: Final = 256 * 1024


class _End(asyncio.Protocol):
    """One of the two sockets of a link."""

    def __init__(self, flow_in: _Flow) -> None:
        self.flow_in: Final = flow_in  # what is read here goes there
        self.flow_out: _Flow | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.flow_in.take(data)

    def eof_received(self) -> bool:
        self.flow_in.take(b"")
        return True  # the other direction stays open

    def pause_writing(self) -> None:
        if self.flow_out is not None:
            self.flow_out.blocked = True

    def resume_writing(self) -> None:
        if self.flow_out is not None:
            self.flow_out.blocked = False
            self.flow_out.pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.flow_in.link.lost(self, reset=error is not None)


class _Flow:
    """One direction of a link: what has come waits here until it is due, in order."""

    def __init__(self, link: _Link, direction: Direction) -> None:
        self.link: Final = link
        self.direction: Final = direction
        self.blocked = False
        self.ended = False
        self.waiting: Final[deque[tuple[float, bytes]]] = deque()  # b"" is the end
        self._size = 0
        self.source: _End | None = None
        self.sink: _End | None = None
        #: Bytes let through before the link is cut; None is no limit.
        self.left: int | None = None

    def take(self, data: bytes) -> None:
        proxy = self.link.proxy
        self.waiting.append((proxy.loop.time() + proxy.seconds, data))
        self._size += len(data)
        self.pump()
        if self._size > _MOST_WAITING and self.source is not None and self.source.transport:
            self.source.transport.pause_reading()

    def pump(self) -> None:
        proxy = self.link.proxy
        while self.waiting and not self.blocked and self.direction not in self.link.held:
            if self.sink is None or self.sink.transport is None:
                return
            due, data = self.waiting[0]
            wait = due - proxy.loop.time()
            if wait > 0:
                proxy.loop.call_later(wait, self.pump)
                return
            self.waiting.popleft()
            self._size -= len(data)
            self._send(data, self.sink.transport)
        if self._size <= _MOST_WAITING and self.source is not None and self.source.transport:
            self.source.transport.resume_reading()

    def _send(self, data: bytes, sink: asyncio.Transport) -> None:
        proxy = self.link.proxy
        if self.direction == "up" and proxy.cuts:
            rest = proxy.cuts[0] - proxy.forwarded["up"]
            if len(data) >= rest:
                proxy.cuts.popleft()
                self.left = rest
        if self.left is not None and len(data) >= self.left:
            proxy.forwarded[self.direction] += self.left
            sink.write(data[: self.left])
            self._record(data[: self.left])
            self.link.cut(reset=False)
        elif data:
            if self.left is not None:
                self.left -= len(data)
            sink.write(data)
            self._record(data)
            proxy.forwarded[self.direction] += len(data)
        else:
            self.ended = True
            if self.link.up.ended and self.link.down.ended:
                self.link.cut(reset=False)
            elif not sink.is_closing():
                with contextlib.suppress(OSError):  # it was reset, and we are told next
                    sink.write_eof()

    def _record(self, data: bytes) -> None:
        if self.link.recorded is not None:
            self.link.recorded[self.direction] += data


class _Link:
    """One connection to the proxy, and the one it makes for it."""

    def __init__(self, proxy: TcpProxy) -> None:
        self.proxy: Final = proxy
        self.recorded: dict[Direction, bytearray] | None = None
        if proxy.records is not None:
            self.recorded = {direction: bytearray() for direction in BOTH}
            proxy.records.append(self.recorded)
        self.held = proxy.held
        self.up: Final = _Flow(self, "up")
        self.down: Final = _Flow(self, "down")
        self.near: Final = _NearEnd(self.up)
        self.far: Final = _End(self.down)
        self.up.source = self.down.sink = self.near
        self.up.sink = self.down.source = self.far
        self.near.flow_out, self.far.flow_out = self.down, self.up

    async def reach(self) -> None:
        """Connect to the upstream; who connected is reset if it is not there."""
        loop, upstream = self.proxy.loop, self.proxy.upstream
        try:
            if isinstance(upstream, str):
                await loop.create_unix_connection(lambda: self.far, upstream)
            else:
                await loop.create_connection(lambda: self.far, *upstream)
        except OSError:
            self.cut(reset=True)
            return
        if self not in self.proxy.links:  # it was cut while it connected
            self.cut(reset=True)
            return
        self.up.pump()

    def lost(self, end: _End, *, reset: bool) -> None:
        """One socket was reset, or we have closed it."""
        other = self.far if end is self.near else self.near
        if other.transport is None or other.transport.is_closing():
            self.proxy.links.pop(self, None)
        elif self.held:
            end.flow_in.take(b"")  # nobody is told while the line is dead
        else:
            self.cut(reset=reset)

    def cut(self, *, reset: bool) -> None:
        """Close both sockets, by FIN or by RST; what waits is thrown away."""
        self.proxy.links.pop(self, None)
        for end in (self.near, self.far):
            if end.transport is not None:
                _close(end.transport, reset=reset)


class _NearEnd(_End):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        link = self.flow_in.link
        if link.proxy.is_stopping:  # it was accepted in the turn before
            link.cut(reset=True)
            return
        link.proxy.accepted += 1
        link.proxy.links[link] = None
        link.proxy.keep(link.reach())


def _close(transport: asyncio.Transport, *, reset: bool) -> None:
    if not reset:
        transport.close()
        return
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0 and sock.family != socket.AF_UNIX:
        # Zero seconds of linger: close() sends RST (RFC 9293, section 3.10.4).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class TcpProxy:
    """Stand between a client and `upstream`, and break what a test says.

    It lives in a thread with an event loop of its own, so that it goes on while
    a test blocks; its methods return when what they say is so. Use it as a
    context manager.

    Args:
        upstream: the path of a Unix socket, or a host and a port.
        recording: keep what is passed on.

    Attributes:
        port: where it listens, on 127.0.0.1; the same for all its life.
        accepted: connections it was asked for.
        forwarded: bytes it has passed on, by direction.
        cuts: of all bytes upstream, those after which their connection is cut, in order;
            set before anybody connects.
        records: what was passed on, by direction, for each connection in turn, if it is kept.
        is_stopping: who connects now is reset.
    """

    def __init__(self, upstream: str | tuple[str, int], *, recording: bool = False) -> None:
        self.upstream: Final = upstream
        self.records: Final[list[dict[Direction, bytearray]] | None] = [] if recording else None
        self.accepted = 0
        self.forwarded: Final[dict[Direction, int]] = {"up": 0, "down": 0}
        self.cuts: Final[deque[int]] = deque()
        self.held: frozenset[Direction] = frozenset()
        self.seconds = 0.0
        self.links: Final[dict[_Link, None]] = {}
        self.loop: Final = asyncio.new_event_loop()
        self.is_stopping = False
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._server: asyncio.Server | None = None
        self._thread: Final = threading.Thread(
            target=self.loop.run_forever, name="tcp-proxy", daemon=True
        )
        self.port = 0

    @property
    def url(self) -> str:
        """Where an HTTP client connects."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        """Where a client of Redis connects."""
        return f"redis://127.0.0.1:{self.port}/0"

    # What a test does to the line

    def cut(self, *, reset: bool = False, count: int | None = None) -> int:
        """Cut `count` connections, the oldest first (all by default); return how many."""

        def work() -> int:
            links = list(self.links)[:count]
            for link in links:
                link.cut(reset=reset)
            return len(links)

        return self._do(work)

    def refuse(self) -> None:
        """Refuse new connections from now on; those that are there live."""
        self._run(self._stop_listening())

    def accept(self) -> None:
        """Take new connections again."""
        self._run(self._listen())

    def delay(self, seconds: float) -> None:
        """Hand on everything that comes from now on `seconds` later, in order."""

        def work() -> None:
            self.seconds = seconds

        self._do(work)

    def hold(self, directions: Collection[Direction] = BOTH, *, new: bool = True) -> None:
        """Accept, and hand on nothing, not even an end: a line that is dead and looks alive.

        Unless `new`, only the connections that are there now are dead.
        """

        def work() -> None:
            held = frozenset(directions)
            for link in self.links:
                link.held = held
            self.held = held if new else frozenset()

        self._do(work)

    def release(self) -> None:
        """Hand on what was held, and hold no more: the network is back."""

        def work() -> None:
            self.held = frozenset()
            for link in list(self.links):
                link.held = frozenset()
                link.up.pump()
                link.down.pump()

        self._do(work)

    def truncate(self, after: int, *, count: int | None = None) -> int:
        """Cut connections after `after` more bytes downstream; return how many will be."""

        def work() -> int:
            links = list(self.links)[:count]
            for link in links:
                link.down.left = after
            return len(links)

        return self._do(work)

    # Life

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def keep(self, work: Awaitable[None]) -> None:
        """Run `work` on the proxy's own loop."""
        task = cast("asyncio.Task[None]", asyncio.ensure_future(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await self.loop.create_server(
                lambda: _Link(self).near, "127.0.0.1", self.port, backlog=4096
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            self.loop.remove_reader(server.sockets[0].fileno())
            # Whoever was accepted in this turn needs the server in the next, or hangs for ever.
            await self._turn(0.0)
            server.close()

    async def _stop(self) -> None:
        self.is_stopping = True
        await self._stop_listening()
        for link in list(self.links):
            link.cut(reset=True)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._turn(0.01)  # transports close in a later turn

    async def _turn(self, seconds: float) -> None:
        turned = self.loop.create_future()
        self.loop.call_later(seconds, turned.set_result, None)
        await turned

    def _do(self, work: Callable[[], T]) -> T:
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is the test's
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(DEADLINE)

    def _run(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE)
