"""Takes what a WebSocket's client sends, no faster than it is handled and its rate allows."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from ..api.rate import Pace
from ..limits import FRAME_BURST, RequestLimits
from ..wire.client_frames import ClientFrames, Received, Violation


class FrameIntake(ABC):
    """The part of a connection that reads frames; of none while nothing is under way.

    Attributes:
        most_bytes: of one message.
    """

    #: Bounds: the process's own.
    limits: ClassVar[RequestLimits] = RequestLimits()

    __slots__ = ("_frames", "_loop", "_pace", "_rest", "most_bytes")

    #: What came and is not whole, or waits.
    _frames: ClientFrames | None
    _rest: asyncio.TimerHandle | None

    def __init__(self, loop: asyncio.AbstractEventLoop, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._loop = loop
        self._frames = self._rest = None
        self._pace = Pace(self.limits.frames_per_second, FRAME_BURST)

    @property
    @abstractmethod
    def waits(self) -> bool:
        """Whether nothing is to be taken now: something of before is not done."""

    @property
    @abstractmethod
    def may_deflate(self) -> bool:
        """Whether the client may compress."""

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether nothing is read any more, nor may the transport be asked to."""

    @abstractmethod
    def take(self, received: Received) -> None:
        """Handle one frame."""

    @abstractmethod
    def cut_off(self, violation: Violation) -> None:
        """End the connection for what it sent."""

    @abstractmethod
    def let_come(self, *, more: bool) -> None:
        """Have the transport read `more`, or not."""

    def feed(self, data: bytes) -> None:
        """Take what came, as far as there is no reason to wait."""
        if self._frames is None:
            self._frames = ClientFrames(self.most_bytes, may_deflate=self.may_deflate)
        self._frames.feed(data)
        self.read_on()

    def read_on(self) -> None:
        """Take more of what came: it may be that there was a reason to wait, and is none now."""
        if self.is_over:
            return
        frames = self._frames
        try:
            while frames is not None and not self._must_wait():
                if (received := frames.next()) is None:
                    break
                # Frames of every kind: control frames and fragments cost as much as others.
                wait = self._pace.spend(1, self._loop.time())
                if wait:
                    self._rest = self._loop.call_later(wait, self._rested)
                self.take(received)
        except Violation as violation:
            self.cut_off(violation)
        if self.is_over:
            return
        if frames is not None and frames.is_empty:
            self._frames = None
        self.let_come(more=not self._must_wait())

    def stop(self) -> None:
        """Take nothing any more, and hold nothing of it."""
        if self._rest is not None:
            self._rest.cancel()
        self._frames = self._rest = None

    def _must_wait(self) -> bool:
        return self._rest is not None or self.waits

    def _rested(self) -> None:
        self._rest = None
        self.read_on()
