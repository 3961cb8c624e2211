"""The videos that the editor's page has sent: where they lie, and how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from ...config.settings import Settings
from ...errors import InvalidFields
from ...jobs.transcode.ffmpeg import FfmpegError
from ...jobs.transcode.outputs import check_space
from ...jobs.transcode.source import open_video

#: Below the media directory.
_DIRECTORY: Final = "uploads"
#: Bytes of one video, and of all; a disk that is nearly full takes none.
MAX_BYTES: Final = 2 * 1024**3
_MAX_TOGETHER: Final = 10 * 1024**3
#: Bytes between two looks at the disk.
_LOOK_BYTES: Final = 16 * 1024**2


def source_of(video_id: str) -> str:
    """What a job names the video that was sent under this id, if there is one."""
    return f"{_DIRECTORY}/{video_id}"


async def receive(video_id: str, chunks: AsyncIterator[bytes], settings: Settings) -> str:
    """Write a video as it comes; return what a job names it.

    It is there when it is whole and known to be a video; nothing is left of any other.

    Raises:
        InvalidFields: it is too large, or there is no room.
        InvalidSource: it is not a video.
        JobsUnavailable: ffprobe is not installed.
    """
    directory = settings.media_dir / _DIRECTORY
    unfinished = directory / f".{video_id}.{uuid4().hex}.part"
    room = await asyncio.to_thread(_make_room, directory, settings)
    try:
        with await asyncio.to_thread(unfinished.open, "xb", 0) as file:
            size = 0
            looked_at = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > room:
                    raise InvalidFields(f"the video is too large: {room:,} bytes are allowed now")
                if size - looked_at > _LOOK_BYTES:
                    looked_at = size
                    await asyncio.to_thread(_check_space, directory, settings)
                await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(_finish, unfinished, video_id, settings)
    finally:
        unfinished.unlink(missing_ok=True)
    return source_of(video_id)


def _finish(unfinished: Path, video_id: str, settings: Settings) -> None:
    with open_video(settings.media_dir, f"{_DIRECTORY}/{unfinished.name}"):
        unfinished.rename(unfinished.with_name(video_id))


def _make_room(directory: Path, settings: Settings) -> int:
    """Remove what is as old as a result may be; return the bytes that may come."""
    directory.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - settings.output_age if settings.output_age else 0.0
    size = 0
    for path in directory.iterdir():
        try:
            status = path.stat()
            if status.st_mtime < oldest:
                path.unlink()
            else:
                size += status.st_size
        except FileNotFoundError:  # another process has just removed it
            continue
    _check_space(directory, settings)
    return max(0, min(MAX_BYTES, _MAX_TOGETHER - size))


def _check_space(directory: Path, settings: Settings) -> None:
    try:
        check_space(directory, settings.disk_reserve)
    except FfmpegError as error:
        raise InvalidFields(f"no video can be taken now: {error}") from error
