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
from typing import Final

from ..config.settings import Settings
from ..errors import NotFound, TooManyUploads, UploadSpace
from .stored import Record, Stored, space

#: An upload's id, which is the name of its files.
ID: Final = re.compile(r"\A[0-9a-f]{32}\Z")
#: Seconds after which somebody who found as many uploads as may be may find fewer.
_FULL_SECONDS: Final = 30.0


class UploadStore:
    """Uploads by their ids. Nothing is kept in memory; its methods may block on the disk."""

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._directory: Final = settings.upload_dir

    def create(self, record: Record, upload_id: str | None = None) -> Stored:
        """Make room for an upload, if it may be; `upload_id` is one that nobody has.

        Raises:
            TooManyUploads: as many are unfinished as may be, of its party or in all.
            UploadSpace: the disk has no room for so many bytes.
        """
        with space():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._counting():
                self._refuse_if_full(record)
                stored = Stored(self._directory, upload_id or secrets.token_hex(16))
                try:
                    stored.create(record)
                except BaseException:
                    stored.remove()
                    raise
        return stored

    def find(self, upload_id: str) -> Stored:
        """The upload of this id; whether there is one is known once it is read.

        Raises:
            NotFound: no upload has such an id, which becomes a file's name.
        """
        stored = Stored(self._directory, upload_id[:64])
        if not ID.match(upload_id):
            raise stored.unknown()
        return stored

    def all(self) -> list[Stored]:
        """Every upload of which there is a file, also one that a crash left without a record."""
        paths = (*self._directory.glob("*.json"), *self._directory.glob("*.part"))
        names = sorted({path.stem for path in paths if ID.match(path.stem)})
        return [Stored(self._directory, name) for name in names]

    def remove_left(self) -> None:
        """Remove records that a process left half written when it was ended."""
        oldest = time.time() - self._settings.upload_ttl
        for path in self._directory.glob("*.new"):
            with contextlib.suppress(FileNotFoundError):  # another process has just removed it
                if path.stat().st_mtime < oldest:
                    path.unlink()

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
                f"you have {own} unfinished uploads, and may have no more; finish or cancel one",
                retry_after=_FULL_SECONDS,
            )
        free = shutil.disk_usage(self._directory).free - self._settings.disk_reserve
        if (record.length or 0) > free:
            asked = "an upload" if record.length is None else f"{record.length:,} bytes"
            raise UploadSpace(
                f"the disk has no room for {asked}: {max(0, free):,} bytes are free "
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


def _party_of(stored: Stored) -> str | None:
    try:
        return stored.read().party
    except NotFound:
        return None
