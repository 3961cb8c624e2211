"""Uploads as a server sees them: created, continued, ended, swept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, NoReturn

import msgspec

from ..config.settings import Settings
from ..errors import (
    InvalidFields,
    InvalidSource,
    LogUnavailable,
    NotFound,
    UploadConflict,
    UploadTooLarge,
)
from ..eventlog.base import EventLog
from ..events.topic import job_topic, project_topic
from ..every import every
from ..jobs.keys import FIRST
from ..jobs.running import cancel_asked
from ..jobs.transcode.ffmpeg import FfmpegError, find_program
from ..publishing.publisher import Publisher
from .incoming import Incoming
from .limits import max_bytes
from .reports import Reports
from .settling import remove_old_videos, remove_video, settle
from .store import UploadStore
from .stored import Record, Stored

#: Seconds that a client may send nothing within a request. Few: one that is gone without
#: a word keeps itself out no longer, and clients try for longer (tus-js-client: 9 s).
_SILENCE_SECONDS: Final = 5.0
#: The same for one that cannot continue, and loses all.
_LONG_SILENCE_SECONDS: Final = 60.0
#: Seconds that a request waits for the event log, without which an upload goes on.
_LOG_SECONDS: Final = 1.0
#: Seconds between two sweeps.
_SWEEP_SECONDS: Final = 60.0
#: Videos that one process probes at once; each probe ends within seconds.
_PROBES: Final = 2
#: Characters of a file's name, as it is shown.
_NAME_CHARACTERS: Final = 255

_logger: Final = logging.getLogger(__name__)


class Uploads:
    """Receives videos in pieces; everybody who watches sees how far each is.

    An upload is the job ``jobs/UPLOAD_ID`` of its project. Its events are ``progress``
    while it comes, then ``completed`` with the ``source`` that another job may name, or
    ``error``, or ``status`` ``cancelled``.
    """

    def __init__(self, settings: Settings, log: EventLog, publisher: Publisher) -> None:
        self._settings: Final = settings
        self._log: Final = log
        self._store: Final = UploadStore(settings)
        self._reports: Final = Reports(publisher)
        self._probing: Final = asyncio.Semaphore(_PROBES)
        self._tasks: Final[set[asyncio.Task[Any]]] = set()

    async def create(
        self,
        filename: str,
        project_id: str,
        length: int | None,
        *,
        owner: str = "",
        party: str = "",
        metadata: str = "",
        upload_id: str | None = None,
    ) -> tuple[Stored, Record]:
        """Begin an upload of `length` bytes; None: it is known when all have come.

        `owner` is the subject whose it is, `party` who it counts for. `metadata` is what
        the client sent of it, and reads again. `upload_id` is 32 random hexadecimal digits.

        Raises:
            InvalidInput: the project's id, or the length, is wrong.
            UploadTooLarge: it is over the limit.
            TooManyUploads: as many are unfinished as may be.
            UploadSpace: the disk has no room for it.
            JobsUnavailable: ffprobe is not installed.
        """
        project_topic(project_id)
        find_program("ffprobe")
        most = max_bytes(self._settings)
        if length is not None and length > most:
            raise UploadTooLarge(f"{length:,} bytes are too many; at most {most:,} are allowed")
        if length is not None and length < 1:
            raise InvalidFields("an upload has one byte at least; an empty file is no video")
        shown = "".join(c for c in filename[:_NAME_CHARACTERS] if c.isprintable()) or "video"
        record = Record(
            project=project_id,
            owner=owner,
            party=party,
            filename=shown,
            length=length,
            metadata=metadata,
        )
        stored = await asyncio.to_thread(self._store.create, record, upload_id)
        await self._briefly(self._reports.begun(stored.id, record))
        return stored, record

    async def look(self, upload_id: str) -> tuple[Stored, Record, int]:
        """The upload of this id: it, its record, and the bytes that have come.

        Raises:
            NotFound: there is none.
        """

        def look() -> tuple[Stored, Record, int]:
            stored = self._store.find(upload_id)
            record = stored.read()
            return stored, record, stored.offset(record)

        return await asyncio.to_thread(look)

    async def receive(
        self,
        stored: Stored,
        record: Record,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        silence: float = _SILENCE_SECONDS,
    ) -> int:
        """Append what comes at `offset`; return the bytes that are there now.

        What came is kept if `chunks` ends early, raises, or is cancelled. Where it was
        the rest, the video has left quarantine on return, or waits for a sweep to probe
        it again.

        Raises:
            RequestTimeout: nothing came for `silence` seconds; what came is kept.
            UploadConflict: the upload does not stand at `offset`.
            UploadLocked: another request writes it.
            UploadTooLarge: more came than it has.
            UploadSpace: the disk is full; what fitted is kept.
            InvalidSource: it was whole, and no video; it is removed.
            NotFound: it is not there any more: ended, expired or cancelled.
        """
        if record.result is not None:
            _check_offset(offset, stored.offset(record))
            return offset  # it was whole: its last answer may be lost
        with stored.locked() as descriptor:
            _check_offset(offset, stored.offset(record))
            incoming = Incoming(stored, record, descriptor, self._settings, self._reports)
            there = await incoming.append(chunks, silence)
        if there == record.length:
            await self._finish(stored, record)
        return there

    async def receive_whole(
        self, stored: Stored, record: Record, chunks: AsyncIterator[bytes]
    ) -> None:
        """Receive an upload that has just begun in one go, for who knows no other way.

        What does not arrive whole (`chunks` raises) is removed.

        Raises:
            StreamerError: as `receive` does, but for `UploadConflict`.
        """
        try:
            await self.receive(stored, record, 0, chunks, silence=_LONG_SILENCE_SECONDS)
        except InvalidSource:
            raise
        except BaseException as error:
            failure = str(error) or "it was cut off"
            await asyncio.shield(self._start(self._end(stored, record, failure)))
            raise
        if record.length is None:
            await self._finish(stored, record)

    async def cancel(self, upload_id: str) -> bool:
        """Cancel an unfinished upload, also while it is written; return whether there was one."""
        try:
            stored, record, _ = await self.look(upload_id)
        except NotFound:
            return False
        if record.is_over:
            return False
        await self._end(stored, record, "")
        return True

    async def remove(self, stored: Stored, record: Record) -> None:
        """Cancel an unfinished upload, or remove the video of one that is whole."""
        if record.is_over:
            await asyncio.to_thread(remove_video, stored, self._settings)
        else:
            await self._end(stored, record, "")

    def expires(self, changed: float) -> float:
        """When an upload that last changed then is removed; seconds since 1970."""
        return changed + self._settings.upload_ttl

    async def run(self) -> NoReturn:
        """Sweep again and again, until cancelled."""
        await every(_SWEEP_SECONDS, self.sweep, "the sweep of uploads", logger=_logger)

    async def sweep(self) -> None:
        """Remove what is over its time, and finish what was whole when a process ended.

        Videos that have left quarantine are kept as results are.
        """
        await asyncio.to_thread(self._store.remove_left)
        await asyncio.to_thread(remove_old_videos, self._settings)
        for stored in await asyncio.to_thread(self._store.all):
            with contextlib.suppress(NotFound, InvalidSource):
                await self._sweep(stored)

    async def _sweep(self, stored: Stored) -> None:
        is_old = time.time() > self.expires(stored.changed())
        try:
            record = await asyncio.to_thread(stored.read)
        except NotFound:
            if is_old:  # its record was lost with the power
                await asyncio.to_thread(stored.remove)
            raise
        if record.is_over:
            stored.part.unlink(missing_ok=True)  # a process ended before it did
            if not record.reported:
                await self._report_end(stored, record)
            elif is_old:
                await asyncio.to_thread(stored.remove)
        elif is_old and not stored.part.exists():
            await asyncio.to_thread(stored.remove)  # a process ended while it was created
        elif is_old:
            hours = self._settings.upload_ttl / 3600
            await self._end(stored, record, f"the upload was not continued for {hours:.3g} hours")
        elif await self._is_cancelled(stored):
            await self._end(stored, record, "")
        elif stored.offset(record) == record.length:
            await self._finish(stored, record)

    async def _is_cancelled(self, stored: Stored) -> bool:
        """Whether it was cancelled at a server that does not have this directory."""
        topic = job_topic(stored.id)
        try:
            snapshot = (await self._log.snapshots([topic]))[topic]
        except LogUnavailable:
            return False
        return snapshot.terminal is not None or cancel_asked(snapshot, FIRST)

    async def _finish(self, stored: Stored, record: Record) -> None:
        """Probe what is whole, and report; it goes on if whoever waits is cancelled."""
        await asyncio.shield(self._start(self._settle(stored, record)))

    async def _settle(self, stored: Stored, record: Record) -> None:
        try:
            async with self._probing:
                done = await asyncio.to_thread(settle, stored, self._settings)
        except InvalidSource as error:
            await self._end(stored, record, str(error))
            raise
        except NotFound:
            # Another process that swept it may have been faster.
            if (await asyncio.to_thread(stored.read)).result is None:
                raise
        except (FfmpegError, OSError) as error:
            _logger.warning("upload %s could not be probed: %s", stored.id, error)
            return  # a sweep tries again
        else:
            await self._report_end(stored, done)

    async def _end(self, stored: Stored, record: Record, failure: str) -> None:
        """End an upload without a result: cancelled, or for the reason in `failure`."""
        ended = msgspec.structs.replace(record, failure=failure)
        await asyncio.to_thread(stored.end, ended)
        await self._report_end(stored, ended)

    async def _report_end(self, stored: Stored, record: Record) -> None:
        """Report how it ended; whoever waits for that waits no longer than for a log that is there.

        It goes on then, and is done again by a sweep.
        """
        await self._briefly(self._publish_end(stored, record))

    async def _publish_end(self, stored: Stored, record: Record) -> None:
        if not await self._reports.ended(stored.id, record):
            return  # a sweep tries again
        if record.result is None:
            await asyncio.to_thread(stored.remove)
        else:
            reported = msgspec.structs.replace(record, reported=True)
            await asyncio.to_thread(stored.write, reported)

    async def _briefly(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wait({self._start(work)}, timeout=_LOG_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _check_offset(offset: int, there: int) -> None:
    if there != offset:
        raise UploadConflict(
            f"Upload-Offset is {offset}, and {there} bytes have come; continue at {there}"
        )
