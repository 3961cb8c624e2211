"""One embedded server per data directory."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from ...errors import LogUnavailable

#: Seconds that a server whose process was killed may take to write its last bytes.
_LAST_BYTES: Final = 8.0
_PAUSE: Final = 0.05


class DataDirectoryHeld(LogUnavailable):
    """Another process runs a server on the same data directory."""

    def __init__(self, data_dir: Path, pid: int) -> None:
        super().__init__(
            f"{data_dir} is in use by process {pid}; stop it, or choose another "
            "directory with --data-dir or STREAMER_DATA_DIR"
        )
        self.data_dir = data_dir
        self.pid = pid


class DataLock:
    """``<data_dir>/lock``, held with flock(2); its text is the holder's pid and URL.

    The lock lives as long as any process has the descriptor: the server
    inherits it, so nobody else can open its files while it still writes.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir: Final = data_dir
        self._descriptor = -1

    def acquire(self) -> int:
        """Take the lock; return its descriptor, to be inherited by the server.

        Raises:
            DataDirectoryHeld: by a process that is alive.
        """
        descriptor = os.open(self._data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + _LAST_BYTES
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, _ = _read(descriptor)
                if is_alive(pid) or time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise DataDirectoryHeld(self._data_dir, pid) from None
                time.sleep(_PAUSE)
            else:
                self._descriptor = descriptor
                return descriptor

    def announce(self, url: str) -> None:
        """Write who holds the lock and where its server is."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n{url}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def running_url(data_dir: Path) -> str | None:
    """The URL of the server that runs on `data_dir`, or None if none does."""
    try:
        descriptor = os.open(data_dir / "lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)[1]
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> tuple[int, str | None]:
    pid, _, rest = os.pread(descriptor, 4096, 0).decode().partition("\n")
    return int(pid) if pid.isdecimal() else 0, rest.strip() or None


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
