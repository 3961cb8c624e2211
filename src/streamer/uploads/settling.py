"""What becomes of an upload whose bytes are all there: it is probed, and moved or refused."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

import msgspec

from ..config.settings import Settings
from ..errors import InvalidSource
from ..jobs.transcode.outputs import remove_old
from ..jobs.transcode.probe import Media, Unreadable, probe
from ..jobs.transcode.source import UPLOADED
from .store import ID
from .stored import Record, Stored

#: What `_move` makes on its way, and leaves there if the process is ended.
_NEW: Final = re.compile(r"\A\.[0-9a-f]{32}\.new\Z")


def source_of(upload_id: str) -> str:
    """What a job names the video that was uploaded under this id, if there is one."""
    return f"{UPLOADED}{upload_id}"


def settle(stored: Stored, settings: Settings) -> Record:
    """Probe the bytes and move them to the media directory; return the new record.

    It may be called again: it does what is left to do. It waits while another does it.

    Raises:
        InvalidSource: it is no video that can be read.
        NotFound: it is not there any more, or is over.
        FfmpegError: it could not be looked at; it may be a video.
        OSError: it could not be moved.
    """
    with stored.locked(wait=True) as descriptor:
        record = stored.read()
        try:
            media = probe(descriptor)
        except Unreadable as error:
            raise InvalidSource(
                f"{record.filename!r} is not a video that can be read: {error}"
            ) from error
        size = os.fstat(descriptor).st_size
        result = _result(stored.id, record, size, media)
        done = msgspec.structs.replace(record, length=size, result=result)
        target = settings.media_dir / source_of(stored.id)
        target.parent.mkdir(parents=True, exist_ok=True)
        _move(stored, target)
        stored.write(done)
        try:
            stored.part.unlink()
        except FileNotFoundError:  # it was cancelled in this very moment
            target.unlink(missing_ok=True)
            stored.remove()
            raise stored.unknown() from None
    return done


def remove_video(stored: Stored, settings: Settings) -> None:
    """Remove a video that has left quarantine, and what is known of it."""
    (settings.media_dir / source_of(stored.id)).unlink(missing_ok=True)
    stored.remove()


def remove_old_videos(settings: Settings) -> None:
    """Remove the videos that were uploaded as results are: the old, and the oldest of too many."""
    folder = settings.media_dir / UPLOADED
    if folder.is_dir():
        age, most = settings.output_age, settings.output_bytes
        remove_old(folder, max_age=age, max_bytes=most, named=ID)
        remove_old(folder, max_age=settings.upload_ttl, max_bytes=0, named=_NEW)


def _result(upload_id: str, record: Record, size: int, media: Media) -> dict[str, Any]:
    picture = media.pictures[0]
    return {
        "source": source_of(upload_id),
        "filename": record.filename,
        "size": size,
        # Of one whose clock jumps it says nothing.
        "duration": None if media.jumps else media.duration,
        "width": picture.width,
        "height": picture.height,
    }


def _move(stored: Stored, target: Path) -> None:
    new = target.with_name(f".{target.name}.new")
    try:
        try:
            new.unlink(missing_ok=True)
            os.link(stored.part, new)
        except FileNotFoundError:  # it was cancelled while it was probed
            raise stored.unknown() from None
        except OSError:  # another file system
            shutil.copyfile(stored.part, new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
