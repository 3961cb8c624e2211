"""Programs that tests start: their output is read as it comes, and they are always reaped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from .requirements import needs
from .waiting import DEADLINE, wait_until_blocking

#: Seconds that a program is given to end by itself before it is killed.
_GRACE: Final = 5.0


class Program:
    """A running program in a session of its own, so that all of its children can be ended.

    Use it as a context manager. ``out`` and ``err`` are what it has printed so
    far; a thread each reads them, so that it never blocks on a full pipe.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._arguments: Final = [str(argument) for argument in arguments]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")}
        self._process: Final = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=inherited | {"PYTHONUNBUFFERED": "1"} | dict(environ or {}),
            cwd=cwd,
            start_new_session=True,
        )
        self._out: Final[list[str]] = []
        self._err: Final[list[str]] = []
        self._readers: Final = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in (
                (self._process.stdout, self._out),
                (self._process.stderr, self._err),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Its process id, and that of its session."""
        return self._process.pid

    @property
    def out(self) -> str:
        """What it has printed on its standard output."""
        return "".join(self._out)

    @property
    def err(self) -> str:
        """What it has printed on its standard error."""
        return "".join(self._err)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._code() is None

    def wait_for(self, pattern: str, *, deadline: float = DEADLINE) -> re.Match[str]:
        """Return the first match of `pattern` in what it prints, on either stream.

        Raises:
            DidNotCome: with what it printed instead.
            AssertionError: it ended without printing it.
        """
        expression = re.compile(pattern, re.MULTILINE)

        def found() -> re.Match[str] | None:
            ended = not self.running
            if ended:
                for reader in self._readers:
                    reader.join(_GRACE)
            match = expression.search(self.out) or expression.search(self.err)
            assert match or not ended, f"ended without printing {pattern!r}: {self}"
            return match

        try:
            match = wait_until_blocking(found, f"{pattern!r} was not printed", deadline=deadline)
        except AssertionError as error:
            error.add_note(str(self))
            raise
        assert match is not None
        return match

    def write(self, text: str) -> None:
        """Write to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def close_input(self) -> None:
        """Tell it that no more input comes."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: int) -> None:
        """Send a signal to the program alone, not to its children."""
        if self.running:
            os.kill(self.pid, number)

    def wait(self, *, deadline: float = DEADLINE) -> int:
        """Return its exit code, when all it printed has been read.

        Raises:
            AssertionError: it did not end in `deadline` seconds; with what it printed.
        """
        try:
            wait_until_blocking(lambda: not self.running, "it did not end", deadline=deadline)
        except AssertionError as error:
            error.add_note(str(self))
            raise
        for reader in self._readers:
            reader.join(deadline)
        code = self._code()
        assert code is not None
        return code

    def stop(self) -> int:
        """Ask it to end, wait, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.signal(signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            wait_until_blocking(lambda: not self.running, "it did not end", deadline=_GRACE)
        # Whatever it left behind in its session goes too. It is not reaped yet, so
        # that nobody else can have its number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(_GRACE)
        for reader in self._readers:
            reader.join(_GRACE)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _code(self) -> int | None:
        """Its exit code, without reaping it; None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        if not hasattr(os, "waitid"):  # macOS
            return self._process.poll()
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def __str__(self) -> str:
        return f"{' '.join(self._arguments)}\n--- out\n{self.out}\n--- err\n{self.err}"

    @staticmethod
    def _read(stream: IO[str] | None, lines: list[str]) -> None:
        assert stream is not None
        with contextlib.suppress(ValueError):  # closed under us, when its children keep it open
            while line := stream.readline():
                lines.append(line)


def streamer(
    *arguments: str | Path, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Program:
    """Start the ``streamer`` command of this installation."""
    return Program([sys.executable, "-m", "streamer", *arguments], environ=environ, cwd=cwd)


def descendants(pid: int) -> list[int]:
    """The process ids of everything that `pid` started, and they, in no order."""
    listed = subprocess.run(
        [needs("ps"), "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found: list[int] = []
    looking = [pid]
    while looking:
        parent = looking.pop()
        children = [child for child, of in parents.items() if of == parent]
        found += children
        looking += children
    return found


def command_of(pid: int) -> str:
    """The command line of a process; empty if it is gone, or dead and not yet reaped."""
    shown = subprocess.run(
        [needs("ps"), "-o", "stat=,args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    state, _, command = shown.partition(" ")
    return "" if state.startswith("Z") else command.strip()
