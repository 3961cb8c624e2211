"""A Redis or Valkey of our own, on a Unix socket in the data directory."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, Self

from ...errors import LogUnavailable
from . import supervisor
from .binary import find_server_binary
from .data_lock import DataLock
from .in_place import finish

_log: Final = logging.getLogger(__name__)

#: Bytes that a socket's path may have: sockaddr_un, less the final NUL.
_LONGEST_SOCKET_PATH: Final = 107 if sys.platform == "linux" else 103
#: Seconds that the server may take to load its data before `start` gives up.
_START_TIMEOUT: Final = 30.0
#: Seconds that stopping may take; the supervisor kills the server after five.
_STOP_TIMEOUT: Final = 10.0
_PAUSE: Final = 0.02
#: Bytes of its log beyond which a new one is begun; one older is kept.
_LOG_BYTES: Final = 1024 * 1024
#: Seconds between the death of a supervisor and the next: something may kill each.
_PAUSE_OF_SUPERVISOR: Final = 0.2
#: Which of the fields behind its name has a process's number of threads: proc_pid_stat(5).
_THREADS: Final = 17


class EmbeddedServerFailed(LogUnavailable):
    """The embedded server could not be started; the text has the end of its log."""


class EmbeddedServer:
    """Run a server on `data_dir`, for as long as this process lives and no longer.

    What was acknowledged more than a second ago, or two when the disk is slow, is
    on disk (``appendfsync everysec``) and there again after a crash, be it of
    this process, of the server or of the machine. When the disk is full appends are
    refused; those that had been acknowledged just before are in the server's memory
    until there is room, and lost if it is killed in between. If the server or its supervisor
    dies it is started again.

    Args:
        data_dir: made if it is not there; one server at a time.
        binary: the server to run; by default `find_server_binary` chooses.
    """

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._data_dir: Final = Path(data_dir).resolve()
        self._binary = binary
        self._lock: Final = DataLock(self._data_dir)
        self._socket: Path = self._data_dir / "redis.sock"
        self._run_dir: Path | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._stopping: Final = threading.Event()
        #: Held while one supervisor takes another's place.
        self._changing: Final = threading.Lock()
        #: The server's process id, for those who want to see it die.
        self.pid: int | None = None

    @property
    def url(self) -> str:
        """The server's URL, once it was started."""
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Start the server and return when it answers; blocks for about 0.1 s.

        Raises:
            DataDirectoryHeld: another process runs one on the same directory.
            NoServerBinary: there is nothing to run.
            EmbeddedServerFailed: it did not come up.
        """
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        binary = self._binary or find_server_binary()
        lock = self._lock.acquire()
        try:
            finish(self._data_dir)
            self._choose_socket()
            self._lock.announce(self.url)
            self._stopping.clear()
            self._supervise(binary, lock)
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, which writes what it has to disk; blocks until it is gone."""
        self._stopping.set()
        with self._changing:
            process, self._supervisor = self._supervisor, None
        if process is not None:
            _close(process)
            try:
                process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        if process is not None and process.returncode:
            self._end_orphan()
        if process is not None and process.stdout is not None:
            process.stdout.close()
        self.pid = None
        self._lock.release()
        if self._run_dir is not None:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            self._run_dir = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _choose_socket(self) -> None:
        self._socket = self._data_dir / "redis.sock"
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            # mkdtemp makes it 0700: whoever reaches the socket owns the log.
            self._run_dir = Path(tempfile.mkdtemp(prefix="streamer-"))
            self._socket = self._run_dir / "redis.sock"

    def _supervise(self, binary: Path, lock: int) -> None:
        self._supervisor = self._spawn(binary, lock)
        self._watcher = threading.Thread(
            target=self._watch,
            args=(self._supervisor, binary, lock),
            name="embedded-server",
            daemon=True,
        )
        self._watcher.start()

    def _spawn(self, binary: Path, lock: int) -> subprocess.Popen[bytes]:
        log_file = self._data_dir / "server.log"
        with contextlib.suppress(FileNotFoundError):
            if log_file.stat().st_size > _LOG_BYTES:
                log_file.replace(log_file.with_name("server.log.1"))
        with log_file.open("ab") as log:
            return subprocess.Popen(
                [
                    # Nothing of site-packages: it starts in a few milliseconds.
                    *(sys.executable, "-I", "-S", supervisor.__file__),
                    *(str(binary), *self._arguments()),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._data_dir,
                pass_fds=(lock,),
                # A session of its own: a terminal's Ctrl-C is for us, and we
                # still need the server while we drain.
                start_new_session=True,
            )

    def _arguments(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            # It runs for years, and would write of every file that it writes anew.
            "loglevel": "warning",
            "logfile": str(self._data_dir / "server.log"),
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    def _watch(self, process: subprocess.Popen[bytes], binary: Path, lock: int) -> None:
        """Follow the supervisor, and put another in its place if it is killed."""
        while True:
            self._follow(process)
            if self._stopping.wait(_PAUSE_OF_SUPERVISOR):
                return
            with self._changing:
                if self._stopping.is_set():
                    return
                _log.error("The supervisor of the embedded server was killed; another is started")
                _reap(process)
                self._end_orphan()
                process = self._supervisor = self._spawn(binary, lock)

    def _end_orphan(self) -> None:
        """End the server that the killed supervisor left, before another opens its files.

        On Linux it has been signalled to end already.
        """
        if self.pid is None:
            return
        deadline = time.monotonic() + _STOP_TIMEOUT
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
            while _is_running(self.pid) and time.monotonic() < deadline:
                time.sleep(_PAUSE)
            os.kill(self.pid, signal.SIGKILL)
        self.pid = None

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        """Hear what the supervisor says until it ends."""
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            word, _, number = line.decode().strip().partition(" ")
            if word == "started":
                self.pid = int(number)
            elif word == "exited" and not self._stopping.is_set():
                _log.warning(
                    "The embedded server ended with %s and is started again; its log is %s",
                    number,
                    self._data_dir / "server.log",
                )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        first: int | None = None
        while not self._answers():
            first = first or self.pid
            # A second process id: the first one could not even start.
            failed = first is not None and self.pid != first
            if failed or time.monotonic() >= deadline:
                raise EmbeddedServerFailed(
                    f"the embedded server did not come up; the end of its log:\n{self._log_end()}"
                )
            time.sleep(_PAUSE)

    def _answers(self) -> bool:
        """Whether the server has loaded its data: before, PING gets another error."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(self._socket))
            client.sendall(b"PING\r\n")
            # The second where it cannot save to disk: it answers all who read.
            return client.recv(64).startswith((b"+PONG", b"-MISCONF"))
        return False

    def _log_end(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join((self._data_dir / "server.log").read_text().splitlines()[-15:])
        return "(no log)"


def _is_running(pid: int) -> bool:
    os.kill(pid, 0)
    try:
        # Dead, but not reaped yet by the process that inherited it? Its first thread may
        # be dead before the others, which still hold its files, and with them the lock.
        said = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        state, threads = said[0], int(said[_THREADS])
    except (OSError, IndexError, ValueError):  # not Linux, or gone by now
        return True
    return state != b"Z" or threads > 1


def _reap(process: subprocess.Popen[bytes]) -> None:
    _close(process)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
