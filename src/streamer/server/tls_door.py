"""A connection that is to speak TLS: until it does, it waits, and is counted and bounded."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, ClassVar, Final, cast

from ..errors import InvalidRequest
from ..limits import RequestLimits
from ..wire.refusal import refusal
from .acceptance import LAST_CALL, Acceptance, address_of
from .certificate import CertificateFiles

_logger: Final = logging.getLogger(__name__)

#: What a TLS connection begins with: a record of its handshake (RFC 8446, section 5.1).
_HANDSHAKE: Final = 22


class TlsDoor(asyncio.Protocol):
    """The first protocol of a connection; the one that speaks HTTP follows, over TLS.

    The event loop could open TLS by itself: connections in a handshake would then be counted
    nowhere, and plain HTTP be cut off without a word.

    Args:
        arguments: what uvicorn gives to the protocol that follows.
    """

    limits: ClassVar[RequestLimits] = RequestLimits()
    acceptance: ClassVar[Acceptance] = Acceptance()
    certificate: ClassVar[CertificateFiles]
    #: The protocol that follows.
    inner: ClassVar[type[asyncio.Protocol]]

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - uvicorn's own
        self._arguments: Final = arguments
        self._connections: Final[set[Any]] = arguments["server_state"].connections
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._lost = False
        self.party: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, if there is room."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + self.limits.head_seconds
        # What the network does not take is then held, and counted, where it is encrypted.
        self._transport.set_write_buffer_limits(high=0)
        self._connections.add(self)
        peer = transport.get_extra_info("peername")
        client = address_of((peer[0], peer[1]) if isinstance(peer, tuple) else None)
        self._client = "" if client is None else client[0]
        if not self.acceptance.enter(self, self._client):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Begin the handshake with the first bytes; all others are for those who follow."""
        if data[0] != _HANDSHAKE:
            _logger.info("%s: refused: it does not speak TLS", self._client)
            error = InvalidRequest("this port speaks TLS: ask by https or wss")
            self._transport.write(refusal(error))
            self._transport.close()
            return
        self._transport.pause_reading()
        self._task = self._loop.create_task(self._open())
        # Behind what `start_tls` schedules in its first step: the start of the protocol
        # that these bytes are for.
        self._loop.call_soon(self._loop.call_soon, self._feed, data)

    async def _open(self) -> None:
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                self.certificate.now.context,
                server_side=True,
                ssl_handshake_timeout=self.limits.head_seconds,
                ssl_shutdown_timeout=self.limits.take_seconds,
            )
        except OSError as error:  # of which those of TLS, and of time, are
            _logger.info("%s: no TLS: %s", self._client, error)
            self._transport.abort()
            return
        finally:
            self._leave()
        if self._lost or transport is None:
            return
        # uvloop hands on what came behind the handshake after this step, and not before.
        protocol = self.inner(**self._arguments)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _feed(self, data: bytes) -> None:
        below = self._transport.get_protocol()
        if below is not self:
            into = cast("asyncio.BufferedProtocol", below)
            memoryview(into.get_buffer(len(data)))[: len(data)] = data
            into.buffer_updated(len(data))

    def look(self, now: float) -> None:
        """End the connection if its handshake takes too long."""
        if now >= self._deadline:
            self._transport.abort()

    def give_way(self) -> None:
        """End the connection, which waits, in favour of another."""
        self._transport.abort()

    def shutdown(self) -> None:
        """The server ends: a handshake that is over soon is for a request."""
        self._loop.call_later(LAST_CALL, self._cut)

    def _cut(self) -> None:
        if not self._lost and self._transport.get_protocol() is self:
            self._transport.abort()

    def eof_received(self) -> bool:
        """Close it: a client that says nothing more opens nothing."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's own
        """Make room for another."""
        self._lost = True
        self._leave()

    def _leave(self) -> None:
        self.acceptance.leave(self)
        self._connections.discard(self)
