"""What this process says of itself, for whoever looks at all of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from ..errors import StreamerError
from ..eventlog.base import EventLog
from ..eventlog.reports import MAX_REPORT, REPORT_SECONDS
from ..events.cursor import timestamp_of
from ..every import every
from ..hub.hub import Hub
from ..hub.standing import Behind
from ..operating.reports import SLOWEST, ProcessReport, SlowReader
from ..prometheus.counting import Counting

if TYPE_CHECKING:
    from ..eventlog.rules import Upholding

logger = logging.getLogger(__name__)

#: Characters of a stream's own id that are shown, and of a hashed address.
_SHOWN: Final = 8
#: Topics of one reader that are shown.
_TOPICS: Final = 4


class ProcessReporting:
    """Says every few seconds how this process does.

    Args:
        version: of Streamer.
    """

    def __init__(
        self, hub: Hub, log: EventLog, counting: Counting, upholding: Upholding, version: str
    ) -> None:
        self._hub: Final = hub
        self._log: Final = log
        self._counting: Final = counting
        self._upholding: Final = upholding
        self._version: Final = version
        self._process: Final = hub.stream_ids.process
        self._key: Final = os.urandom(16)
        self._began: Final = timestamp_of(time.time_ns() // 1_000_000)
        self._before: dict[str, int] = counting.sums()
        self._looked = time.monotonic()

    async def run(self) -> None:
        """Do so now and every few seconds, until cancelled; then say that it is gone."""
        try:
            await every(REPORT_SECONDS, self._say, "saying how this process does", logger=logger)
        finally:
            with contextlib.suppress(StreamerError, TimeoutError):
                async with asyncio.timeout(0.5):
                    await self._log.reports.withdraw(self._process)

    async def _say(self) -> None:
        text = msgspec.json.encode(await self.report())
        if len(text) <= MAX_REPORT:
            await self._log.reports.say(self._process, text)

    async def report(self) -> ProcessReport:
        """How it does now, and did since the last time."""
        standing = await self._hub.standing.look(SLOWEST)
        slowest = [self._slow(behind) for behind in standing.slowest]
        rates = self._rates()
        return ProcessReport(
            process=self._process,
            host=socket.gethostname()[:64],
            pid=os.getpid(),
            version=self._version,
            at=timestamp_of(time.time_ns() // 1_000_000),
            began=self._began,
            **rates,
            readers=standing.counts,
            lag_seconds=slowest[0].behind_seconds if slowest else 0.0,
            slowest=slowest,
            log_up=self._hub.healthy,
            log_ms=await self._trip(),
            follows=not self._upholding.are_upheld,
            draining=self._hub.draining,
        )

    def _rates(self) -> dict[str, float]:
        now, sums = time.monotonic(), self._counting.sums()
        seconds = max(now - self._looked, 0.001)
        rates = {name: round((sums[name] - self._before[name]) / seconds, 2) for name in sums}
        self._before, self._looked = sums, now
        return rates

    async def _trip(self) -> float | None:
        began = time.perf_counter()
        try:
            await self._log.head()
        except StreamerError:
            return None
        return round((time.perf_counter() - began) * 1000, 2)

    def _slow(self, behind: Behind) -> SlowReader:
        reader = behind.reader
        topics = reader.session.topics
        return SlowReader(
            connection=reader.stream_id.rpartition(".")[2][:_SHOWN],
            who=reader.subject or self._hashed(reader.client),
            transport=reader.transport,
            state=reader.session.state.value,
            topics=list(topics[:_TOPICS]),
            topic_count=len(topics),
            behind_seconds=behind.ms / 1000,
            behind_events=behind.events,
            since=reader.session.cursor.timestamp(),
            pending=reader.writer.pending(),
        )

    def _hashed(self, address: str) -> str:
        """An address, so that two readers from one are seen to be, and nobody learns it."""
        digest = blake2b(address.encode(), key=self._key, digest_size=_SHOWN // 2).hexdigest()
        return f"address {digest}"
