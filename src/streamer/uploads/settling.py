"""What becomes of an upload whose bytes are all there: it is probed, and moved or removed."""

from __future__ import annotations

import os
import shutil
from typing import Any, Final

import msgspec

from ..config.settings import Settings
from ..errors import InvalidSource
from ..jobs.transcode.probe import Unreadable, probe
from .store import part_of
from .stored import Record, Stored

#: The folder of the media directory that uploads are in.
FOLDER: Final = "uploads"


def settle(stored: Stored, settings: Settings) -> Record:
    """Probe the bytes and move them to the media directory; return the new record.

    It may be called again: it does what is left to do.

    Raises:
        InvalidSource: it is no video that can be read; it is removed.
        UploadLocked: another request writes it.
        NotFound: it is not there any more, or is settled.
        FfmpegError: it could not be looked at; it may be a video.
        OSError: it could not be moved.
    """
    with stored.locked() as descriptor:
        return _settle(stored, descriptor, stored.read(), settings)


def _settle(stored: Stored, descriptor: int, record: Record, settings: Settings) -> Record:
    try:
        probe(descriptor)
    except Unreadable as error:
        stored.remove()
        raise InvalidSource(f"{record.filename!r} is not a video that can be read: {error}") from (
            error
        )
    folder = settings.media_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / stored.id
    size = os.fstat(descriptor).st_size
    done = msgspec.structs.replace(record, source=f"{FOLDER}/{stored.id}", size=size)
    new = part_of(target)
    try:
        try:
            new.unlink(missing_ok=True)
            os.link(stored.part, new)
        except OSError:  # another file system
            shutil.copyfile(stored.part, new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
    stored.write(done)
    stored.part.unlink()
    return done


def result_of(record: Record) -> dict[str, Any]:
    """What the readers of its events are told: the ``source`` that a job may name."""
    return {"source": record.source, "filename": record.filename, "size": record.size}
