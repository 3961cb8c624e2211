"""A whole server without a network: its protocols, its app and its clients on a turned loop.

Everything happens in turns, so that a test reaches every point between two of them:
whatever a client does there, it does after each await of the server in turn.
"""

from __future__ import annotations

import re
import socket
from typing import Any, Final

import uvicorn
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.new_event import new_event
from streamer.server.http1 import FastHttp
from streamer.server.websocket import FastWebSocket

from .pausing import PausingEventLog
from .servers import FakeClock
from .strict_transport import StrictTransport
from .turning import TurningLoop
from .waiting import wait_until_blocking
from .wall import Wall

_NUMBER: Final = re.compile(rb'"number":(\d+)')
#: Signs of life: a comment in a chunk of its own, and a ping without a payload.
_BEATS: Final = (b"2\r\n:\n\r\n", b"\x89\x00")

_SMALL: Final = Settings(send_timeout=5.0, high_water=4096)

HANDSHAKE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Stage:
    """One server process, over an event log in memory that answers when it is let.

    Args:
        settings: the server's; small by default.
        is_prompt: whether what has to wait for nothing is answered without a task.
        wired: what `create_app` is given beside settings and log.
    """

    def __init__(
        self,
        settings: Settings = _SMALL,
        *,
        is_prompt: bool = False,
        **wired: Any,  # noqa: ANN401 - as `create_app` has them
    ) -> None:
        self.loop: Final = TurningLoop()
        self.log: Final = PausingEventLog(MemoryEventLog(clock=FakeClock()))
        self.settings: Final = settings
        self.wall: Final = Wall(self.loop)
        self.app: Final = create_app(self.settings, self.log, clock=self.wall, **wired)
        self.hub: Final = self.app.state.hub

        class Http(FastHttp):
            prompt = self.app.state.prompt if is_prompt else None

        class WebSocket(FastWebSocket):
            prompt = Http.prompt

        self.http: Final = Http
        self.config: Final = uvicorn.Config(
            self.app,
            http=Http,
            ws=WebSocket,
            lifespan="off",
            ws_ping_interval=None,
            log_config=None,
        )
        self.config.load()
        self.state: Final = ServerState()
        self.peers: Final[list[Peer]] = []
        self._number = 0

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass, as a clock does it: a little at a time."""
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            self.loop.advance(min(0.25, end - self.loop.time()))

    def publish(self, *topics: str, text: str = "") -> int:
        """Publish one event to `topics`; return the number in it."""
        self._number += 1
        fields = {"number": self._number, "text": text}
        self.loop.run(self.log._log.append(new_event(topics, "note", fields)))
        return self._number

    def step(self) -> None:
        """Let one read of the log go on, and let what is ready run, once: the smallest step."""
        for peer in self.peers:
            peer.go_on()
        self.log.let_one()
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def settle(self) -> None:
        """Let everything that is under way come to rest."""
        self.step()
        self.log.let_all()
        self.loop.turn(30)

    def end(self) -> None:
        self.log.let_all()
        for peer in self.peers:
            peer.leave()
            peer.transport.abort()

        def is_idle() -> bool:
            self.settle()
            if self.state.tasks:
                self.pass_seconds(0.25)
            return not self.state.tasks

        # Files are closed in a thread, whose time is not the stage's.
        wait_until_blocking(is_idle, "a request whose client had left did not end")
        self.loop.run(self.hub.close())
        self.loop.finish()


class Peer:
    """A client's end of one connection to our own protocols.

    Args:
        request: what is sent first: a target, headers, and what follows the head.
        until: bytes of it that are sent; None is all.
    """

    def __init__(
        self,
        stage: Stage,
        target: str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
        until: int | None = None,
    ) -> None:
        self.stage: Final = stage
        self.received = b""
        self._frames = b""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
        server, self._socket = socket.socketpair()
        for end in (server, self._socket):
            end.setblocking(False)
        protocol = stage.http(stage.config, stage.state, {}, stage.loop)
        self.transport: Final = StrictTransport(stage.loop, server, protocol)
        stage.peers.append(self)
        self._socket.send(request[:until])
        self._rest: Final = b"" if until is None else request[until:]

    def send_rest(self) -> None:
        """Send what there is of the request beyond `until`."""
        self._socket.send(self._rest)

    def send_frames(self, *texts: str) -> None:
        """Send text frames once the handshake is over, masked (RFC 6455, section 5.3)."""
        self.send_wire(
            b"".join(Frame(Opcode.TEXT, text.encode()).serialize(mask=True) for text in texts)
        )

    def send_wire(self, frames: bytes) -> None:
        """Send frames as they are, once the handshake is over."""
        self._frames = frames

    def go_on(self) -> None:
        """Send what had to wait for the answer to a handshake."""
        if self._frames and self.take().startswith(b"HTTP/1.1 101"):
            frames, self._frames = self._frames, b""
            self._socket.send(frames)

    def take(self) -> bytes:
        """Receive what has come; return all that ever came."""
        try:
            while part := self._socket.recv(1 << 16):
                self.received += part
        except (BlockingIOError, OSError):
            pass
        return self.received

    @property
    def numbers(self) -> list[int]:
        """Numbers of the events received, in order."""
        return [int(number) for number in _NUMBER.findall(self.take())]

    @property
    def beats(self) -> int:
        """Signs of life received."""
        return sum(self.take().count(beat) for beat in _BEATS)

    def narrow(self) -> None:
        """Let the network hold a few events and no more."""
        sending = self.transport.get_extra_info("socket")
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()

    def break_at(self, write: int, how: str) -> None:
        """At the server's write number `write`, from 0: the connection `breaks`, or it `raises`."""
        left = write

        def on_write(_data: bytes) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                return
            if how == "raises":
                raise RuntimeError("the transport raises")
            self._socket.close()

        self.transport.on_write = on_write
