"""A writer that is an asyncio protocol: what it is given goes to its own transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from ..hub.writer import Taker
    from ..wire.form import Form


_NONE: Final[tuple[str, ...]] = ()


class TransportWriter:
    """The part of a `Writer` that HTTP and WebSocket have in common; mixed into a protocol.

    Attributes:
        form, full, lost, taker: as of a `Writer`.
        drain_seconds: what streams are given to end, once the server ends.
    """

    __slots__ = _NONE  # the protocol has them: of two bases only one may have any

    #: On a server that is not ours, nobody sets it: short, for a person may wait.
    drain_seconds: ClassVar[float] = 1.0

    transport: asyncio.Transport
    form: Form
    full: bool = False
    lost: bool = False
    taker: Taker | None = None

    def write(self, buffer: bytes) -> None:
        """Hand `buffer` to the transport, behind whatever is queued there.

        A transport that is lost is left alone: uvloop's raises at every call.
        """
        if not self.lost:
            self.transport.write(buffer)
            self.written()

    def written(self) -> None:
        """Report to the reader if what was just written to the transport had to be queued."""
        if self.taker is not None and self.pending():
            self.taker.requeued()

    def limit(self, high_water: int) -> None:
        """Be full beyond `high_water` bytes that the network has not taken."""
        if not self.lost:
            self.transport.set_write_buffer_limits(high=high_water)

    def descriptor(self) -> int | None:
        """The socket, if the transport adds nothing to it and has nothing queued.

        Both uvloop and asyncio call `connection_lost`, and so `Taker.gone`,
        before they close a socket: its number is not another connection's while
        it is in use here.
        """
        if self.lost or self.pending() or self.transport.get_extra_info("ssl_object") is not None:
            return None
        number: int = self.transport.get_extra_info("socket").fileno()
        return number if number >= 0 else None

    def pending(self) -> int:
        """Bytes that the network has not taken yet."""
        return 0 if self.lost else self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Cut the connection; the reader knows."""
        self.taker = None
        if not self.lost:
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

    def tell_retired(self) -> None:
        """The server ends."""
        if self.taker is not None:
            self.taker.retired(self.drain_seconds)

    def tell_gone(self) -> None:
        """The connection is lost, or the client ended it."""
        self.lost = True
        taker, self.taker = self.taker, None
        if taker is not None:
            taker.gone()
