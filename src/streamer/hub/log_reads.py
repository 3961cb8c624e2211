"""What is read from the log for one reader: the state it begins with, and pages of its replay."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ..errors import LogUnavailable
from ..events.cursor import ORIGIN
from .reader import Reader, alone

if TYPE_CHECKING:
    from ..eventlog.base import EventLog
    from ..events.cursor import Cursor
    from ..events.event import Event
    from ..events.page import Page
    from ..events.reading import Reading
    from ..events.snapshot import Snapshot
    from .attach import Attach
    from .feed import Feed
    from .feed_registry import FeedRegistry
    from .limits import HubLimits
    from .session import ReadLog


class LogReads:
    """Reads the log for readers; a feed that learns from it spares the next reader the read.

    Args:
        log: where events and snapshots are read.
        feeds: read pages however long the log is away, in the background.
        limits: of a page, and of reading snapshots again.
    """

    def __init__(self, log: EventLog, feeds: FeedRegistry, limits: HubLimits) -> None:
        self._log: Final = log
        self._feeds: Final = feeds
        self._limits: Final = limits

    @staticmethod
    def are_needed(attach: Attach) -> bool:
        """Whether `attach` asks for what only the log knows, whatever its feed has."""
        return _is_told_how_far(attach) or _may_have_ended_at(attach) is not None

    async def snapshots(self, feed: Feed) -> dict[str, Snapshot]:
        """The snapshots of the feed's topics, all of one position.

        Raises:
            LogUnavailable: the log is needed and away, or they change too fast.
        """
        for _ in range(self._limits.renewals):
            if (snapshots := feed.snapshots()) is not None:
                return snapshots
            feed.renew_snapshots(await self._log.snapshots(feed.topics))
        raise LogUnavailable(f"the state of {feed.topics} changes too fast to be read")

    async def reading(self, attach: Attach) -> Reading | None:
        """How far whoever attaches has read the topics where events count as unread.

        Read once it is decided where the reader begins: every event that is counted later
        is sent to it. None if there are no such topics, or the log is away: whoever resumes
        from the tail is served without it.
        """
        if not _is_told_how_far(attach):
            return None
        try:
            return await self._log.reader_cursors.states(attach.counted, attach.reads_as)
        except LogUnavailable:
            return None

    async def last_given(self, attach: Attach, feed: Feed) -> Event | None:
        """The event at which a reader resumes that ends by itself, if the log has it.

        Raises:
            LogUnavailable: the log is needed and away.
        """
        last = _may_have_ended_at(attach)
        if last is None:
            return None
        page = await self._log.read(feed.topics, last.before(), 1)
        return next((event for event in page.events if event.id == last), None)

    def start_page(self, reader: Reader, feed: Feed, step: ReadLog) -> None:
        """Read the page that `reader` asked for, in the background, then call its `take_page`."""
        self._feeds.spawn(self._page(reader, feed, step))

    async def _page(self, reader: Reader, feed: Feed, step: ReadLog) -> None:
        page = None
        try:
            async with feed.reading:
                if reader.asked is not step:
                    return
                # Those who waited behind another's read may find it in the tail now.
                anew = step.backfill or step.beyond_tail
                if anew or not feed.tail.floor <= step.after <= feed.tail.head:
                    page = await self._read(feed, step)
        except Exception as error:  # noqa: BLE001 - reported by it
            # It would wait for a page for ever; cut, it comes back and asks again.
            reader.failed(error)
            return
        # It may have gone, or asked for other topics.
        if reader.asked is step:
            alone(reader, partial(reader.take_page, page))

    async def _read(self, feed: Feed, step: ReadLog) -> Page | None:
        """Read from the log; None if the log was lost meanwhile: ask again."""
        tail = feed.tail
        page = await self._feeds.read(step.topics, step.after)
        if feed.tail is not tail:
            return None
        if not step.backfill:
            feed.learn(page, step.after)
        # What a slow reader is handed at once stays small, however large its
        # events are; the rest is in the tail now, or read again.
        return page.within(self._limits.page_bytes)


def _is_told_how_far(attach: Attach) -> bool:
    """Whether it is told how far whoever it is has read."""
    return bool(attach.reads_as and attach.counted)


def _may_have_ended_at(attach: Attach) -> Cursor | None:
    """Where it resumes, if the event there may have been its last."""
    # At the origin, where a first visit from the earliest was cut, there is no event.
    return attach.resume if attach.until_end and attach.resume != ORIGIN else None
