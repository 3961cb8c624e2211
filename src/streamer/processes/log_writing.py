"""A handler of `logging` that never makes anybody wait for whoever reads the log."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import weakref
from collections import deque
from typing import Final, TextIO

#: Characters that wait to be written, at most: what a server says in hours, in all but a storm.
MAX_WAITING: Final = 4 * 1024 * 1024
#: Seconds that the end of the process waits for what is left.
_FLUSH_SECONDS: Final = 2.0


class LogWriting(logging.Handler):
    """Writes lines to `stream` in a thread of its own, in order.

    A pipe whose reader is slow, or a terminal that is stopped, holds up that thread alone: no
    event loop waits. What finds no room meanwhile is left out, and counted by a line once there
    is room again.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream: Final = stream
        self._begin()
        _handlers.add(self)

    def _begin(self) -> None:
        # As in `SyncPublisher`: entered as it is, for a signal may strike within.
        self._own = threading.RLock()
        self._changed = threading.Condition(self._own)
        self._waiting: deque[str] = deque()
        self._size = 0
        self._left_out = 0
        self._is_writing = False
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Have `record` written, soon."""
        try:
            line = self.format(record) + "\n"
        except Exception:  # noqa: BLE001 - whatever it is asked to show
            self.handleError(record)
            return
        with self._own:
            if self._size + len(line) > MAX_WAITING:
                self._left_out += 1
                return
            self._waiting.append(line)
            self._size += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, for `_FLUSH_SECONDS` at most."""
        with self._own:
            self._changed.wait_for(lambda: not (self._waiting or self._is_writing), _FLUSH_SECONDS)

    def _run(self) -> None:
        while True:
            with self._own:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                text, left_out = "".join(self._waiting), self._left_out
                self._waiting.clear()
                self._size = self._left_out = 0
                self._is_writing = True
            # A reader that is gone: there is nobody to say it to.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
            if left_out:
                _logger.warning(
                    "%d lines are left out: whoever reads the log was too slow", left_out
                )


_logger: Final = logging.getLogger(__name__)
_handlers: Final[weakref.WeakSet[LogWriting]] = weakref.WeakSet()


def _begin_anew_after_fork() -> None:
    for handler in list(_handlers):
        handler._begin()  # noqa: SLF001 - what waits is written by the parent


os.register_at_fork(after_in_child=_begin_anew_after_fork)
