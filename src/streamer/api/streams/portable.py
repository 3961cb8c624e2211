"""A writer over any ASGI server: buffers wait here until `send` takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from ...wire.form import Form

if TYPE_CHECKING:
    from ...hub.writer import Taker


class PortableWriter:
    """Collects what the hub writes; `buffers` hands it on, joined.

    At most `high_water` bytes and one write wait here: beyond that the reader
    is lagging, and is a cursor.

    Attributes:
        close_code, close_reason: for a WebSocket's close frame, once closed.
        was_cut: whether it ended before its end.
    """

    def __init__(self, form: Form, *, high_water: int) -> None:
        self.form = form
        self.full = False
        self.lost = False
        self.taker: Taker | None = None
        self.close_code = 1000
        self.close_reason = ""
        self.was_cut = False
        self._high_water = high_water
        self._buffers: list[bytes] = []
        self._size = 0
        self._open = True
        self._news = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._cut: Callable[[], object] | None = None

    def write(self, buffer: bytes) -> None:
        """Keep `buffer` until `send` takes it."""
        if self.lost:
            return
        self._buffers.append(buffer)
        self._size += len(buffer)
        self._news.set()
        if self._size > self._high_water and not self.full:
            self.full = True
            self._drained.clear()
            if self.taker is not None:
                self.taker.filled()

    def descriptor(self) -> None:
        """None: what lies under `send` is not ours."""

    def pending(self) -> int:
        """Bytes not yet taken by `send`."""
        return self._size

    def close(self, code: int, reason: str) -> None:
        """End after what was written."""
        self.close_code, self.close_reason = code, reason
        self._open = False
        self._news.set()

    def abort(self) -> None:
        """End now."""
        self.was_cut = True
        self.close(4408, "send timeout")
        self._buffers.clear()
        if self._cut is not None:
            self._cut()

    def lose(self) -> None:
        """The connection is over; nothing is kept for it any more."""
        self.lost = True
        self._buffers.clear()
        self._open = False
        self._news.set()
        self._drained.set()
        taker, self.taker = self.taker, None
        if taker is not None:
            taker.gone()

    async def drained(self) -> None:
        """Return when the writer is not full; whoever asks for replies waits for it."""
        await self._drained.wait()

    def on_abort(self, cut: Callable[[], object]) -> None:
        """Call `cut` when the stream must end though `send` does not return."""
        self._cut = cut

    async def buffers(self) -> AsyncIterator[bytes]:
        """What was written, joined, until closed; resumed when `send` has taken it."""
        while True:
            while self._buffers:
                size = self._size
                joined = b"".join(self._buffers)
                self._buffers.clear()
                yield joined
                self._size -= size
                if self.full and self._size <= self._high_water // 4:
                    self.full = False
                    self._drained.set()
                    if self.taker is not None:
                        self.taker.drained()
            if not self._open:
                return
            self._news.clear()
            await self._news.wait()
