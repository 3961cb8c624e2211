"""The job that asks an AI server for a client, and records what it streams."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from ...config.settings import Settings
from ...errors import LogUnavailable
from ...eventlog.base import EventLog
from ...events.cursor import ORIGIN
from ...publishing.sync_publisher import SyncPublisher
from ...tracing.doing import current_trace
from ..current import progress
from ..kinds import JobKind
from ..progress import Progress
from ..stops import JobCancelled
from . import upstream
from .frames import (
    RESPONSES,
    CompletionFrames,
    Numbering,
    Of,
    ResponseFrames,
    UpstreamFailed,
)
from .record_events import FRAMES, RecordEvents, Status
from .recorder import Recorder, Superseded
from .upstream import UpstreamRefused

#: Seconds that a stream may take, and characters that a recording may have, of as many
#: frames as come in them: an hour of 4,000 characters a second.
TOTAL_SECONDS: Final = 3600
MAX_CHARACTERS: Final = 16 * 1024 * 1024
#: Seconds between two looks whether to stop, while nothing comes.
_LOOK_SECONDS: Final = 0.2
#: Seconds for a look at what is recorded already.
_READ_SECONDS: Final = 10.0


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked, and where it is recorded.

    Attributes:
        of: what the AI server is asked for: ``responses`` or ``chat/completions``.
        topic: where it is recorded.
        name: what it is called in its frames: the topic's last part.
        body: the request's, as JSON.
        model: that is asked for, to be shown.
        is_background: what a response says of itself.
    """

    of: Of
    topic: str
    name: str
    body: str
    model: str = ""
    is_background: bool = False


class NotRecorded(Exception):
    """There is no more of the stream, and nobody tries again: the client may."""


def run(parameters: Recording, settings: Settings) -> dict[str, Any]:
    """Record the stream; return how many frames it has.

    Raises:
        NotRecorded: it is not whole; the recording says why.
        LogUnavailable: the log is away.
        JobCancelled: somebody cancelled it.
    """
    job = progress()
    if job.publisher is None:
        raise LogUnavailable("the job is not run by a worker that publishes")
    return asyncio.run(_Attempt(parameters, settings, job, job.publisher).run())


class _Attempt:
    def __init__(
        self, asked: Recording, settings: Settings, job: Progress, publisher: SyncPublisher
    ) -> None:
        self._asked: Final = asked
        self._settings: Final = settings
        self._job: Final = job
        self._publisher: Final = publisher
        self._events: Final = RecordEvents(
            asked.topic, job.attempt, publisher.max_event_bytes, current_trace()
        )
        self._recorder: Final = Recorder(publisher, self._events)
        self._frames = 0

    async def run(self) -> dict[str, Any]:
        if await self._is_over():
            return {"frames": 0}
        # From here on an attempt that was thought dead records nothing more.
        await self._recorder.append([self._events.begun(self._asked.model, int(time.time()))])
        if self._job.attempt > 1 and await self._has_frames():
            await self._end("failed", "worker_lost", "the worker that recorded it was lost")
            raise NotRecorded("an earlier attempt was lost in the middle")
        try:
            await self._record()
        except UpstreamRefused as error:
            refused = self._events.refused(error.status, error.said, error.retry_after)
            await self._recorder.append([refused])
            raise NotRecorded(str(error)) from error
        except UpstreamFailed as error:
            await self._end("failed", "upstream_failed", str(error))
            raise NotRecorded(str(error)) from error
        except TimeoutError as error:
            said = f"it took more than {TOTAL_SECONDS} s"
            await self._end("failed", "timeout", said)
            raise NotRecorded(said) from error
        except JobCancelled:
            await self._end("cancelled", "cancelled", "it was cancelled")
            raise
        except Superseded as error:
            raise NotRecorded("the recording was ended by somebody else") from error
        except LogUnavailable:
            raise
        except BaseException:  # the worker stops: a process that is new cannot go on with it
            await self._end("failed", "worker_stopped", "the worker that recorded it was stopped")
            raise
        await self._end("completed")
        return {"frames": self._frames}

    async def _record(self) -> None:
        """Ask, and record all that comes; look whether to stop, also while nothing comes."""
        coming = upstream.stream(
            f"{(self._settings.ai_url or '').rstrip('/')}/{self._asked.of}",
            self._asked.body.encode(),
            key=self._settings.ai_key,
            silence=upstream.SILENCE_SECONDS,
        )
        writing = asyncio.create_task(self._recorder.run())
        reading = asyncio.create_task(self._read(coming))
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                while not (reading.done() or writing.done()):
                    self._job.raise_if_cancelled()
                    await asyncio.wait(
                        {reading, writing},
                        timeout=_LOOK_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            await coming.aclose()
            # What came is recorded, whatever it ended with.
            self._recorder.close()
            await asyncio.wait({writing})
        writing.result()
        reading.result()

    async def _read(self, coming: AsyncGenerator[bytes]) -> None:
        asked, left = self._asked, MAX_CHARACTERS
        numbering: Numbering = CompletionFrames(asked.name)
        if asked.of == RESPONSES:
            numbering = ResponseFrames(asked.name, is_background=asked.is_background)
        async for body in coming:
            frame = numbering.take(body)
            if frame is not None:
                left -= len(frame.data)
                if left < 0:
                    raise UpstreamFailed(f"it has more than {MAX_CHARACTERS} characters")
                self._recorder.upstream = getattr(numbering, "upstream", None)
                self._frames += 1
                await self._recorder.add(frame)
            if asked.of == RESPONSES and numbering.is_whole:
                return  # whatever it still keeps open
        if not numbering.is_whole:
            raise UpstreamFailed("the AI server ended its stream in the middle")

    async def _end(self, status: Status, reason: str | None = None, error: str = "") -> None:
        with contextlib.suppress(Superseded):  # who ended it before has said how
            await self._recorder.append([self._events.ended(status, reason, error)])

    async def _is_over(self) -> bool:
        async def look(log: EventLog) -> bool:
            return bool(await log.known_keys(self._asked.topic, [self._events.end_key]))

        return await asyncio.to_thread(self._publisher.ask, look, _READ_SECONDS)

    async def _has_frames(self) -> bool:
        async def look(log: EventLog) -> bool:
            # Of each attempt there may be a beginning.
            page = await log.read((self._asked.topic,), ORIGIN, self._job.attempt + 1)
            return any(event.type == FRAMES for event in page.events)

        return await asyncio.to_thread(self._publisher.ask, look, _READ_SECONDS)


RECORDING: Final = JobKind(
    name="ai_recording",
    parameters=Recording,
    run=run,
    is_own=True,
    options={
        # A second attempt would be another answer: whoever asked may ask again.
        "max_retries": 0,
        "throws": (NotRecorded,),
        "time_limit": (TOTAL_SECONDS + 120) * 1000,
        # Somebody waits for it: before what else waits.
        "priority": -10,
        # It looks by itself.
        "notify_shutdown": False,
    },
)
