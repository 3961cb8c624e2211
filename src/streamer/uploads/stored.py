"""One upload on disk: its record, its bytes, and the lock of who writes them."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ..errors import NotFound, UploadLocked, UploadSpace

#: What the system says of a disk, or of a user's share of it, that is full.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Bytes of a record; a larger file is none.
_RECORD_BYTES: Final = 64 * 1024


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an upload beside its bytes.

    Attributes:
        project: the id of its project.
        owner: the subject that created it; empty where it had none.
        party: who it counts for: the subject, or else the address.
        filename: what the client calls it; for people, never a path.
        length: bytes that it will have; None where they are known only when all are there.
        topics: where its events go.
        source: the name by which a job may have it, once it has left quarantine.
        size: bytes that it had then.
        reported: whether its readers were told so.
        metadata: the header field ``Upload-Metadata`` as the client sent it.
    """

    project: str
    owner: str
    party: str
    filename: str
    length: int | None
    topics: tuple[str, ...]
    source: str | None = None
    size: int = 0
    reported: bool = False
    metadata: str = ""


class Stored:
    """The two files of an upload: ``ID.json`` and, until it leaves quarantine, ``ID.part``.

    How much has come is the size of its bytes: nothing else has to be kept in step.
    """

    def __init__(self, directory: Path, upload_id: str) -> None:
        self.id: Final = upload_id
        self.part: Final = directory / f"{upload_id}.part"
        self._record: Final = directory / f"{upload_id}.json"

    def read(self) -> Record:
        """Return its record.

        Raises:
            NotFound: there is none.
        """
        try:
            with self._record.open("rb") as file:
                return msgspec.json.decode(file.read(_RECORD_BYTES), type=Record)
        except (FileNotFoundError, msgspec.MsgspecError) as error:
            raise self._unknown() from error

    def write(self, record: Record) -> None:
        """Keep `record`, whole or not at all."""
        new = self._record.with_suffix(".new")
        with _space():
            new.write_bytes(msgspec.json.encode(record))
        new.replace(self._record)

    def offset(self, record: Record) -> int:
        """Bytes that have come.

        Raises:
            NotFound: it was removed meanwhile.
        """
        if record.source is not None:
            return record.size
        try:
            return self.part.stat().st_size
        except FileNotFoundError as error:
            raise self._unknown() from error

    def changed(self) -> float:
        """When something last came, in seconds since 1970.

        Raises:
            NotFound: it was removed meanwhile.
        """
        path = self.part if self.part.exists() else self._record
        try:
            return path.stat().st_mtime
        except FileNotFoundError as error:
            raise self._unknown() from error

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Be the only one of all processes that writes; give the descriptor of the bytes.

        The lock ends with the process, however that ends.

        Raises:
            UploadLocked: another is.
            NotFound: it is not there, or has left quarantine.
        """
        try:
            descriptor = os.open(self.part, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise self._unknown() from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UploadLocked(
                    f"upload {self.id} is being written by another request; wait for it to end, "
                    "then ask where to continue"
                ) from error
            if os.fstat(descriptor).st_nlink == 0:  # removed between opening and locking
                raise self._unknown()
            yield descriptor
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Remove both files; whoever holds the lock calls it."""
        self.part.unlink(missing_ok=True)  # first: what has a record is swept
        self._record.unlink(missing_ok=True)

    def _unknown(self) -> NotFound:
        return NotFound(f"no upload {self.id!r} is known; it may have ended or expired")


async def append_in_thread(descriptor: int, data: bytes | bytearray) -> None:
    """Do `append` in a thread, which ends by itself if whoever waits is cancelled.

    It has a descriptor of its own: the caller's may be closed, and its number be another
    file's. The lock is of both, so nobody else writes before it is done.

    Raises:
        UploadSpace: as `append`.
    """
    own = os.dup(descriptor)

    def write() -> None:
        try:
            append(own, data)
        finally:
            os.close(own)

    await asyncio.to_thread(write)


def append(descriptor: int, data: bytes | bytearray) -> None:
    """Write all of `data` behind what is there.

    Raises:
        UploadSpace: the disk is full; what fitted is kept.
    """
    left = memoryview(data)
    with _space():
        while left:
            left = left[os.write(descriptor, left) :]


@contextmanager
def _space() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UploadSpace("the disk is full; what came before is kept") from error
        raise
