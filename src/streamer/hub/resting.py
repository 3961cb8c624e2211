"""Feeds that nobody reads: kept for who comes back soon, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import itemgetter

Topics = tuple[str, ...]


class Resting:
    """Feeds without readers, the one that was left longest ago first.

    A reconnect finds the tail of its feed here. Each keeps a thousand events, so they are
    few, and go after a while: who comes later reads the log. That the log was silent
    meanwhile, and all were read again, gives none of them more time.

    Args:
        most: how many are kept.
        seconds: how long each is.
        drop: called with one that is kept no longer, when it is not here any more.
    """

    def __init__(self, most: int, seconds: float, drop: Callable[[Topics], None]) -> None:
        self._most = most
        self._seconds = seconds
        self._drop = drop
        # When each began to rest, by the event loop's clock.
        self._since: dict[Topics, float] = {}
        # The same of those that are being read again.
        self._lifted: dict[Topics, float] = {}
        self._due: asyncio.TimerHandle | None = None

    def add(self, topics: Topics) -> None:
        """One rests from now on; or again, for the rest of its time, if it was lifted."""
        loop = asyncio.get_running_loop()
        lifted = self._lifted.pop(topics, None)
        self._since.pop(topics, None)
        self._since[topics] = loop.time() if lifted is None else lifted  # last in line
        if lifted is not None:
            self._since = dict(sorted(self._since.items(), key=itemgetter(1)))
        if len(self._since) > self._most:
            self._drop_first()
        if lifted is not None:
            self.close()
            self._look()
        elif self._due is None and self._since:
            self._due = loop.call_later(self._seconds, self._look)

    def lift(self, topics: Topics) -> None:
        """Do not drop it before it is added again: it is being read, for nobody."""
        since = self._since.pop(topics, None)
        if since is not None:
            self._lifted[topics] = since

    def remove(self, topics: Topics) -> None:
        """It has readers again, or is gone."""
        self._since.pop(topics, None)
        self._lifted.pop(topics, None)

    def close(self) -> None:
        """Look no more."""
        if self._due is not None:
            self._due.cancel()

    def _look(self) -> None:
        self._due = None
        loop = asyncio.get_running_loop()
        over = loop.time() - self._seconds
        while self._since:
            since = next(iter(self._since.values()))
            if since > over:
                self._due = loop.call_at(since + self._seconds, self._look)
                return
            self._drop_first()

    def _drop_first(self) -> None:
        topics = next(iter(self._since))
        del self._since[topics]
        self._drop(topics)
