"""A writer that is an asyncio protocol: what it is given goes to its own transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire.form import Form
    from .writer import Taker


class TransportWriter:
    """The part of a `Writer` that HTTP and WebSocket have in common; mixed into a protocol.

    Attributes:
        form, full, taker: as of a `Writer`.
    """

    transport: asyncio.Transport
    form: Form
    full: bool = False
    taker: Taker | None = None

    def write(self, buffer: bytes) -> None:
        """Hand `buffer` to the transport, behind whatever is queued there."""
        self.transport.write(buffer)
        self.written()

    def written(self) -> None:
        """Tell the reader if what was just written to the transport had to be queued."""
        if self.taker is not None and self.transport.get_write_buffer_size():
            self.taker.requeued()

    def descriptor(self) -> int | None:
        """The socket, if the transport adds nothing to it and has nothing queued.

        Both uvloop and asyncio call `connection_lost`, and so `Taker.gone`,
        before they close a socket: its number is not another connection's while
        it is in use here.
        """
        if self.pending() or self.transport.get_extra_info("ssl_object") is not None:
            return None
        number: int = self.transport.get_extra_info("socket").fileno()
        return number if number >= 0 else None

    def pending(self) -> int:
        """Bytes that the network has not taken yet."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Cut the connection; the reader knows."""
        self.taker = None
        self.transport.abort()

    def tell_filled(self) -> None:
        """The transport is over its high-water mark."""
        self.full = True
        if self.taker is not None:
            self.taker.filled()

    def tell_drained(self) -> None:
        """The transport is below its low-water mark again."""
        self.full = False
        if self.taker is not None:
            self.taker.drained()

    def tell_gone(self) -> None:
        """The connection is lost, or the client ended it."""
        taker, self.taker = self.taker, None
        if taker is not None:
            taker.gone()
