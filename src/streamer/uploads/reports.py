"""What the readers of an upload are told of it: it is a job, whose task is ``upload``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from ..errors import LogUnavailable, StreamerError
from ..events.topic import job_topic, project_topic
from ..jobs import lifecycle
from ..jobs.lifecycle import Attempt, Run
from ..jobs.told import Update
from ..publishing.publisher import Publisher
from .stored import Record

#: What a reader sees of an upload: the task of its events.
TASK: Final = "upload"
#: Seconds between two events of progress of one upload.
_SECONDS: Final = 0.5

_logger: Final = logging.getLogger(__name__)


class Reports:
    """Publishes how uploads stand; an upload does not fail where that is impossible."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher: Final = publisher
        #: Bytes that are still to be reported, by the id of their upload.
        self._latest: Final[dict[str, int]] = {}
        self._reporting: Final[dict[str, asyncio.Task[None]]] = {}

    def progress(self, upload_id: str, record: Record, there: int) -> None:
        """Report soon that so many bytes are there; of many at once the last.

        However many requests an upload comes in, it has no more events than its time.
        """
        self._latest[upload_id] = there
        if upload_id not in self._reporting:
            task = asyncio.get_running_loop().create_task(self._report(upload_id, record))
            self._reporting[upload_id] = task

    async def begun(self, upload_id: str, record: Record) -> None:
        """Report that it begins."""
        await self._publish_progress(upload_id, record, 0)

    async def ended(self, upload_id: str, record: Record) -> bool:
        """Report how it ended, once, however often it is called; return whether it is known."""
        self._latest.pop(upload_id, None)
        attempt = _attempt(upload_id, record)
        if record.result is not None:
            end = lifecycle.completed(attempt, record.result)
        elif record.failure:
            end = lifecycle.failed(attempt, record.failure, TASK)
        else:
            end = lifecycle.cancelled(attempt)
        return await self._publish(end.publish_with(self._publisher))

    async def _report(self, upload_id: str, record: Record) -> None:
        try:
            while (there := self._latest.pop(upload_id, None)) is not None:
                await self._publish_progress(upload_id, record, there)
                await asyncio.sleep(_SECONDS)
        finally:
            del self._reporting[upload_id]

    async def _publish_progress(self, upload_id: str, record: Record, there: int) -> None:
        whole = record.length
        update = Update(
            there / whole if whole else 0.0,
            f"Uploading {record.filename}",
            {"bytes": there, "length": whole, "filename": record.filename},
        )
        transition = lifecycle.progress(_attempt(upload_id, record), update)
        await self._publish(transition.publish_with(self._publisher))

    async def _publish(self, publishing: Coroutine[Any, Any, object]) -> bool:
        try:
            await publishing
        except LogUnavailable as error:
            _logger.info("an upload's event was not stored: %s", error)
        except StreamerError as error:
            _logger.warning("an upload's event was refused: %s", error)
        else:
            return True
        return False


def _attempt(upload_id: str, record: Record) -> Attempt:
    return Attempt(Run((project_topic(record.project), job_topic(upload_id)), TASK), 1)
