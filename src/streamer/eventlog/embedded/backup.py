"""A backup of the embedded server: what it saves, checked, and put in place whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...errors import LogUnavailable
from .binary import find_server_binary
from .in_place import APPENDED, sync_directory

#: What the server saves, in the data directory, before it is moved to where it is wanted.
_SAVED: Final = "dump.rdb"
#: Seconds that checking a backup may take; a second for each 100 MB is slow.
_CHECK_SECONDS: Final = 3600.0
#: Under this name the server's program is its own checker.
_CHECKER: Final = "valkey-check-rdb"
_CHECKER_OF_REDIS: Final = "redis-check-rdb"


class NoBackup(LogUnavailable):
    """No backup can be made, or the one that is given cannot be used."""


@contextmanager
def backup_to(target: Path, data_dir: Path, reserve: int, *, replace: bool) -> Iterator[None]:
    """Put what the server of `data_dir` saves meanwhile to `target`: all of it, or nothing.

    Only its owner can read it: it holds whatever was published, and keys.

    Args:
        target: of the backup.
        data_dir: the running server's.
        reserve: bytes of its disk that are to stay free; the log needs them.
        replace: whether there may be such a file already.

    Raises:
        NoBackup: there is such a file, another backup is made, the disk has no room, or
            what was written is not what the server had.
        OSError: it cannot be written there.
    """
    saved = data_dir / _SAVED
    _refuse_if_there(target, replace=replace)
    with _alone(data_dir):
        _check_room(data_dir, reserve)
        saved.unlink(missing_ok=True)
        part = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
        try:
            yield
            try:
                copy_synced(saved, part)
            except OSError as error:
                if error.filename == str(part):  # a name that nobody has given
                    error.filename = str(target)
                raise
            check_backup(part)
            if replace:
                part.replace(target)
            else:
                _put(part, target)
            sync_directory(target.parent)
        finally:
            part.unlink(missing_ok=True)
            saved.unlink(missing_ok=True)


def check_backup(path: Path, binary: Path | None = None) -> None:
    """Read the file from end to end, its checksum too, as the server will.

    Raises:
        NoBackup: it is damaged, of another server, or not a backup at all.
    """
    binary = binary or find_server_binary()
    name = _CHECKER if "valkey" in binary.name else _CHECKER_OF_REDIS
    try:
        checked = subprocess.run(
            (name, str(path)),
            executable=binary,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoBackup(f"{path} was not checked in {_CHECK_SECONDS:.0f} s") from None
    if checked.returncode != 0:
        raise NoBackup(f"{path} is damaged, or no backup: {_reason(checked.stdout)}")


def copy_synced(source: Path, target: Path) -> None:
    """Copy a file so that only its owner can read it; return when it is on the disk.

    Raises:
        OSError: it cannot be read, or there is no room.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as copy, source.open("rb") as file:
        shutil.copyfileobj(file, copy, 1024 * 1024)
        copy.flush()
        os.fsync(copy.fileno())


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One backup at a time: the server has one file to save to."""
    descriptor = os.open(data_dir / "backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoBackup(f"another backup of {data_dir} is being made; wait for it") from None
        yield
    finally:
        os.close(descriptor)


def _check_room(data_dir: Path, reserve: int) -> None:
    """Refuse if what the server saves, which is no larger than its log, might fill its disk."""
    needed = sum(path.stat().st_size for path in (data_dir / APPENDED).glob("*"))
    free = shutil.disk_usage(data_dir).free
    if free - needed < reserve:
        raise NoBackup(
            f"the disk of {data_dir} has {free:,} bytes free; the backup may need {needed:,}, and "
            f"{reserve:,} are kept free for the event log (STREAMER_DISK_RESERVE)"
        )


def _refuse_if_there(target: Path, *, replace: bool) -> None:
    if target.is_dir():
        raise NoBackup(f"{target} is a directory; name a file")
    if target.exists() and not replace:
        raise NoBackup(f"{target} is there; choose another name, or give --replace")


def _put(part: Path, target: Path) -> None:
    # Not a rename, which would replace what somebody else has put there meanwhile.
    try:
        target.hardlink_to(part)
    except FileExistsError:
        _refuse_if_there(target, replace=False)
        raise
    except OSError:  # a file system without links
        part.replace(target)


def _reason(said: bytes) -> str:
    """The line of the checker that says what is wrong."""
    lines = said.decode("utf-8", "replace").splitlines()
    with contextlib.suppress(StopIteration):
        at = next(number for number, line in enumerate(lines) if "ERROR DETECTED" in line)
        return lines[at + 1].partition("] ")[2] or lines[at + 1]
    return lines[-1] if lines else "its checker says nothing"
