"""The feeds of a process: opened when first asked for, kept whole whatever the log does."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..backoff import Backoff
from ..errors import LogUnavailable
from ..events.cursor import Cursor
from ..events.page import Page
from ..metrics import Metrics
from .feed import Feed
from .resting import Resting, Topics

if TYPE_CHECKING:
    from ..eventlog.base import EventLog
    from ..events.event import Event
    from .fan_out import FanOut
    from .limits import HubLimits
    from .options import TailLimits

logger = logging.getLogger(__name__)

#: Seconds before a log that is away is read again: the first time, and at most.
REREADING: Final = Backoff(0.1, 2.0)

#: What handing a feed its events costs beside its readers, in readers.
FEED_COST: Final = 4


class FeedRegistry:
    """Feeds by their set of topics; the listener of the log's notifications.

    Args:
        log: where events are read, and what notifies of them.
        tail: what each feed keeps.
        limits: of all of them.
        fan_out: sends to the readers of all of them.
        fail: cuts every reader of a feed, for an error.
        metrics: counts what the readers of all of them are handed.
    """

    def __init__(
        self,
        log: EventLog,
        tail: TailLimits,
        limits: HubLimits,
        fan_out: FanOut,
        fail: Callable[[Feed, Exception], None],
        *,
        metrics: Metrics,
    ) -> None:
        self._log = log
        self._fail = fail
        self._tail = tail
        self._metrics = metrics
        self._limits = limits
        self._fan_out = fan_out
        self._feeds: dict[Topics, asyncio.Future[Feed]] = {}
        self._by_topic: dict[str, dict[Topics, None]] = {}
        # What is notified while a feed is being read from the log.
        self._held: dict[Topics, list[Event]] = {}
        # What was notified of feeds whose turn has not come, and whether one is due.
        self._waiting: OrderedDict[Topics, list[Event]] = OrderedDict()
        self._turn_is_due = False
        # How many wait for a feed to be open: it is not at rest, though it has no readers yet.
        self._awaited: Counter[Topics] = Counter()
        # Those that nobody reads or waits for.
        self._resting = Resting(limits.resting_feeds, limits.resting_seconds, self._drop)
        self._tasks: set[asyncio.Task[None]] = set()
        self._resumptions = 0

    def start(self) -> None:
        """Begin to listen; call it on the event loop, once."""
        self._loop = asyncio.get_running_loop()
        self._notifications = self._log.listen(self)

    @property
    def healthy(self) -> bool:
        """Whether the log has been heard lately."""
        return self._notifications.healthy

    async def close(self) -> None:
        """Stop listening."""
        self._resting.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._notifications.close()

    def opened(self, topics: Topics) -> Feed | None:
        """The feed of `topics` (sorted), with one reader more; None if it is not open yet."""
        opening = self._feeds.get(topics)
        if opening is None or not opening.done():
            return None
        feed = opening.result()
        self._resting.remove(topics)
        feed.came()
        self.settle(topics)
        return feed

    async def open(self, topics: Topics) -> Feed:
        """The same, opened by the first that asks.

        Raises:
            LogUnavailable: the feed is not open yet, and the log is away.
        """
        if (feed := self.opened(topics)) is not None:
            return feed
        opening = self._feeds.get(topics)
        if opening is None:
            opening = self._feeds[topics] = self._loop.create_future()
            self.spawn(self._open(topics, opening))
        self._awaited[topics] += 1
        try:
            # Shielded: one client that goes away must not take the feed from others.
            feed = await asyncio.shield(opening)
            feed.came()
            self.settle(topics)
        finally:
            self._awaited[topics] -= 1
            if not self._awaited[topics]:
                del self._awaited[topics]
                self._rest_if_unused(topics)
        return feed

    def peek(self, topics: Topics) -> Feed | None:
        """The feed of `topics` (sorted) if it is open and whole."""
        self.settle(topics)
        opening = self._feeds.get(topics)
        if opening is None or not opening.done() or topics in self._held:
            return None
        return opening.result()

    def wake(self) -> None:
        """End every wait for news, though there is none."""
        for opening in self._feeds.values():
            if opening.done():
                opening.result().wake()

    def leave(self, feed: Feed) -> None:
        """Give back what `open` counted; a feed without readers rests for a while."""
        feed.went()
        self._rest_if_unused(feed.topics)

    def _rest_if_unused(self, topics: Topics) -> None:
        """Let the feed rest, if nobody reads it or waits for it."""
        opening = self._feeds.get(topics)
        if opening is None or not opening.done() or opening.result().readers:
            return
        if topics in self._held or topics in self._awaited:
            return  # asked again once it is read, or once nobody waits for it
        self._resting.add(topics)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until it is done or the feeds are closed."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def read(self, topics: Topics, after: Cursor) -> Page:
        """Read a page, however long the log is away: a replay waits, it does not fail."""
        attempt = 0
        while True:
            try:
                return await self._log.read(topics, after, self._limits.page_events)
            except LogUnavailable as error:
                logger.info("a replay waits for the event log: %s", error)
                await asyncio.sleep(REREADING(attempt))
                attempt += 1

    async def _open(self, topics: Topics, opening: asyncio.Future[Feed]) -> None:
        # Held before it is subscribed: no event may fall between.
        self._held[topics] = []
        for topic in topics:
            self._by_topic.setdefault(topic, {})[topics] = None
        resumptions = self._resumptions
        try:
            await self._notifications.subscribe(topics)
            snapshots = await self._log.snapshots(topics)
        except BaseException as error:
            # Whatever it was, it is raised where the feed is waited for: nobody else opens it.
            self._drop(topics)
            cancelled = isinstance(error, asyncio.CancelledError)
            opening.set_exception(LogUnavailable("the process is ending") if cancelled else error)
            opening.exception()  # whoever waited may have gone: then it is not worth a log line
            if cancelled:
                raise
            if not isinstance(error, LogUnavailable):
                logger.exception("the feed of %s could not be opened", topics)
            return
        feed = Feed(
            topics,
            snapshots,
            position=snapshots[topics[0]].cursor,
            max_events=self._tail.max_events,
            max_bytes=self._tail.max_bytes,
            limits=self._limits,
            fan_out=self._fan_out,
            metrics=self._metrics,
            call_soon=self._loop.call_soon,
        )
        opening.set_result(feed)
        if resumptions == self._resumptions:
            feed.push(self._held.pop(topics))
            self._rest_if_unused(topics)  # whoever asked for it may have gone
        else:  # notifications were lost while it was opened
            await self._catch_up(feed)

    def _drop(self, topics: Topics) -> None:
        opening = self._feeds.pop(topics)
        if opening.done():
            opening.result().close()
        self._held.pop(topics, None)
        self._waiting.pop(topics, None)
        self._resting.remove(topics)
        unheard = []
        for topic in topics:
            keys = self._by_topic[topic]
            keys.pop(topics, None)
            if not keys:
                del self._by_topic[topic]
                unheard.append(topic)
        if unheard:
            self._notifications.unsubscribe(unheard)

    # What the log reports

    def notified(self, events: Sequence[Event]) -> None:
        """Hand new events to the feeds of their topics, each feed's in one batch.

        As many feeds as have `HubLimits.turn_readers` readers are served at once; the others
        wait for the event loop's next turns, and what is notified of them meanwhile comes in
        the same batch. Feeds that do not wait are not behind those that do.
        """
        batches: dict[Topics, list[Event]] = {}
        by_topic = self._by_topic
        for event in events:
            for topic in event.topics:
                for topics in by_topic.get(topic, ()):
                    batches.setdefault(topics, []).append(event)
        left = self._limits.turn_readers
        for topics, batch in batches.items():
            if topics in self._waiting:
                self._waiting[topics] += batch
            elif left > 0:
                left -= self._hand(topics, batch)
            else:
                self._waiting[topics] = batch
        self._serve_soon()

    def settle(self, topics: Topics) -> None:
        """Hand the feed of `topics` (sorted) now what it waits for.

        Whoever asks for a feed finds it where the notifications are: it may come from another
        that was served before, and must not meet there what it has seen here.
        """
        if topics in self._waiting:
            self._hand(topics, self._waiting.pop(topics))

    def _serve_soon(self) -> None:
        if self._waiting and not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._serve_waiting)

    def _serve_waiting(self) -> None:
        self._turn_is_due = False
        left = self._limits.turn_readers
        while self._waiting and left > 0:
            left -= self._hand(*self._waiting.popitem(last=False))
        self._serve_soon()

    def _hand(self, topics: Topics, batch: list[Event]) -> int:
        """Push `batch`, or hold it for later; return what that cost, in readers."""
        opening = self._feeds.get(topics)
        if opening is None:
            return 0  # dropped while the others were served: a reader that ended was its last
        feed = opening.result() if opening.done() else None
        if feed is not None and topics not in self._held:
            feed.push(batch)
            return FEED_COST + feed.readers
        self._hold(topics, batch)
        # What is kept nowhere is for those who are live now: later, it might come
        # to one of them a second time, by another feed.
        if feed is not None:
            feed.push([event for event in batch if event.id is None])
        return FEED_COST

    def _hold(self, topics: Topics, batch: Sequence[Event]) -> None:
        held = self._held[topics]
        held += [event for event in batch if event.id is not None]
        if len(held) > self._limits.held_events:
            # As if they had not been notified: whoever reads the feed reads on for them.
            held.clear()
            self._resumptions += 1

    def interrupted(self, reason: str) -> None:
        """Streams stay open with heartbeats; what is missed is read later."""
        self._metrics.interrupted()
        logger.warning("the event log went silent (%s); streams stay open", reason)

    def deleted(self, topics: Sequence[str]) -> None:
        """Read on in all feeds of `topics`: the log says what was lost, and all are told."""
        # One that is just being opened or read is read once more.
        self._resumptions += 1
        for topic in topics:
            for key in tuple(self._by_topic.get(topic, ())):
                opening = self._feeds.get(key)
                if opening is not None and opening.done():
                    self._recover(opening.result())

    def resumed(self) -> None:
        """Read what every feed missed, before anything newer goes out."""
        logger.info("the event log is heard again; reading what was missed")
        self._resumptions += 1
        for opening in self._feeds.values():
            if opening.done():
                self._recover(opening.result())

    def _recover(self, feed: Feed) -> None:
        """Read what `feed` missed, or that the log has lost it."""
        # One that was dropped has no readers, and another may have its topics.
        if self.peek(feed.topics) is feed:
            # Nor is it at rest: whoever drops it now drops what is held for the next of its topics.
            self._resting.lift(feed.topics)
            self._held[feed.topics] = []
            self.spawn(self._catch_up(feed))

    async def _catch_up(self, feed: Feed) -> None:
        try:
            await self._read_what_was_missed(feed)
        except Exception as error:
            logger.exception(
                "the feed of %s could not be read again; its readers are cut", feed.topics
            )
            # Nobody else reads it again: held for ever, it would be silent for ever.
            self._fail(feed, error)
            self._drop(feed.topics)
            return
        feed.push(self._held.pop(feed.topics))
        self._rest_if_unused(feed.topics)

    async def _read_what_was_missed(self, feed: Feed) -> None:
        resumptions = -1
        complete = False
        # Read once more if notifications were lost again while it was read.
        while not complete or resumptions != self._resumptions:
            resumptions = self._resumptions
            # Gaps may reach beyond the last event: they have been reported.
            stood = max(feed.tail.head, feed.tail.floor)
            page = await self.read(feed.topics, stood)
            complete = page.complete
            if page.gaps:
                feed.lose(page.gaps, page.behind_gaps(stood))
            feed.push(page.events)
