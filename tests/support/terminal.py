"""A program in a terminal, and what a person would see there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from typing import Final, Self

import pyte

from .waiting import DEADLINE, wait_until_blocking

#: Makes its input its controlling terminal, so that Ctrl-C is a byte like any other.
_LAUNCH: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'streamer', *sys.argv[1:]])"
)


class Terminal:
    """Run ``streamer`` with `arguments` in a terminal of its own; use it as a context manager."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._screen: Final = pyte.HistoryScreen(columns, lines, history=2000)
        self._stream: Final = pyte.ByteStream(self._screen)
        self._lock: Final = threading.Lock()
        #: All bytes that were written, as a terminal gets them.
        self.written = b""
        self._near, far = pty.openpty()
        self._set_size(columns, lines)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")}
        inherited = {k: v for k, v in inherited.items() if k not in ("COLUMNS", "LINES")}
        self._process: Final = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, *arguments],
            stdin=far,
            stdout=far,
            stderr=far,
            env=inherited | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | dict(environ or {}),
            start_new_session=True,
        )
        os.close(far)
        self._reading: Final = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # its end, on Linux
            while piece := os.read(self._near, 65536):
                with self._lock:
                    self.written += piece
                    self._stream.feed(piece)

    @property
    def rows(self) -> list[str]:
        """What is on the screen, without the empty rows at its end."""
        with self._lock:
            rows = [row.rstrip() for row in self._screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def everything(self) -> str:
        """All rows, those that were scrolled away too."""
        with self._lock:
            above = [
                "".join(row[column].data for column in range(self._screen.columns)).rstrip()
                for row in self._screen.history.top
            ]
        return "\n".join([*above, *self.rows])

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor can be seen."""
        return not self._screen.cursor.hidden

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first match of `pattern` on the screen, or above it."""
        expression = re.compile(pattern, re.MULTILINE)
        try:
            match = wait_until_blocking(
                lambda: expression.search(self.everything), f"{pattern!r} was not shown"
            )
        except AssertionError as error:
            error.add_note(self.everything)
            raise
        assert match is not None
        return match

    def type(self, keys: bytes) -> None:
        """Press keys; that of Ctrl-C is the byte 3."""
        os.write(self._near, keys)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._process.send_signal(number)

    def resize(self, columns: int, lines: int) -> None:
        """Make the window another size."""
        with self._lock:
            self._screen.resize(lines, columns)
        self._set_size(columns, lines)
        self.signal(signal.SIGWINCH)

    def wait(self) -> int:
        """Return its exit code, when all it has written was read."""
        code = self._process.wait(DEADLINE)
        self._reading.join(DEADLINE)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE)
        self._reading.join(DEADLINE)
        os.close(self._near)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._near, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
