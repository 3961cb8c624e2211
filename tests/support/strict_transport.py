"""A transport of asyncio that is as strict as uvloop's once it is closed."""

from __future__ import annotations

import asyncio
import socket
from asyncio import selector_events
from collections.abc import Callable
from typing import Any

_Transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]


class StrictTransport(_Transport):  # type: ignore[misc]
    """Raise on every use after the connection is lost, where asyncio looks away.

    Attributes:
        on_write: called with each buffer before it is written; it may raise.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: asyncio.Protocol
    ) -> None:
        self.on_write: Callable[[bytes], None] = lambda _data: None
        super().__init__(loop, sock, protocol)

    def write(self, data: bytes) -> None:
        self._refuse_if_closed()
        self.on_write(data)
        super().write(data)

    def get_write_buffer_size(self) -> int:
        self._refuse_if_closed()
        size: int = super().get_write_buffer_size()
        return size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._refuse_if_closed()
        super().set_write_buffer_limits(high, low)

    def _refuse_if_closed(self) -> None:
        if self._sock is None:
            raise RuntimeError("unable to perform operation on a transport that is closed")
