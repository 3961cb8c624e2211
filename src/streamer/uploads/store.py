"""The uploads of a directory, which all processes of a machine share."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..config.settings import Settings
from ..errors import NotFound, TooManyUploads, UploadSpace
from .stored import Record, Stored

_ID: Final = re.compile(r"\A[0-9a-f]{32}\Z")
#: Seconds after which somebody who found as many uploads as may be may find fewer.
_FULL_SECONDS: Final = 30.0


class UploadStore:
    """Uploads by their ids. Nothing is kept in memory; its methods may block on the disk."""

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._directory: Final = settings.upload_dir

    def create(self, record: Record) -> Stored:
        """Make room for an upload, if it may be.

        Raises:
            TooManyUploads: as many are unfinished as may be, of its party or in all.
            UploadSpace: the disk has no room for so many bytes.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._counting():
            self._refuse_if_full(record)
            stored = Stored(self._directory, secrets.token_hex(16))
            stored.write(record)
            os.close(os.open(stored.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return stored

    def find(self, upload_id: str) -> Stored:
        """The upload of this id; whether there is one is known once it is read.

        Raises:
            NotFound: no upload has such an id, which becomes a file's name.
        """
        if not _ID.match(upload_id):
            raise NotFound(f"no upload {upload_id[:64]!r} is known")
        return Stored(self._directory, upload_id)

    def all(self) -> Iterator[Stored]:
        """Every upload that has a record."""
        for path in sorted(self._directory.glob("*.json")):
            if _ID.match(path.stem):
                yield Stored(self._directory, path.stem)

    def remove_left(self, folder: Path) -> None:
        """Remove what is over its time and has no record.

        That is what a process left half made when it was ended, and the videos in `folder`,
        of the media directory, which are kept as long as results.
        """
        now = time.time()
        for path in self._directory.glob("*.new"):
            _remove_before(path, now - self._settings.upload_ttl)
        if age := self._settings.output_age:
            for path in folder.glob("*"):
                if _ID.match(path.name):
                    _remove_before(path, now - age)

    def _refuse_if_full(self, record: Record) -> None:
        unfinished = [stored for stored in self.all() if stored.part.exists()]
        if len(unfinished) >= self._settings.upload_max_unfinished:
            raise TooManyUploads(
                f"{len(unfinished)} uploads are unfinished, and no more may be",
                retry_after=_FULL_SECONDS,
            )
        own = sum(1 for stored in unfinished if _party_of(stored) == record.party)
        if own >= self._settings.upload_max_per_subject:
            raise TooManyUploads(
                f"you have {own} unfinished uploads, and may have no more; finish or delete one",
                retry_after=_FULL_SECONDS,
            )
        free = shutil.disk_usage(self._directory).free - self._settings.disk_reserve
        if (record.length or 0) > free:
            raise UploadSpace(
                f"the disk has no room for {record.length:,} bytes: {max(0, free):,} are free "
                "beside those that are kept free (STREAMER_DISK_RESERVE)"
            )

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """One of all processes at a time counts and creates; it takes milliseconds."""
        lock = os.open(self._directory / "creating.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _remove_before(path: Path, oldest: float) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process has just removed it
        if path.stat().st_mtime < oldest:
            path.unlink()


def _party_of(stored: Stored) -> str | None:
    try:
        return stored.read().party
    except NotFound:
        return None


def part_of(path: Path) -> Path:
    """Where a file is made that shall be at `path`: beside it, and no video's name."""
    return path.with_name(f".{path.name}.new")
