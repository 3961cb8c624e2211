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
    StreamerError,
    UploadConflict,
    UploadLocked,
    UploadTooLarge,
)
from ..events.topic import job_topic, project_topic
from ..every import every
from ..jobs.transcode.ffmpeg import FfmpegError, find_program
from ..publishing.publisher import Publisher
from .settling import FOLDER, result_of, settle
from .store import UploadStore
from .stored import Record, Stored, append, append_in_thread

#: What a reader sees of an upload: the task of its events.
TASK: Final = "upload"
#: Bytes that are written at once, and the most that are held of one request.
_WRITE_BYTES: Final = 256 * 1024
#: Seconds between two events of progress of one request.
_REPORT_SECONDS: Final = 0.5
#: Seconds that a client may send nothing within a request. Few: it then asks where to
#: continue, and one that is gone without a word keeps itself from doing so no longer.
_SILENCE_SECONDS: Final = 5.0
#: Seconds between two sweeps.
_SWEEP_SECONDS: Final = 60.0
#: Videos that one process probes at once; each probe ends within seconds.
_PROBES: Final = 2
#: Characters of a file's name, as it is shown.
_NAME_CHARACTERS: Final = 255

_logger: Final = logging.getLogger(__name__)


class Uploads:
    """Receives videos in pieces; everybody who watches sees how far each is.

    Its events have the task ``upload`` and go to the project and to the job
    ``jobs/UPLOAD_ID``: ``progress`` while it comes, then ``completed`` with the ``source``
    that a job may name, or ``error``, or ``status`` ``cancelled``.
    """

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._settings: Final = settings
        self._publisher: Final = publisher
        self._store: Final = UploadStore(settings)
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
        also: tuple[str, ...] = (),
        metadata: str = "",
    ) -> Stored:
        """Begin an upload of `length` bytes; None: it is known when all have come.

        `party` is who it counts for. Its events go to the topics in `also` too; the caller
        has asked whether they may. `metadata` is what the client sent of it, and reads again.

        Raises:
            InvalidInput: the project's id, or the length, is wrong.
            UploadTooLarge: it is over the limit.
            TooManyUploads: as many are unfinished as may be.
            UploadSpace: the disk has no room for it.
            JobsUnavailable: ffprobe is not installed.
        """
        project = project_topic(project_id)
        find_program("ffprobe")
        most = self._settings.upload_max_bytes
        if length is not None and length > most:
            raise UploadTooLarge(f"{length:,} bytes are too many; at most {most:,} are allowed")
        if length is not None and length < 1:
            raise InvalidFields("an upload has one byte at least")
        shown = "".join(c for c in filename[:_NAME_CHARACTERS] if c.isprintable()) or "video"
        record = Record(
            project=project_id,
            owner=owner,
            party=owner or party,
            filename=shown,
            length=length,
            topics=(project, *also),
            metadata=metadata,
        )
        stored = await asyncio.to_thread(self._store.create, record)
        await self._progress(stored, record, 0)
        return stored

    async def look(self, upload_id: str) -> tuple[Stored, Record, int]:
        """The upload of this id: it, its record, and the bytes that have come.

        Raises:
            NotFound: there is none.
        """
        stored = self._store.find(upload_id)
        record = await asyncio.to_thread(stored.read)
        return stored, record, await asyncio.to_thread(stored.offset, record)

    async def receive(
        self, stored: Stored, record: Record, offset: int, chunks: AsyncIterator[bytes]
    ) -> int:
        """Append what comes at `offset`; return the bytes that are there now.

        What came is kept if `chunks` ends early, raises, or is cancelled. Where it was
        the rest, the video has left quarantine on return, or waits for a sweep to probe
        it again.

        Raises:
            UploadConflict: the upload does not stand at `offset`.
            UploadLocked: another request writes it.
            UploadTooLarge: more came than it has.
            UploadSpace: the disk is full; what fitted is kept.
            InvalidSource: it was whole, and no video; it is removed.
            NotFound: it is not there any more.
        """
        with stored.locked() as descriptor:
            there = stored.offset(record)
            if there != offset:
                raise UploadConflict(
                    f"Upload-Offset is {offset}, and {there} bytes have come; continue at {there}"
                )
            there = await self._append(stored, record, descriptor, there, chunks)
        if there == record.length:
            await self._finish(stored)
        return there

    async def receive_upload(
        self,
        stream: AsyncIterator[bytes],
        filename: str,
        project: str,
        *,
        owner: str = "",
        party: str = "",
        also: tuple[str, ...] = (),
    ) -> str:
        """Receive a whole video in one go, for clients that know no other way; return its id.

        The video is then a source by the name ``uploads/ID``. What does not arrive whole
        (`stream` raises) is removed.

        Raises:
            StreamerError: as `create` and `receive` do.
        """
        stored = await self.create(filename, project, None, owner=owner, party=party, also=also)
        record = stored.read()
        try:
            size = await self.receive(stored, record, 0, stream)
        except BaseException as error:
            self._start(self.end(stored, record, str(error) or "it was cut off"))
            raise
        whole = msgspec.structs.replace(record, length=size)
        await asyncio.to_thread(stored.write, whole)
        await self._finish(stored)
        return stored.id

    async def end(self, stored: Stored, record: Record, error: str | None = None) -> None:
        """Remove an unfinished upload: cancelled, or because of `error`.

        Raises:
            UploadLocked: it is being written.
            NotFound: it is not there any more, or has left quarantine.
        """
        with stored.locked():
            stored.remove()
        if error is None:
            told = self._publisher.status(
                self._topics(stored, record), "cancelled", task_name=TASK, message="Cancelled"
            )
        else:
            told = self._publisher.error(self._topics(stored, record), error, task_name=TASK)
        await self._tell(told)

    def expires(self, changed: float) -> float:
        """When an upload that last changed then is removed; seconds since 1970."""
        return changed + self._settings.upload_ttl

    async def run(self) -> NoReturn:
        """Sweep again and again, until cancelled."""
        await every(_SWEEP_SECONDS, self.sweep, "the sweep of uploads", logger=_logger)

    async def sweep(self) -> None:
        """Remove what is over its time, and finish what was whole when a process ended.

        Each upload is looked at once. A video that has left quarantine is kept as long as
        results are.
        """
        await asyncio.to_thread(self._store.remove_left, self._settings.media_dir / FOLDER)
        for stored in await asyncio.to_thread(lambda: list(self._store.all())):
            with contextlib.suppress(UploadLocked, NotFound, InvalidSource):
                await self._sweep(stored)

    async def _sweep(self, stored: Stored) -> None:
        record = await asyncio.to_thread(stored.read)
        over = time.time() > self.expires(stored.changed())
        if record.source is not None:
            if not record.reported:
                await self._report_completed(stored, record)
            elif over:
                await asyncio.to_thread(stored.remove)
        elif over and not stored.part.exists():
            await asyncio.to_thread(stored.remove)  # a process ended while it was created
        elif over:
            ttl = self._settings.upload_ttl
            await self.end(stored, record, f"the upload was not continued for {ttl:g} s")
        elif stored.offset(record) == record.length:
            await self._finish(stored)

    async def _append(
        self,
        stored: Stored,
        record: Record,
        descriptor: int,
        there: int,
        chunks: AsyncIterator[bytes],
    ) -> int:
        most = self._settings.upload_max_bytes if record.length is None else record.length
        held = bytearray()
        told = time.monotonic()
        try:
            while True:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if there + len(held) + len(chunk) > most:
                    raise UploadTooLarge(f"more than {most:,} bytes came")
                held += chunk
                if len(held) >= _WRITE_BYTES:
                    data, held = held, bytearray()
                    await append_in_thread(descriptor, data)
                    there += len(data)
                    if time.monotonic() - told >= _REPORT_SECONDS:
                        told = time.monotonic()
                        self._start(self._progress(stored, record, there))
        except TimeoutError:
            _logger.info("upload %s: nothing came for %g s", stored.id, _SILENCE_SECONDS)
        finally:
            # At once, also when cancelled: it is little, and was received.
            append(descriptor, held)
            there += len(held)
        await self._progress(stored, record, there)
        return there

    async def _finish(self, stored: Stored) -> None:
        """Probe what is whole, and report; it goes on if whoever waits is cancelled."""
        await asyncio.shield(self._start(self._settle(stored)))

    async def _settle(self, stored: Stored) -> None:
        record = await asyncio.to_thread(stored.read)
        try:
            async with self._probing:
                done = await asyncio.to_thread(settle, stored, self._settings)
        except InvalidSource as error:
            topics = self._topics(stored, record)
            await self._tell(self._publisher.error(topics, str(error), task_name=TASK))
            raise
        except (FfmpegError, OSError) as error:
            _logger.warning("upload %s could not be probed: %s", stored.id, error)
            return  # a sweep tries again
        await self._report_completed(stored, done)

    async def _report_completed(self, stored: Stored, record: Record) -> None:
        """Report it once, however often it is called."""
        told = self._publisher.completed(
            self._topics(stored, record),
            result_of(record),
            task_name=TASK,
            # Where a process ends between the event and its note.
            idempotency_key=f"upload {stored.id} completed",
        )
        if await self._tell(told):
            reported = msgspec.structs.replace(record, reported=True)
            await asyncio.to_thread(stored.write, reported)

    async def _progress(self, stored: Stored, record: Record, there: int) -> None:
        whole = record.length
        told = self._publisher.progress(
            self._topics(stored, record),
            there / whole if whole else 0.0,
            message=f"Uploading {record.filename}",
            metadata={"bytes": there, "length": whole, "filename": record.filename},
            task_name=TASK,
        )
        await self._tell(told)

    async def _tell(self, telling: Coroutine[Any, Any, object]) -> bool:
        """Report, and return whether it was possible; an upload does not fail if not."""
        try:
            await telling
        except LogUnavailable as error:
            _logger.info("an upload's event was not stored: %s", error)
        except StreamerError as error:
            _logger.warning("an upload's event was refused: %s", error)
        else:
            return True
        return False

    def _topics(self, stored: Stored, record: Record) -> tuple[str, ...]:
        return (*record.topics, job_topic(stored.id))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
