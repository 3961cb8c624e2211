"""The bytes of an upload, written behind those that are there."""

from __future__ import annotations

import asyncio
import os

from ..errors import UploadSpace
from .stored import space


def append(descriptor: int, data: bytes | bytearray, reserve: int) -> None:
    """Write all of `data` behind what is there; it may block on the disk.

    Raises:
        UploadSpace: the disk is full, or less than `reserve` bytes of it would be free;
            what fitted is kept.
    """
    if not data:
        return
    disk = os.fstatvfs(descriptor)
    if disk.f_bavail * disk.f_frsize - len(data) < reserve:
        raise UploadSpace(
            f"the disk is nearly full, and {reserve:,} bytes of it are kept free "
            "(STREAMER_DISK_RESERVE); what came before is kept"
        )
    left = memoryview(data)
    with space():
        while left:
            left = left[os.write(descriptor, left) :]


async def append_in_thread(descriptor: int, data: bytes | bytearray, reserve: int) -> None:
    """Do `append` in a thread, which ends by itself if whoever waits is cancelled.

    It has a descriptor of its own: the caller's may be closed, and its number be another
    file's. The lock is of both, so nobody else writes before it is done.

    Raises:
        UploadSpace: as `append`.
    """
    own = os.dup(descriptor)

    def write() -> None:
        try:
            append(own, data, reserve)
        finally:
            os.close(own)

    await asyncio.to_thread(write)
