"""The form of those who wait for a window: each batch is compressed by itself, once for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .checksum import Sum
from .coding import CodedBytes, Mark
from .form import LikePlain

if TYPE_CHECKING:
    from .form import Form


class Waiting(LikePlain):
    """What `plain` makes of each batch, and where that leaves them; a `MarkedForm`.

    Args:
        plain: what it makes refers to nothing.
        clock: that of the marks.

    Attributes:
        mark: where the last batch left them: outside of any window.
    """

    def __init__(self, plain: Form, clock: Callable[[], float]) -> None:
        super().__init__(plain)
        self._plain: Final = plain
        self._clock: Final = clock
        self.mark = Mark(Sum(), is_open=False, at=clock())

    def wrap(self, frames: bytes) -> CodedBytes:
        """The next batch; it is written to all of them."""
        total = self.mark.sum.of_more(frames)
        self.mark = Mark(total, is_open=False, at=self._clock())
        return CodedBytes(self._plain.wrap(frames), self.mark)
