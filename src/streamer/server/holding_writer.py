"""A writer whose head waits for what follows it at once: one packet, one call of the system."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from .transport_writer import TransportWriter

#: Bytes that are held back, at most: a replay is to fill the transport as at any other time.
_HELD_BYTES: Final = 4096
_logger: Final = logging.getLogger(__name__)
_NONE: Final[tuple[str, ...]] = ()


class HoldingWriter(TransportWriter):
    """Holds a head back for one turn of the loop, or until `let_go`; mixed into a protocol."""

    __slots__ = _NONE  # as of its base

    #: What is held back; empty is nothing.
    _held: bytes

    def hold(self, head: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Write `head`, soon: whatever is written in this turn goes with it."""
        self._held = head
        loop.call_soon(self.let_go)

    def let_go(self) -> None:
        """Write what was held.

        The loop calls it, which nobody stands above: a transport that raises is cut here.
        """
        if not self._held or self.lost or self.transport.is_closing():
            return
        try:
            self.send(b"")
            self.written()
            if self.taker is not None:
                self.taker.requeued()
        except Exception:
            _logger.exception("a connection could not be written to, and is cut")
            self.transport.abort()

    def send(self, data: bytes) -> None:
        """Hand `data` to the transport, behind what was held."""
        held, self._held = self._held, b""
        self.transport.write(held + data)

    def write(self, buffer: bytes) -> None:
        """Hand `buffer` to the transport, or hold it for as long as the head may wait."""
        if not self._held:
            super().write(buffer)
        elif not self.lost:
            self._held += buffer
            if len(self._held) > _HELD_BYTES:
                self.let_go()

    def descriptor(self) -> int | None:
        """The socket, once the head is sent."""
        return None if self._held else super().descriptor()
