"""The window of one feed's batches, while it has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .checksum import Sum
from .coding import Mark
from .form import LikePlain

if TYPE_CHECKING:
    from .coding import Window
    from .form import Form
    from .windows import Windows


class FeedWindow(LikePlain):
    """What a `FeedForm` is that compresses.

    Args:
        form: that of its readers when they are not in step; events are written as it does.
        windows: of the process.
        begin: makes a compressor of a new window.

    Attributes:
        mark: where the last batch left those in step.
    """

    def __init__(self, form: Form, windows: Windows, begin: Callable[[], Window]) -> None:
        super().__init__(form)
        self._windows: Final = windows
        self._begin: Final = begin
        # None: the next batch begins one.
        self._window: Window | None = None
        self.mark = Mark(Sum(), is_open=False, at=windows.clock())

    @property
    def is_fresh(self) -> bool:
        """Whether the next batch begins a window."""
        return self._window is None

    def renew(self) -> None:
        """Let the next batch begin a window, so that anybody can join before it."""
        self._window = None
        self._windows.give_up(self)

    def next_window(self) -> Window | None:
        """The compressor of the next batch; None if it may have none, and is by itself."""
        may_have_one = self._windows.use(self)
        if self._window is None and may_have_one:
            self._window = self._begin()
        return self._window

    def moved(self, total: Sum) -> Mark:
        """The mark behind that batch; `total` is all that was said up to there."""
        self.mark = Mark(total, is_open=self._window is not None, at=self._windows.clock())
        return self.mark
