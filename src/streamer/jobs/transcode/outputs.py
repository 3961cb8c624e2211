"""The directory of results: what is removed from it, and when it takes no more."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Final, NamedTuple

from ...errors import DiskFull
from .encoding import FORMATS
from .ffmpeg import OutOfSpace
from .sample import is_left_behind

#: A result of ours: a job's id, which is a UUID, and a format, or its poster.
_RESULT: Final = re.compile(
    rf"(?:[0-9a-f]{{32}}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\.(?:{'|'.join(FORMATS)}|jpg)"
)

#: Seconds after which whoever was refused a job may find more room.
_LATER_SECONDS: Final = 30.0


class _Result(NamedTuple):
    written_at: float
    size: int
    path: Path


def remove_old(
    directory: Path,
    *,
    max_age: float,
    max_bytes: int,
    keep: str | None = None,
    named: re.Pattern[str] = _RESULT,
) -> None:
    """Remove results that are too old, and the oldest while there are too many.

    Args:
        directory: of the results.
        max_age: seconds; 0 is no limit.
        max_bytes: of all results together; 0 is no limit.
        keep: the name, without its extension, of results that stay, as those just made.
        named: the names of what may be removed; nothing else in the directory ever is.
    """
    results = sorted(_results(directory, named), reverse=True)
    total = sum(result.size for result in results if result.path.stem == keep)
    oldest = time.time() - max_age if max_age else 0.0
    for result in results:
        if result.path.stem == keep:
            continue
        total += result.size
        if result.written_at < oldest or (max_bytes and total > max_bytes):
            total -= result.size
            result.path.unlink(missing_ok=True)


def remove_unfinished(directory: Path, name: str) -> None:
    """Remove what attempts left whose worker was killed.

    Of the job of this name any; of others (one that was cancelled meanwhile has no next
    attempt) what nobody has written to for long.
    """
    for path in directory.glob(".*.part"):
        if path.name.startswith(f".{name}.") or is_left_behind(path):
            path.unlink(missing_ok=True)


def check_space(directory: Path, reserve: int) -> None:
    """Refuse to write while the disk is nearly full: the event log may be on it.

    Raises:
        OutOfSpace: fewer than `reserve` bytes are free.
    """
    if problem := _why_full(directory, reserve):
        raise OutOfSpace(problem)


def refuse_if_full(directory: Path, reserve: int) -> None:
    """Refuse a job that would write there, before it is queued.

    Where there is no such directory its worker has another disk, and looks itself.

    Raises:
        DiskFull: fewer than `reserve` bytes are free.
    """
    if directory.is_dir() and (problem := _why_full(directory, reserve)):
        raise DiskFull(problem, retry_after=_LATER_SECONDS)


def _why_full(directory: Path, reserve: int) -> str | None:
    free = shutil.disk_usage(directory).free
    if free >= reserve:
        return None
    return (
        f"the disk of the results is nearly full: {free:,} bytes are free, and "
        f"{reserve:,} are kept free (STREAMER_DISK_RESERVE)"
    )


def _results(directory: Path, named: re.Pattern[str]) -> list[_Result]:
    found = []
    for path in directory.iterdir():
        if named.fullmatch(path.name) and not path.is_symlink():
            try:
                status = path.stat()
            except FileNotFoundError:  # another worker has just removed it
                continue
            found.append(_Result(status.st_mtime, status.st_size, path))
    return found
