"""How the readers of a process stand: how many, in which state, and who is furthest behind."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from ..events.cursor import ORIGIN
from .session import State

if TYPE_CHECKING:
    from .reader import Reader

#: Readers that are looked at before others have their turn.
_SLICE: Final = 1000


class Behind(NamedTuple):
    """A reader that is behind: by so many milliseconds, and events if the tail has them."""

    ms: int
    events: int | None
    reader: Reader


class Look(NamedTuple):
    """How the readers stood when somebody looked.

    Attributes:
        counts: how many there were, by transport and state.
        lag: seconds between the newest event that is there for one that lags, and the last
            it was given; of the one that is furthest behind.
        slowest: those that are furthest behind, in whatever state; the furthest first.
    """

    counts: dict[str, dict[str, int]]
    lag: float
    slowest: list[Behind]

    def of_state(self, state: State) -> int:
        """How many were in `state`, over all transports."""
        return sum(states.get(state.value, 0) for states in self.counts.values())


class Standing:
    """Where each reader of a process is in its life, known as that changes.

    Nearly all are live, and nobody looks at those, however many they are.
    """

    def __init__(self) -> None:
        self._entered: Final[Counter[str]] = Counter()  # by transport
        # Each reader that is not live, and its state: no states are counted as they change,
        # for an `Enum` is slow to hash.
        self._behind: Final[dict[Reader, State]] = {}

    def enter(self, reader: Reader) -> None:
        """Count a new reader, which is not live yet."""
        self._entered[reader.transport] += 1
        self._behind[reader] = reader.session.state

    def change(self, reader: Reader) -> None:
        """Know the state that `reader`, which entered, is in now."""
        state = reader.session.state
        if state is State.LIVE:
            self._behind.pop(reader, None)
        elif state is not State.ENDED:  # else it leaves
            self._behind[reader] = state

    def leave(self, reader: Reader) -> None:
        """`reader`, which entered, is over."""
        self._behind.pop(reader, None)
        self._entered[reader.transport] -= 1

    async def look(self, most: int = 0) -> Look:
        """How they stand, with the `most` that are furthest behind; others have turns between."""
        behind: list[Behind] = []
        counts = {name: {State.LIVE.value: n} for name, n in self._entered.items() if n}
        lag = 0
        for number, (reader, state) in enumerate(tuple(self._behind.items()), start=1):
            if (states := counts.get(reader.transport)) is not None:
                states[State.LIVE.value] -= 1
                states[state.value] = states.get(state.value, 0) + 1
            # It may have gone on, or away, since.
            if reader.session.state is state and (found := _behind(reader)) is not None:
                behind.append(found)
                if state is State.LAGGING:
                    lag = max(lag, found.ms)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        slowest = heapq.nlargest(most, behind, key=lambda found: found.ms)
        some = {name: {s: n for s, n in of.items() if n} for name, of in counts.items()}
        return Look(some, lag / 1000, slowest)


def _behind(reader: Reader) -> Behind | None:
    cursor, tail = reader.session.cursor, reader.feed.tail
    if cursor >= tail.head:
        return None
    events = len(tail) - tail.place_of(cursor) if cursor >= tail.floor else None
    begins = tail.floor if cursor == ORIGIN else cursor
    return Behind(max(0, tail.head.ms - begins.ms), events, reader)
