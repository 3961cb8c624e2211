"""A child process on its own cores that never outlives the benchmark."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import machine

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

#: Seconds for a server to accept connections.
START_TIMEOUT = 20.0


class Process:
    """A running program; a context manager that ends it, its descendants too."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cores: frozenset[int],
        directory: Path,
        environ: Mapping[str, str] | None = None,
        pipes: bool = False,
    ) -> None:
        def in_child() -> None:
            os.sched_setaffinity(0, cores)
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            # Linux groups processes by session: of `nice make bench`, only the group's
            # own niceness would count against what else the machine does.
            if niceness := os.getpriority(os.PRIO_PROCESS, 0):
                with contextlib.suppress(OSError):
                    Path("/proc/self/autogroup").write_text(str(niceness))

        self._name = Path(command[0]).name
        self._log = directory / f"{self._name}.{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
                cwd=directory,
                env={**os.environ, **(environ or {})},
                preexec_fn=in_child,  # noqa: PLW1509 - the benchmark has one thread
                start_new_session=True,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        return machine.resident_bytes(self.pid)

    def log(self) -> str:
        """The last of what it had to say."""
        return self._log.read_text(errors="replace")[-2000:]

    def wait_for_port(self, port: int) -> None:
        """Return when it accepts connections on `port`.

        Raises:
            RuntimeError: it ended, or took too long; with what it had to say.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.popen.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self._name} does not listen on port {port}:\n{self.log()}")

    def wait_until_ready(self, port: int, method: str, path: str) -> None:
        """Return when a request is answered with a status of 2xx.

        Raises:
            RuntimeError: it ended, or took too long; with what it had to say.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.popen.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request(method, path, body="ready?" if method == "POST" else None)
                if 200 <= connection.getresponse().status < 300:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        raise RuntimeError(f"{self._name} does not get ready:\n{self.log()}")

    def stop(self) -> None:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, sent)
            except ProcessLookupError:
                break
            try:
                self.popen.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def python() -> str:
    return sys.executable
