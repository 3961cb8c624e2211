"""One request that brings bytes of an upload, which holds its lock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Final

from ..config.settings import Settings
from ..errors import RequestTimeout, UploadTooLarge
from .appending import append, append_in_thread
from .limits import max_bytes
from .reports import Reports
from .stored import Record, Stored, is_removed

#: Bytes that are written at once, and the most that are held of one request.
_WRITE_BYTES: Final = 256 * 1024


class Incoming:
    """Appends what comes to the upload of an open, locked file, and reports how far it is."""

    def __init__(
        self,
        stored: Stored,
        record: Record,
        descriptor: int,
        settings: Settings,
        reports: Reports,
    ) -> None:
        self._stored: Final = stored
        self._record: Final = record
        self._descriptor: Final = descriptor
        self._reports: Final = reports
        self._most: Final = max_bytes(settings) if record.length is None else record.length
        self._reserve: Final = settings.disk_reserve
        self._there = os.fstat(descriptor).st_size

    async def append(self, chunks: AsyncIterator[bytes], silence: float) -> int:
        """Append all that comes; return the bytes that are there then.

        What came is kept if `chunks` ends early, raises, or is cancelled.

        Raises:
            RequestTimeout: nothing came for `silence` seconds.
            UploadTooLarge: more came than it has.
            UploadSpace: the disk is full; what fitted is kept.
            NotFound: it was ended meanwhile.
        """
        held = bytearray()
        try:
            while True:
                async with asyncio.timeout(silence):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if is_removed(self._descriptor):
                    held.clear()
                    raise self._stored.unknown()
                if self._there + len(held) + len(chunk) > self._most:
                    raise UploadTooLarge(f"more than {self._most:,} bytes came")
                held += chunk
                if len(held) >= _WRITE_BYTES:
                    data, held = held, bytearray()
                    await append_in_thread(self._descriptor, data, self._reserve)
                    self._count(data)
        except TimeoutError as error:
            raise RequestTimeout(f"nothing came for {silence:g} s; what came is kept") from error
        finally:
            # At once, also when cancelled: it is little, and was received.
            append(self._descriptor, held, self._reserve)
            self._count(held)
        return self._there

    def _count(self, data: bytearray) -> None:
        self._there += len(data)
        if not is_removed(self._descriptor):
            self._reports.progress(self._stored.id, self._record, self._there)
