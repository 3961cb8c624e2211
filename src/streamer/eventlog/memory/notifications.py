"""Subscriptions to an event log in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from ...errors import LogUnavailable
from ...events.event import Event
from ..base import Listener


class MemoryNotifications:
    """See `base.Notifications`; made by `MemoryEventLog.listen`."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Final = listener
        self._loop: Final = asyncio.get_running_loop()
        self._topics: Final[set[str]] = set()
        # New events, and the names of topics that were deleted.
        self._waiting: list[Event | str] = []
        self._closed = False

    @property
    def healthy(self) -> bool:
        """See `Notifications.healthy`."""
        return not self._closed

    async def subscribe(self, topics: Collection[str]) -> None:
        """See `Notifications.subscribe`."""
        if self._closed:
            raise LogUnavailable("the event log is closed")
        self._topics.update(topics)

    def unsubscribe(self, topics: Collection[str]) -> None:
        """See `Notifications.unsubscribe`."""
        self._topics.difference_update(topics)

    async def close(self) -> None:
        """See `Notifications.close`."""
        self._closed = True

    def notify(self, event: Event) -> None:
        """Hand `event` to the listener, soon, if one of its topics is subscribed.

        May be called from any thread.
        """
        if self._closed or self._topics.isdisjoint(event.topics):
            return
        self._wait(event)

    def notify_deleted(self, topic: str) -> None:
        """Say soon that `topic` was deleted, if it is subscribed; from any thread, too."""
        if not self._closed and topic in self._topics:
            self._wait(topic)

    def _wait(self, item: Event | str) -> None:
        self._waiting.append(item)
        if len(self._waiting) == 1:
            self._loop.call_soon_threadsafe(self._hand_on)

    def _hand_on(self) -> None:
        items, self._waiting = self._waiting, []
        events: list[Event] = []
        for item in items:
            if isinstance(item, Event):
                events.append(item)
            elif not self._closed:
                if events:
                    self._listener.notified(events)
                events = []
                self._listener.deleted((item,))
        if events and not self._closed:
            self._listener.notified(events)
