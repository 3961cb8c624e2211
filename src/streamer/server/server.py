"""One server process: uvicorn around the app, stopping in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import signal
import socket as socket_module
from collections.abc import Sequence
from socket import AF_INET, AF_INET6, IPPROTO_TCP, socket
from types import FrameType
from typing import Any, Final

import msgspec
import uvicorn

from ..api.hosts import hosts_of
from ..app import create_app
from ..config.settings import Settings
from ..hub.heartbeat import Wheel
from ..hub.hub import Hub
from ..limits import RequestLimits
from ..metrics import Metrics
from ..processes.log_lines import write_log
from ..processes.stop_signals import rereads_at_hangup, stop_signals
from ..prometheus.counting import Counting
from .acceptance import Acceptance
from .certificate import CertificateFiles
from .descriptors import Room, make_room
from .http1 import FastHttp
from .last_accept import stop_listening
from .prompt import BehindProxies
from .tls_door import TlsDoor
from .websocket import FastWebSocket

logger = logging.getLogger(__name__)

#: Seconds after the drain until what is left is cancelled: a reader that reads
#: nothing would hold SIGTERM for ever, and loses nothing by being cut off.
_MARGIN: Final = 1
#: Seconds between two looks whether the drain is to be cut short.
_LOOK_AGAIN: Final = 0.1
#: Calls of uvicorn's `on_tick` in a second.
_TICKS: Final = 10
#: Bytes of one frame from a client: commands name a topic and an id.
COMMAND_BYTES: Final = 16 * 1024


#: More new objects than freed before the young are collected; young collections
#: before the middle, and middle ones before the old (`gc.set_threshold`). What is left of
#: a connection that was long is old: it is garbage until a million objects are more than
#: were, some 160 MB at the very worst, and until a quarter is.
COLLECT_AFTER: Final = (20_000, 5, 10)


class _Protocols:
    """The protocol classes of one process, with its settings and its connections."""

    def __init__(self, settings: Settings, room: Room, metrics: Metrics) -> None:
        limits_ = RequestLimits(
            head_bytes=settings.max_head_bytes,
            head_seconds=settings.head_timeout,
            body_seconds=settings.body_timeout,
            take_seconds=settings.send_timeout,
            silence_seconds=settings.pong_timeout,
            frames_per_second=settings.command_rate,
        )
        acceptance_ = Acceptance(room.connections, room.waiting, metrics)
        silence_: Wheel[FastWebSocket] = Wheel()

        class Http(FastHttp):
            limits = limits_
            acceptance = acceptance_
            is_looked_at = True
            drain_seconds = settings.drain_seconds

        class WebSocket(FastWebSocket):
            limits = limits_
            acceptance = acceptance_
            drain_seconds = settings.drain_seconds
            silence = silence_

        self.http: Final = Http
        self.websocket: Final = WebSocket
        self.certificate: CertificateFiles | None = None
        #: What a new connection begins with.
        self.first: type[asyncio.Protocol] = Http
        if settings.tls_cert is not None:
            self.certificate = files_ = CertificateFiles(settings.tls_cert, settings.tls_key)

            class Door(TlsDoor):
                limits = limits_
                acceptance = acceptance_
                certificate = files_
                inner = Http

            self.first = Door

    def tick(self, now: float) -> None:
        """Let a second pass."""
        if self.certificate is not None:
            self.certificate.look(now)
        self.http.acceptance.tick(now)
        for socket_ in self.websocket.silence.tick():
            socket_.is_there()

    def leave(self) -> None:
        """Give those who come from now on, or have asked nothing yet, a last moment."""
        self.http.leaving = self.websocket.leaving = True


class _Server(uvicorn.Server):
    """uvicorn, asking every reader to reconnect elsewhere before it stops.

    The hub of an app within another is not known here: its streams are told that the
    server ends, and have it drain.
    """

    def __init__(
        self, config: uvicorn.Config, protocols: _Protocols, hub: Hub | None, drain_seconds: float
    ) -> None:
        super().__init__(config)
        self._protocols: Final = protocols
        self._hub: Final = hub
        self._drain_seconds: Final = drain_seconds
        self._reread = False

    def read_again(self) -> None:
        """Read the certificate again, soon: this is called by a signal, in between anything."""
        self._reread = True

    async def on_tick(self, counter: int) -> bool:
        """Look at connections once a second; uvicorn calls it ten times."""
        if counter % _TICKS == 0:
            self._protocols.tick(asyncio.get_running_loop().time())
        if self._reread and self._protocols.certificate is not None:
            self._reread = False
            self._protocols.certificate.read_again()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order at the first signal, and at once at the second, whichever it is."""
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Drain, then stop: whoever connects in between is asked to come back."""
        self._protocols.http.retiring = True
        if self._hub is not None:
            draining = asyncio.create_task(self._hub.drain(self._drain_seconds))
            while not draining.done() and not self.force_exit:
                await asyncio.wait((draining,), timeout=_LOOK_AGAIN)
            draining.cancel()
        self._protocols.leave()
        await stop_listening(self.servers, self._protocol)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """What uvicorn gives a new connection."""
        return self._protocols.first(  # type: ignore[call-arg]  # of uvicorn's protocols
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def serve(
    settings: Settings,
    *,
    sockets: Sequence[socket] | None = None,
    application: Any = None,  # noqa: ANN401 - an ASGI app of any framework
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, on `sockets` or where `settings` say.

    What is served is `application`, by default Streamer alone. With a certificate, SIGHUP
    has it read again instead, unless a terminal could have sent it.

    Raises:
        InvalidCertificate: there is one, and it cannot be used.
    """
    write_log(settings.log_level, settings.log_format)
    rereads = rereads_at_hangup(has_certificate=settings.tls_cert is not None)
    hangs_up = signal.SIGHUP in stop_signals()
    # uvicorn raises the signal again when it is done, so that the exit code would
    # say "killed": an end in order is 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    room = make_room(settings.max_connections)
    metrics = Counting()
    protocols = _Protocols(settings, room, metrics)
    if application is None:
        app = create_app(
            msgspec.structs.replace(_with_hosts(settings), max_connections=room.readers),
            metrics=metrics,
        )
        config, hub = _config(app, settings, protocols), app.state.hub
        if app.state.prompt is not None:
            prompt = BehindProxies(app.state.prompt, config.forwarded_allow_ips)
            protocols.http.prompt = protocols.websocket.prompt = prompt
        # Commands are small; 1009 closes a connection that sends anything larger.
        config.ws_max_size = COMMAND_BYTES
    else:
        config, hub = _config(application, settings, protocols), None
        config.timeout_graceful_shutdown = math.ceil(settings.drain_seconds) + _MARGIN
    server = _Server(config, protocols, hub, settings.drain_seconds)
    for listening in sockets or ():
        cut_the_dead(listening, settings.send_timeout)
    if rereads:
        signal.signal(signal.SIGHUP, lambda *_: server.read_again())
    elif hangs_up:  # uvicorn itself knows of the other two only
        signal.signal(signal.SIGHUP, lambda _, frame: server.handle_exit(signal.SIGTERM, frame))
    _spare_the_collector()
    server.run(sockets=list(sockets) if sockets is not None else None)


def _with_hosts(settings: Settings) -> Settings:
    """The settings with the hosts that a server has which listens where they say."""
    hosts = hosts_of(settings.host, settings.allowed_hosts)
    if not settings.allowed_hosts and "*" in hosts:
        logger.warning(
            "every Host is accepted: set STREAMER_ALLOWED_HOSTS to the names of this server, "
            "so that no web page can read it under a name of its own"
        )
    return msgspec.structs.replace(settings, allowed_hosts=hosts)


def _spare_the_collector() -> None:
    """Collect cycles seldom, and never look at the program itself again.

    Every idle reader is a dozen objects that live for hours. With the defaults,
    the cyclic collector walks all of them again and again: a tenth of the time
    of a fan-out to a thousand readers, and pauses of tens of milliseconds with
    ten thousand. What is freed by reference counting alone is not affected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    gc.enable()  # `streamer serve` begins without


def cut_the_dead(listening: socket, seconds: float) -> None:
    """Let the kernel cut connections whose client acknowledges nothing for so long.

    Accepted connections inherit it. The reader of a stream sends nothing by itself:
    that its network is gone shows only in what is sent to it, and by default after
    some fifteen minutes (tcp(7), TCP_USER_TIMEOUT; only Linux has it).
    """
    option: int | None = getattr(socket_module, "TCP_USER_TIMEOUT", None)
    if option is not None and listening.family in {AF_INET, AF_INET6}:
        listening.setsockopt(IPPROTO_TCP, option, round(seconds * 1000))


def _config(
    app: Any,  # noqa: ANN401 - an ASGI app of any framework
    settings: Settings,
    protocols: _Protocols,
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=protocols.first,
        ws=protocols.websocket,
        # A frame that is shared by all readers cannot be compressed for each.
        ws_per_message_deflate=False,
        # The hub's wheel of heartbeats pings every reader, without a timer each.
        ws_ping_interval=None,
        timeout_keep_alive=math.ceil(settings.keep_alive),
        timeout_graceful_shutdown=_MARGIN,
        access_log=settings.log_level == "debug",
        server_header=False,
        log_config=None,
    )
