"""One upload on disk: its record, its bytes, and the lock of who writes them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

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
        metadata: the header field ``Upload-Metadata`` as the client sent it.
        result: what its readers are told once it has left quarantine; ``source`` in it is
            what a job may name.
        failure: why it ended without a result; empty where it was cancelled.
        reported: whether its end was published.
    """

    project: str
    owner: str
    party: str
    filename: str
    length: int | None
    metadata: str = ""
    result: dict[str, Any] | None = None
    failure: str | None = None
    reported: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more is received of it."""
        return self.result is not None or self.failure is not None


class Stored:
    """The two files of an upload: ``ID.json`` and, until it is over, ``ID.part``.

    How much has come is the size of its bytes: nothing else has to be kept in step.
    """

    def __init__(self, directory: Path, upload_id: str) -> None:
        self.id: Final = upload_id
        self.part: Final = directory / f"{upload_id}.part"
        self._record: Final = directory / f"{upload_id}.json"

    def create(self, record: Record) -> None:
        """Be an upload of which nothing has come yet.

        Raises:
            UploadSpace: the disk is full.
        """
        self.write(record)
        with space():
            os.close(os.open(self.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def read(self) -> Record:
        """Return its record.

        Raises:
            NotFound: there is none.
        """
        try:
            with self._record.open("rb") as file:
                return msgspec.json.decode(file.read(_RECORD_BYTES), type=Record)
        except (FileNotFoundError, msgspec.MsgspecError) as error:
            raise self.unknown() from error

    def write(self, record: Record) -> None:
        """Keep `record`, whole or not at all.

        Raises:
            UploadSpace: the disk is full.
        """
        # A name of its own: a cancel and the end of a probe may write at once.
        new = self._record.with_suffix(f".{secrets.token_hex(4)}.new")
        try:
            with space():
                new.write_bytes(msgspec.json.encode(record))
            new.replace(self._record)
        finally:
            new.unlink(missing_ok=True)

    def offset(self, record: Record) -> int:
        """Bytes that have come.

        Raises:
            NotFound: it was removed meanwhile.
        """
        if record.result is not None:
            size: int = record.result["size"]
            return size
        try:
            return self.part.stat().st_size
        except FileNotFoundError as error:
            raise self.unknown() from error

    def changed(self) -> float:
        """When something last came, in seconds since 1970.

        Raises:
            NotFound: it was removed meanwhile.
        """
        for path in (self.part, self._record):
            with contextlib.suppress(FileNotFoundError):
                return path.stat().st_mtime
        raise self.unknown()

    @contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[int]:
        """Be the only one of all processes that writes; give the descriptor of the bytes.

        The lock ends with the process, however that ends. With `wait` it blocks until it
        has the lock, for as long as a request or a probe has it.

        Raises:
            UploadLocked: another has it.
            NotFound: it is not there, or is over.
        """
        try:
            descriptor = os.open(self.part, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise self.unknown() from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise UploadLocked(
                    f"upload {self.id} is being written by another request; wait for it to end, "
                    "then ask where to continue"
                ) from error
            if is_removed(descriptor):  # between opening and locking
                raise self.unknown()
            yield descriptor
        finally:
            os.close(descriptor)

    def end(self, record: Record) -> None:
        """Keep `record` alone, which is over; whoever writes the bytes sees it (`is_removed`)."""
        try:
            self.write(record)
        except UploadSpace:
            self.part.unlink(missing_ok=True)  # which makes room
            self.write(record)
        self.part.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove both files."""
        self.part.unlink(missing_ok=True)  # first: what has a record is swept
        self._record.unlink(missing_ok=True)

    def unknown(self) -> NotFound:
        """What is answered where it is not there, or is not for whoever asks."""
        return NotFound(f"no upload {self.id!r} is known; it may have ended or expired")


def is_removed(descriptor: int) -> bool:
    """Whether an open upload was ended, by whatever process, since it was opened."""
    return os.fstat(descriptor).st_nlink == 0


@contextmanager
def space() -> Iterator[None]:
    """Say in our words that the disk is full.

    Raises:
        UploadSpace: it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UploadSpace("the disk is full; what came before is kept") from error
        raise
