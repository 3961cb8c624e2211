"""The hub, one per process: every reader, fed from one subscription to the log."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Final

from ..backoff import jittered
from ..errors import Draining, StreamerError, TooManyTopics
from ..events.control import Control
from ..events.cursor import Cursor
from ..events.page import Page
from ..events.topic import job_of
from ..metrics import SILENT, Metrics
from .attach import Attach, Gone, refuse_if_finished
from .controls import connected_control
from .fan_out import FanOut
from .feed_registry import FeedRegistry
from .log_reads import LogReads
from .options import HubOptions
from .polls import Polls
from .pulse import Pulse
from .quotas import Quotas
from .reader import Reader, alone
from .session import ReadLog, Session, State
from .standing import Standing
from .stays import IsRevoked, Stays
from .stream_ids import StreamIds
from .throttled import interval_of
from .welcome import Welcome

if TYPE_CHECKING:
    from ..eventlog.base import EventLog
    from ..events.event import Event
    from ..events.reading import Reading
    from ..events.snapshot import Snapshot
    from .feed import Feed
    from .writer import Writer

logger = logging.getLogger(__name__)


def _nothing() -> None:
    """What has to be done before a reader begins."""


class Hub:
    """Every reader of this process.

    Args:
        clock: seconds since 1970, by which what readers proved themselves with ends.
        ended: called with each reader whose token has ended, and how.

    Attributes:
        counts: readers by topic.
        draining: whether the process is going away.
        metrics: who counts.
        standing: how the readers stand.
        stays: how long those may stay who proved themselves with anything.
        stream_ids: names the streams of this process.
    """

    def __init__(
        self,
        log: EventLog,
        options: HubOptions | None = None,
        *,
        metrics: Metrics = SILENT,
        clock: Callable[[], float] = time.time,
        ended: Callable[[Reader, StreamerError], None] = lambda _reader, _error: None,
    ) -> None:
        self.counts: Final[Counter[str]] = Counter()
        self.draining = False
        self.metrics: Final = metrics
        self.standing: Final = Standing()
        self._options = options if options is not None else HubOptions()
        fan_out = FanOut(io_uring=self._options.io_uring)
        limits = self._limits = self._options.limits
        self._feeds = FeedRegistry(
            log, self._options.tail, limits, fan_out, self._fail, metrics=metrics
        )
        self._reads = LogReads(log, self._feeds, limits)
        self.stays: Final = Stays(clock, self._options.warning, limits.ended_readers, ended)
        self.stream_ids: Final = StreamIds()
        # Each with the feed that it reads.
        self._readers: dict[Reader, Feed] = {}
        # What is called when one is over.
        self._leaves: dict[Reader, Callable[[], None]] = {}
        self._quotas = Quotas(
            self._options.max_readers,
            self._options.max_readers_per_client,
            self._options.max_readers_per_subject,
            self._options.max_topics_per_subject,
        )
        self._polls = Polls(
            log,
            self._feeds,
            limits,
            quotas=self._quotas,
            stays=self.stays,
            metrics=metrics,
            is_draining=lambda: self.draining,
        )
        self._pulse = Pulse(self._options.send_timeout)
        self._has_begun = False

    # Life

    def start(self) -> None:
        """Begin to listen; call it on the event loop, once."""
        self._has_begun = True
        self._loop = asyncio.get_running_loop()
        self._feeds.start()
        self.stays.start()
        self._pulse.start()

    @property
    def readers(self) -> list[Reader]:
        """All of them."""
        return list(self._readers)

    @property
    def healthy(self) -> bool:
        """Whether the log has been heard lately."""
        return self._feeds.healthy

    async def drain(self, seconds: float) -> None:
        """Ask every reader to come back elsewhere, spread over `seconds`.

        No new reader is taken from now on. Returns when all have been asked.
        """
        self.draining = True
        self._feeds.wake()  # polls that wait are answered with what there is
        readers = list(self._readers)
        random.shuffle(readers)
        started = self._loop.time()
        for number, reader in enumerate(readers):
            wait = started + seconds * number / len(readers) - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            alone(reader, partial(reader.end_with, "draining", self.reconnect_control()))

    def start_drain(self, seconds: float = 1.0) -> None:
        """Drain in the background, unless it has begun already."""
        if not self.draining:
            self._feeds.spawn(self.drain(seconds))

    def reconnect_control(self, error: StreamerError | None = None) -> Control:
        """Asks a reader to come back, after a time of its own; `error` says why."""
        why = error if error is not None else Draining("The server is restarting.")
        retry_ms = self._retry_ms()
        fields = {"retry_ms": retry_ms, "code": why.code, "detail": why.detail}
        return Control("reconnect", fields, retry_ms=retry_ms)

    async def close(self) -> None:
        """Stop listening, and end every reader, if it has begun."""
        if not self._has_begun:
            return
        self._pulse.close()
        self.stays.close()
        for reader in list(self._readers):
            alone(reader, partial(reader.end_with, "draining"))
        await self._feeds.close()

    # Readers

    async def attach(self, attach: Attach, writer: Writer) -> Reader:
        """Start a reader: ``connected`` is written, and all that it is owed follows.

        Nothing is written if it raises:

        Raises:
            Finished: it resumes at or past the terminal event it would end with.
            Gone: the client has left meanwhile.
            LogUnavailable: the log is needed and away.
            Draining: the process is going away.
            TokenExpired, TokenRevoked: what it proved itself with holds no longer.
            TooManyConnections: the process, the client or the subject has as many
                as it may.
            TooManyTopics: the subject would read more than it may.
        """
        if (begun := self.attach_at_once(attach, writer)) is not None:
            return begun
        # Also for whoever is refused: one that comes back by itself.
        retry_ms = self._retry_ms()
        self._admit(attach, writer, retry_ms)
        leave = await attach.enter() if attach.enter is not None else None
        try:
            reader = await self._attach(attach, writer, retry_ms)
        except BaseException:
            if leave is not None:
                leave()
            raise
        if leave is not None:
            if reader in self._readers:
                self._leaves[reader] = leave
            else:  # it is over already
                leave()
        return reader

    def attach_at_once(
        self, attach: Attach, writer: Writer, ready: Callable[[], object] = _nothing
    ) -> Reader | None:
        """As `attach`, where nothing has to be waited for; else nothing is done, and None.

        `ready` is called once it is clear that the reader begins, before `writer` is asked for
        its form, and written to.
        """
        if attach.enter is not None or self._reads.are_needed(attach):
            return None
        feed = self._feeds.opened(tuple(sorted(attach.topics)))
        if feed is None:
            return None
        if (snapshots := feed.snapshots()) is None:
            self._feeds.leave(feed)
            return None
        retry_ms = self._retry_ms()
        return self._begin(attach, writer, feed, snapshots, retry_ms=retry_ms, ready=ready)

    async def _attach(self, attach: Attach, writer: Writer, retry_ms: int) -> Reader:
        feed = await self._feeds.open(tuple(sorted(attach.topics)))
        try:
            snapshots = await self._reads.snapshots(feed)
            last = await self._reads.last_given(attach, feed)
            reading = await self._reads.reading(attach)
        except BaseException:
            self._feeds.leave(feed)
            raise
        return self._begin(
            attach, writer, feed, snapshots, last=last, reading=reading, retry_ms=retry_ms
        )

    def _begin(
        self,
        attach: Attach,
        writer: Writer,
        feed: Feed,
        snapshots: dict[str, Snapshot],
        *,
        last: Event | None = None,
        reading: Reading | None = None,
        retry_ms: int,
        ready: Callable[[], object] = _nothing,
    ) -> Reader:
        """Start a reader of `feed`, which counts it already."""
        try:
            # It may have left while the feed was opened, and others have come.
            self._admit(attach, writer, retry_ms)
            refuse_if_finished(attach, snapshots, last)
            ready()
        except BaseException:
            self._feeds.leave(feed)
            raise
        snapshot = snapshots[attach.topics[0]]
        resumed = attach.resume is not None
        start = attach.resume if resumed else attach.start
        cursor = snapshot.cursor if start is None else start
        session = Session(
            attach.topics,
            cursor,
            limits=self._limits,
            until_end=attach.until_end,
            per_job=attach.per_job,
            story=None if attach.story is None else attach.story(),
        )
        reader = Reader(
            session,
            writer,
            feed,
            self,
            client=attach.client,
            subject=attach.subject,
            transport=attach.transport,
            stream_id=self.stream_ids.next(),
            interval=interval_of(attach.rate),
        )
        self._readers[reader] = feed
        self.standing.enter(reader)
        self._quotas.enter(attach, len(attach.topics))
        self.stays.enter(reader, attach)
        self.metrics.attached(attach.transport)
        _log_stream(reader, "begins")
        for topic in attach.topics:
            self.counts[topic] += 1
        reader.beat_with(self._pulse.wheel, attach.heartbeat)

        def connected(retry_ms: int, stream_id: str) -> Control:
            return connected_control(
                attach.topics,
                cursor,
                snapshots,
                resumed=resumed,
                retry_ms=retry_ms,
                stream=(stream_id, attach.expires),
                reading=reading,
                greeting=attach.greeting,
            )

        is_more = len(attach.topics) > 1 or attach.expires is not None or attach.greeting
        is_alike = not is_more and reading is None and cursor == snapshot.cursor
        welcome = Welcome(
            connected,
            (retry_ms, reader.stream_id),
            session.over(snapshots),
            snapshot.welcomes if is_alike else None,
            (attach.topics[0], resumed),
        )
        reader.begin(welcome)
        if session.state is State.ENDED:
            return reader
        is_over = start is None and attach.until_end and snapshot.terminal is not None
        if is_over and job_of(attach.topics[0]) is not None:
            # A first visit to a job that is over: the snapshot has said how.
            reader.write([session.end(snapshot.status or "ended", attach.topics[0])])
            reader.finish_if_ended()
        return reader

    async def change_topics(
        self,
        reader: Reader,
        topics: tuple[str, ...],
        backfill: tuple[str, Cursor] | None,
        reply: Control,
        holds: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Let `reader` read other topics, from its cursor on.

        `backfill` is the topic that was added, with the reader's own cursor in
        it, if it has one: what it missed there is sent first, after `reply`. `holds` is
        asked at the last moment: what was asked before may hold no longer. If it does
        not, nothing has changed, and False is returned.

        Raises:
            LogUnavailable: the log is needed and away.
            TooManyTopics: its subject would read more than it may.
        """
        subject, more = reader.subject, len(topics) - len(reader.session.topics)
        self._quotas.refuse_more_topics(subject, more, self._retry_ms() / 1000)
        feed = await self._feeds.open(tuple(sorted(topics)))
        try:
            # Its other connections may have changed theirs while the feed was opened.
            self._quotas.refuse_more_topics(subject, more, self._retry_ms() / 1000)
        except TooManyTopics:
            self._feeds.leave(feed)
            raise
        if reader in self._readers:  # what is kept nowhere would not come by the other feed
            self._feeds.settle(self._readers[reader].topics)
        if reader not in self._readers or not holds():
            self._feeds.leave(feed)
            return reader not in self._readers
        self._quotas.change_topics(subject, more)
        self._release(reader, self._readers[reader])
        self._readers[reader] = feed
        reader.read_from(feed)
        self.counts.update(topics)
        reader.session.change_topics(topics, backfill)
        self.standing.change(reader)
        reader.write([reply, *reader.session.over(feed.snapshots() or {})])
        reader.finish_if_ended()
        reader.pump()
        return True

    def end_revoked(self, is_revoked: IsRevoked) -> None:
        """End all whose credential was taken back; whoever comes is asked the same."""
        self.stays.end_revoked(is_revoked)
        self._feeds.wake()  # polls that wait

    def poll(
        self, attach: Attach, after: Cursor, limit: int, wait: float
    ) -> AbstractAsyncContextManager[Page]:
        """Answer a poll, as `Polls.answer`."""
        return self._polls.answer(attach, after, limit, wait, self._retry_ms() / 1000)

    # What a reader asks of us

    def read_log(self, reader: Reader, step: ReadLog) -> None:
        """Read the page that `reader` asked for, then call its `take_page`."""
        self._reads.start_page(reader, self._readers[reader], step)

    def stands(self, reader: Reader) -> None:
        """Count `reader` by its state, and watch it if it lags, until it drains."""
        self.standing.change(reader)
        if reader.session.state is State.LAGGING:
            self._pulse.watch(reader)

    def forget(self, reader: Reader) -> None:
        """The reader is over."""
        feed = self._readers.pop(reader, None)
        if feed is not None:
            self.standing.leave(reader)
            self._quotas.leave(reader, len(reader.session.topics))
            self.stays.leave(reader)
            self.metrics.left(reader.transport)
            _log_stream(reader, "is over")
            if (leave := self._leaves.pop(reader, None)) is not None:
                leave()
            self._pulse.forget(reader)
            self._release(reader, feed)

    def _fail(self, feed: Feed, error: Exception) -> None:
        for reader, its_feed in tuple(self._readers.items()):
            if its_feed is feed:
                reader.failed(error)

    def _admit(self, attach: Attach, writer: Writer, retry_ms: int) -> None:
        """Raise if no reader may be started now, as `attach` says."""
        if writer.lost:
            raise Gone
        if self.draining:
            raise Draining("The server is restarting.")
        self.stays.refuse_if_over(attach)
        self._quotas.refuse_if_full(attach, len(attach.topics), retry_ms / 1000)

    def _release(self, reader: Reader, feed: Feed) -> None:
        feed.leave(reader)
        for topic in reader.session.topics:
            self.counts[topic] -= 1
            if not self.counts[topic]:
                del self.counts[topic]
        self._feeds.leave(feed)

    def _retry_ms(self) -> int:
        return round(jittered(2 * self._options.retry_ms))


def _log_stream(reader: Reader, what: str) -> None:
    if logger.isEnabledFor(logging.DEBUG):  # else nobody needs its names
        logger.debug("a stream of %s %s", reader.session.topics, what, extra=reader.as_logged)
