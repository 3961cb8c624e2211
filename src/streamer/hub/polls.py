"""Answers to polls: pages of events for those who hold no stream, bounded in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from ..errors import LogUnavailable
from ..events.cursor import Cursor
from ..events.merging import merged
from ..events.page import Page
from .throttled import interval_of

if TYPE_CHECKING:
    from ..eventlog.base import EventLog
    from ..metrics import Metrics
    from .attach import Attach
    from .feed import Feed
    from .feed_registry import FeedRegistry
    from .limits import HubLimits
    from .quotas import Quotas
    from .stays import Stays

#: Seconds between two looks of a poll that waits for more than it has.
_LOOK_SECONDS: Final = 0.5


class Polls:
    """Answers polls, each of which counts as a reader while it lasts.

    Args:
        log: where pages are read.
        feeds: whose tails have the newest events.
        limits: of the answers.
        quotas: where a poll counts as a reader while it lasts.
        stays: how long those may wait who proved themselves with anything.
        metrics: counts polls among the readers.
        is_draining: whether the process is going away: then nobody waits.
    """

    def __init__(
        self,
        log: EventLog,
        feeds: FeedRegistry,
        limits: HubLimits,
        *,
        quotas: Quotas,
        stays: Stays,
        metrics: Metrics,
        is_draining: Callable[[], bool],
    ) -> None:
        self._log: Final = log
        self._feeds: Final = feeds
        self._limits: Final = limits
        self._quotas: Final = quotas
        self._stays: Final = stays
        self._metrics: Final = metrics
        self._is_draining: Final = is_draining
        self._large = 0

    @asynccontextmanager
    async def answer(
        self, attach: Attach, after: Cursor, limit: int, wait: float, retry_after: float
    ) -> AsyncGenerator[Page]:
        """Read a page of what comes after a cursor, at most `limit` events.

        If it is empty, wait up to `wait` seconds for an event, and no longer than what
        `attach` has proved itself with holds. A poll counts as a reader until the
        block ends: send the answer within. `retry_after` is for whoever is refused,
        in seconds. With a rate the events are merged, and whoever waits is answered no
        sooner than the rate has it, unless a terminal event is among them or more are
        there than fit into the page.

        Raises:
            LogUnavailable: the log is needed and away.
            TokenExpired, TokenRevoked: what it proved itself with holds no longer.
            TooManyConnections: there are as many readers as there may be.
            TooManyTopics: the subject would read more than it may.
        """
        topics, count = attach.topics, len(attach.topics)
        self._stays.refuse_if_over(attach)
        self._quotas.refuse_if_full(attach, count, retry_after)
        self._quotas.enter(attach, count)
        self._metrics.attached(attach.transport)

        def is_over() -> bool:
            return self._is_draining() or self._stays.is_revoked(attach.credential)

        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            wait = min(wait, self._stays.left(attach))
            first = await self._first(topics, after, limit, wait, is_over)
            if attach.rate and wait > 0:
                left = min(wait, interval_of(attach.rate)) - (clock() - began)
                first = await self._later(topics, first, limit, left, is_over)
            self._stays.refuse_if_over(attach)
            with self._room() as max_bytes:
                page = await self._whole(topics, first, limit, max_bytes)
                if attach.rate:
                    page = msgspec.structs.replace(page, events=tuple(merged(page.events)))
                self._metrics.replayed(len(page.events))
                if page.gap is not None:
                    self._metrics.reported_gaps(1, 1)
                yield page
        finally:
            self._quotas.leave(attach, count)
            self._metrics.left(attach.transport)

    async def _first(
        self,
        topics: tuple[str, ...],
        after: Cursor,
        limit: int,
        wait: float,
        is_over: Callable[[], bool],
    ) -> Page:
        """Read one page; if it is empty, wait up to `wait` seconds for an event.

        Once `is_over`, nobody waits; it is asked whenever the feeds are woken.

        Raises:
            LogUnavailable: the log is needed and away.
        """
        key = tuple(sorted(topics))
        page = await self._page(self._feeds.peek(key), topics, after, limit)
        if page.events or page.gaps or wait <= 0 or is_over():
            return page
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait
        feed = await self._feeds.open(key)
        try:
            while True:
                news = feed.news()
                page = await self._page(feed, topics, after, limit)
                left = deadline - clock()
                if page.events or page.gaps or left <= 0 or is_over():
                    return page
                await asyncio.wait([news], timeout=left)
        finally:
            self._feeds.leave(feed)

    async def _later(
        self,
        topics: tuple[str, ...],
        page: Page,
        limit: int,
        wait: float,
        is_over: Callable[[], bool],
    ) -> Page:
        """`page` and what follows it within `wait` seconds, merged.

        It ends sooner with a terminal event, a full page, a gap, or once `is_over`.

        Raises:
            LogUnavailable: the log is needed and away.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait
        feed = await self._feeds.open(tuple(sorted(topics)))
        try:
            while page.complete and len(page.events) < limit and not is_over():
                end = feed.end()
                if feed.tail.head > page.cursor:
                    try:
                        page = await self._longer(feed, topics, page, limit)
                    except LogUnavailable:
                        break
                left = deadline - clock()
                if left <= 0 or any(event.terminal for event in page.events):
                    break
                # Again and again: what waits in the log alone may be removed there.
                await asyncio.wait([end], timeout=min(left, _LOOK_SECONDS))
            return page
        finally:
            self._feeds.leave(feed)

    async def _longer(self, feed: Feed, topics: tuple[str, ...], page: Page, limit: int) -> Page:
        """`page` with what follows it, merged; complete unless a gap is next."""
        found = await self._page(feed, topics, page.cursor, limit - len(page.events))
        if found.gaps:  # an answer reports gaps before its events: the next one does
            return msgspec.structs.replace(page, complete=False)
        events = tuple(merged((*page.events, *found.events)))
        return Page(page.gaps, events, found.cursor, complete=found.complete)

    @contextmanager
    def _room(self) -> Iterator[int]:
        """Bytes that an answer may have; they are taken until the block ends."""
        limits = self._limits
        is_large = self._large < limits.large_answers
        self._large += is_large
        try:
            yield limits.answer_bytes if is_large else limits.small_answer_bytes
        finally:
            self._large -= is_large

    async def _whole(
        self, topics: tuple[str, ...], first: Page, limit: int, max_bytes: int
    ) -> Page:
        """`first` and the pages that follow it, up to `limit` events and about `max_bytes`.

        What is left out is read by the next poll, from this one's cursor on. So is
        what was lost after the first page: an answer reports gaps before its events.
        """
        key = tuple(sorted(topics))
        page, size = _up_to(first, max_bytes)
        while size < max_bytes and len(page.events) < limit and not page.complete:
            left = limit - len(page.events)
            try:
                found = await self._page(self._feeds.peek(key), topics, page.cursor, left)
            except LogUnavailable:
                break
            if found.gaps:
                break
            more, more_size = _up_to(found, max_bytes - size)
            size += more_size
            events = (*page.events, *more.events)
            page = Page(page.gaps, events, more.cursor, complete=more.complete)
        return page

    async def _page(
        self, feed: Feed | None, topics: tuple[str, ...], after: Cursor, limit: int
    ) -> Page:
        if feed is not None and feed.tail.floor <= after < feed.tail.head:
            events = feed.tail.after(after, self._limits.small_answer_bytes)[:limit]
            cursor = feed.tail.head if not events else events[-1].id or after
            return Page((), tuple(events), cursor, complete=cursor == feed.tail.head)
        return (await self._log.read(topics, after, limit)).at_most(limit)


def _up_to(page: Page, max_bytes: int) -> tuple[Page, int]:
    """`page` up to the event that makes it `max_bytes` large, and its size."""
    size = 0
    for count, event in enumerate(page.events, start=1):
        size += len(event.body) + 1  # and a comma
        if size >= max_bytes:
            return page.at_most(count), size
    return page, size
