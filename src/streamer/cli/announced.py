"""Where the server of a data directory answers, for commands without a URL."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ..eventlog.embedded.data_lock import is_alive

#: The file, in the data directory.
_NAME: Final = "server.url"


class Announced(NamedTuple):
    """A server that holds its announcement: the process that started it, and its URL."""

    pid: int
    url: str

    @property
    def orphaned(self) -> bool:
        """Whether the process that started it is gone: it is about to end."""
        return not is_alive(self.pid)


@contextlib.contextmanager
def announcing(data_dir: Path, url: str) -> Iterator[tuple[int, ...]]:
    """Announce, for a while, that a server on `data_dir` answers at `url`.

    Yields:
        Descriptors that the server inherits: what it says holds for as long as
        any process has them, with flock(2), and no longer, however it dies. None
        if the directory cannot be written, or another server has said so: then
        nobody finds this one by itself.
    """
    try:
        descriptor = os.open(data_dir / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield ()
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n{url}\n".encode(), 0)
    except OSError:  # held by another, or the disk is full
        os.close(descriptor)
        yield ()
        return
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


def announced(data_dir: Path) -> Announced | None:
    """The server that runs on `data_dir`, or None if none does."""
    try:
        descriptor = os.open(data_dir / _NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, _, rest = os.pread(descriptor, 4096, 0).decode(errors="replace").partition("\n")
        url = rest.strip()
        return Announced(int(pid), url) if pid.isdecimal() and url else None
    except OSError:  # a file system without locks
        return None
    else:
        return None
    finally:
        os.close(descriptor)
