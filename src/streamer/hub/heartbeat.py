"""One wheel of heartbeats for all readers, instead of a timer each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(dict[T, None]):
    """Those who are due at the same time.

    Attributes:
        interval: seconds between two of those times.
    """

    __slots__ = ("interval",)

    def __init__(self, interval: int) -> None:
        super().__init__()
        self.interval = interval


class Wheel(Generic[T]):
    """Members that are due every so many seconds, spread over them.

    Those of an interval of 15 s sit in 15 slots, of which each tick (one
    second) returns one; a newcomer goes into the slot that is due last, so
    that its first turn is a whole interval away.
    """

    def __init__(self) -> None:
        self._rings: dict[int, list[Slot[T]]] = {}
        self._now = 0

    def add(self, member: T, interval: int) -> Slot[T]:
        """Make `member` due every `interval` seconds (1 or more).

        Returns the slot it sits in: to remove it, pop it from there.
        """
        ring = self._rings.get(interval)
        if ring is None:
            ring = self._rings[interval] = [Slot(interval) for _ in range(interval)]
        slot = ring[self._now % interval]
        slot[member] = None
        return slot

    def put_off(self, member: T, slot: Slot[T], most: int) -> Slot[T]:
        """Move `member`, which is due, to a slot that is due within `most` seconds (1 or more).

        Which one is chance: those who are put off at the same time shall not all be due at
        the same time.
        """
        slot.pop(member, None)
        seconds = random.randint(1, min(most, slot.interval))
        other = self._rings[slot.interval][(self._now + seconds) % slot.interval]
        other[member] = None
        return other

    def tick(self) -> Iterator[T]:
        """Let a second pass; return who is due."""
        self._now += 1
        return chain.from_iterable(
            tuple(ring[self._now % interval]) for interval, ring in self._rings.items()
        )
