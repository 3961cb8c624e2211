"""Who is reached by Web Push, and what is to be sent, in the memory of one process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from ...errors import TooManySubscribers
from ...events.cursor import Cursor
from ...events.topic import user_of
from ..push import (
    MAX_FOUND,
    MAX_SUBJECTS,
    MAX_SUBSCRIPTIONS,
    SUBSCRIPTION_TTL,
    Send,
    Subscription,
    name_of,
)


@dataclass
class _Kept:
    """A subscription, and what became of its sends.

    `again` is whether its subject was spread while its send was in the queue.
    """

    subscription: Subscription
    came: int
    told: Cursor | None = None
    failures: int = 0
    again: bool = False


class MemoryPushes:
    """`Pushes` as push.lua keeps them.

    Args:
        clock: milliseconds since 1970; may be set back.
        lock: held while anything is read or written.
    """

    def __init__(self, clock: Callable[[], int], lock: AbstractContextManager[object]) -> None:
        self._clock: Final = clock
        self._lock: Final = lock
        self._kept: Final[dict[str, dict[str, _Kept]]] = {}
        self._came: Final[dict[str, int]] = {}
        self._owners: Final[dict[str, str]] = {}
        self._due: Final[dict[str, int]] = {}
        self._sends: Final[dict[tuple[str, str], int]] = {}

    def note(self, topic: str) -> None:
        """Something that counts as unread was appended to `topic`, under the lock."""
        subject = user_of(topic)
        if subject is not None and self._of(subject):
            self._due.setdefault(subject, self._clock())

    async def subscribe(self, subject: str, subscription: Subscription) -> None:
        """See `Pushes.subscribe`."""
        with self._lock:
            now, name = self._clock(), name_of(subscription.endpoint)
            if not self._of(subject) and len(self._came) >= MAX_SUBJECTS:
                gone = [one for one, at in self._came.items() if at <= now - SUBSCRIPTION_TTL]
                if not gone:
                    raise TooManySubscribers.of(MAX_SUBJECTS)
                for one in gone:
                    self._forget_all(one)
            kept = self._kept.setdefault(subject, {})
            before = kept.pop(name, None)
            kept[name] = new = _Kept(subscription, now)
            if before is not None:
                new.came = max(now, before.came + 1)
                new.told, new.failures, new.again = before.told, before.failures, before.again
            self._owners[name] = subject
            self._came[subject] = now
            oldest = sorted(kept, key=lambda one: (one == name, kept[one].came, one))
            for one in oldest[: max(0, len(kept) - MAX_SUBSCRIPTIONS)]:
                self._forget(subject, one)

    async def unsubscribe(self, subject: str, endpoint: str) -> bool:
        """See `Pushes.unsubscribe`."""
        with self._lock:
            name = name_of(endpoint)
            is_there = name in self._of(subject)
            is_own = self._owners.get(name) == subject
            if is_there:
                self._forget(subject, name)
            return is_there and is_own

    async def subscriptions(self, subject: str) -> list[Subscription]:
        """See `Pushes.subscriptions`."""
        with self._lock:
            kept = self._of(subject).items()
            return [it.subscription for name, it in kept if self._owners.get(name) == subject]

    async def spread(self, seconds: float, limit: int = MAX_FOUND) -> int:
        """See `Pushes.spread`."""
        with self._lock:
            now = self._clock()
            for subject, at in self._due.items():
                self._due[subject] = min(at, now)
            found = [one for one, at in self._due.items() if at <= now - int(seconds * 1000)]
            found = sorted(found, key=lambda one: (self._due[one], one))[:limit]
            for subject in found:
                del self._due[subject]
                for name, kept in self._of(subject).items():
                    kept.again = (subject, name) in self._sends
                    self._sends.setdefault((subject, name), now)
            return len(found)

    async def take(self, seconds: float, limit: int = MAX_FOUND) -> list[Send]:
        """See `Pushes.take`."""
        with self._lock:
            now = self._clock()
            for key, at in self._sends.items():
                if at > now + 24 * 3600 * 1000:
                    self._sends[key] = now
            found = sorted((at, key) for key, at in self._sends.items() if at <= now)[:limit]
            until = now + int(seconds * 1000)
            for _, key in found:
                self._sends[key] = until
            opened = (self._open(*key, until) for _, key in found)
            return [send for send in opened if send is not None]

    async def done(self, send: Send, told: Cursor | None) -> None:
        """See `Pushes.done`."""
        with self._lock:
            kept = self._taken(send)
            if kept is None:
                return
            kept.failures = 0
            kept.told = kept.told if told is None else told
            if kept.again:
                self._sends[send.subject, send.name] = self._clock()
            else:
                del self._sends[send.subject, send.name]

    async def later(self, send: Send, seconds: float, *, failed: bool) -> None:
        """See `Pushes.later`."""
        with self._lock:
            kept = self._taken(send)
            if kept is not None:
                kept.failures += failed
                self._sends[send.subject, send.name] = self._clock() + int(seconds * 1000)

    async def drop(self, send: Send) -> None:
        """See `Pushes.drop`."""
        with self._lock:
            kept = self._taken(send)
            if kept is None:
                return
            if kept.came == send.stamp:
                self._forget(send.subject, send.name)
            else:
                self._sends[send.subject, send.name] = self._clock()

    def _open(self, subject: str, name: str, until: int) -> Send | None:
        kept = self._of(subject).get(name)
        if kept is None or self._owners.get(name) != subject:
            self._forget(subject, name)
            return None
        kept.again = False
        return Send(subject, name, kept.subscription, kept.told, kept.failures, until, kept.came)

    def _taken(self, send: Send) -> _Kept | None:
        """What the send is of, if nobody else has taken it since."""
        if self._sends.get((send.subject, send.name)) != send.until:
            return None
        return self._kept.get(send.subject, {}).get(send.name)

    def _of(self, subject: str) -> dict[str, _Kept]:
        if self._came.get(subject, 0) + SUBSCRIPTION_TTL <= self._clock():
            self._forget_all(subject)
        return self._kept.get(subject, {})

    def _forget(self, subject: str, name: str) -> None:
        kept = self._kept.get(subject, {})
        kept.pop(name, None)
        self._sends.pop((subject, name), None)
        if not kept:
            self._forget_all(subject)

    def _forget_all(self, subject: str) -> None:
        for name in self._kept.pop(subject, {}):
            self._sends.pop((subject, name), None)
        self._came.pop(subject, None)
