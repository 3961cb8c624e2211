"""What a job prints, line by line, while everybody else's stdout stays as it is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO

#: Characters of a line that has no end yet; what is longer is several lines.
MAX_LINE: Final = 2000

_capture: Final[ContextVar[_Capture | None]] = ContextVar("streamer_stdout", default=None)
_lock: Final = threading.Lock()


class _Capture:
    """What one block has printed of a line that has not ended."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell: Final = tell
        self._begun = ""

    def write(self, text: str) -> None:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._say(line)
        while len(self._begun) > MAX_LINE:
            self._say(self._begun[:MAX_LINE])
            self._begun = self._begun[MAX_LINE:]

    def end(self) -> None:
        if self._begun:
            self._say(self._begun)
            self._begun = ""

    def _say(self, line: str) -> None:
        # What a bar draws over itself is what it shows last.
        shown = line.rstrip("\r").rpartition("\r")[2]
        if shown:
            self._tell(shown)


class _Stdout:
    """Stdout, and whoever captures it in this context; what else is asked of it, stdout has."""

    def __init__(self, original: TextIO) -> None:
        self.original: Final = original
        self.captures = 0

    def write(self, text: str) -> int:
        capture = _capture.get()
        if capture is not None and isinstance(text, str):
            capture.write(text)
        return self.original.write(text)

    def writelines(self, lines: Any) -> None:  # noqa: ANN401 - as stdout has it
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever stdout has
        return getattr(self.original, name)


@contextmanager
def captured(tell: Callable[[str], None]) -> Iterator[None]:
    """Hand each line that is printed in this context to `tell`, too, until the block ends."""
    capture = _Capture(tell)
    here = _begin()
    token = _capture.set(capture)
    try:
        yield
    finally:
        _capture.reset(token)
        capture.end()
        _end(here)


def _begin() -> _Stdout:
    with _lock:
        here = sys.stdout
        if not isinstance(here, _Stdout):
            here = _Stdout(here)
            sys.stdout = here
        here.captures += 1
        return here


def _end(here: _Stdout) -> None:
    with _lock:
        here.captures -= 1
        # Somebody may have put another one in its place since, which is theirs.
        if here.captures == 0 and sys.stdout is here:
            sys.stdout = here.original
