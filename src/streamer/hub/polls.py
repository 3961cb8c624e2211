"""Answers to polls: pages of events for those who hold no stream, bounded in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from ..errors import LogUnavailable
from ..events.cursor import Cursor
from ..events.page import Page

if TYPE_CHECKING:
    from ..eventlog.base import EventLog
    from ..metrics import Metrics
    from .attach import Attach
    from .feed import Feed
    from .feed_registry import FeedRegistry
    from .limits import HubLimits
    from .quotas import Quotas
    from .stays import Stays


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
        in seconds.

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

        try:
            wait = min(wait, self._stays.left(attach))
            first = await self._first(topics, after, limit, wait, is_over)
            self._stays.refuse_if_over(attach)
            with self._room() as max_bytes:
                page = await self._whole(topics, first, limit, max_bytes)
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
