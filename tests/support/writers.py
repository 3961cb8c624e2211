"""A transport that a test fills and drains by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from streamer.hub.writer import Taker
from streamer.wire.form import Form
from streamer.wire.websocket import LINES


class FakeWriter:
    """Keep what is written until a test takes it, as a network would.

    Attributes:
        taken: every frame the far end has received, decoded, in order.
        closed: the code and the reason of `close`; of an abort, -1.
        on_frame: called with each frame when it is written, before it is taken.
    """

    def __init__(self, *, high_water: int = 1 << 20, form: Form = LINES) -> None:
        self.form: Form = form
        self.full = False
        self.lost = False
        self.taker: Taker | None = None
        self.taken: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.writes: list[bytes] = []
        self.on_frame: Callable[[dict[str, Any]], None] = lambda _frame: None
        self._waiting: list[bytes] = []
        self._size = 0
        self._high_water = high_water
        self._low_water = high_water // 4

    def write(self, buffer: bytes) -> None:
        assert self.closed is None, f"written after the end: {buffer!r}"
        if self.lost:
            return
        self.writes.append(buffer)
        for line in buffer.splitlines():
            self.on_frame(msgspec.json.decode(line))
            self._waiting.append(line)
        self._size += len(buffer)
        if self._size > self._high_water and not self.full:
            self.full = True
            if self.taker is not None:
                self.taker.filled()

    def descriptor(self) -> None:
        """A fake has none."""

    def pending(self) -> int:
        return self._size

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None, f"ended twice: {self.closed}, then {code} {reason}"
        self.closed = (code, reason)

    def abort(self) -> None:
        self.closed = (-1, "aborted")
        self._waiting.clear()

    def take(self, count: int = 1 << 30) -> None:
        """Let the far end receive up to `count` frames."""
        lines, self._waiting = self._waiting[:count], self._waiting[count:]
        for line in lines:
            self._size -= len(line) + 1
            self.taken.append(msgspec.json.decode(line))
        if self.full and self._size <= self._low_water:
            self.full = False
            if self.taker is not None:
                self.taker.drained()

    def lose(self) -> None:
        """Cut the connection: what was not taken is lost."""
        self._waiting.clear()
        self._size = 0
        self.lost = True
        if self.taker is not None:
            self.taker.gone()

    def types(self) -> list[str]:
        """The types of what was received, in order."""
        return [frame["type"] for frame in self.taken]

    def ids(self) -> list[str]:
        """The ids of the events received, in order."""
        return [frame["id"] for frame in self.taken if "id" in frame]
