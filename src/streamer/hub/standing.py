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
    """Where each reader of a process is in its life, counted as that changes.

    Nearly all are live, and nobody looks at those: with a hundred thousand of them it
    costs what a few thousand replaying ones do.
    """

    def __init__(self) -> None:
        self._counts: Final[Counter[tuple[str, State]]] = Counter()
        # The state of each reader that is not live, as it was counted.
        self._behind: Final[dict[Reader, State]] = {}

    def enter(self, reader: Reader) -> None:
        """Count a new reader, which is not live yet."""
        state = reader.session.state
        self._counts[reader.transport, state] += 1
        self._behind[reader] = state

    def change(self, reader: Reader) -> None:
        """Count `reader`, which entered, by the state that it is in now."""
        state, was = reader.session.state, self._behind.get(reader, State.LIVE)
        if state is was or state is State.ENDED:  # it leaves
            return
        if state is State.LIVE:
            del self._behind[reader]
        else:
            self._behind[reader] = state
        self._counts[reader.transport, was] -= 1
        self._counts[reader.transport, state] += 1

    def leave(self, reader: Reader) -> None:
        """`reader`, which entered, is over."""
        self._counts[reader.transport, self._behind.pop(reader, State.LIVE)] -= 1

    async def look(self, most: int = 0) -> Look:
        """How they stand, with the `most` that are furthest behind; others have turns between."""
        behind: list[Behind] = []
        lag = 0
        for number, reader in enumerate(tuple(self._behind), start=1):
            state = reader.session.state
            if state not in {State.LIVE, State.ENDED} and (found := _behind(reader)) is not None:
                behind.append(found)
                if state is State.LAGGING:
                    lag = max(lag, found.ms)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        slowest = heapq.nlargest(most, behind, key=lambda found: found.ms)
        return Look(self._by_transport(), lag / 1000, slowest)

    def _by_transport(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for (transport, state), count in self._counts.items():
            if count:
                counts.setdefault(transport, {})[state.value] = count
        return counts


def _behind(reader: Reader) -> Behind | None:
    cursor, tail = reader.session.cursor, reader.feed.tail
    if cursor >= tail.head:
        return None
    events = len(tail) - tail.place_of(cursor) if cursor >= tail.floor else None
    begins = tail.floor if cursor == ORIGIN else cursor
    return Behind(max(0, tail.head.ms - begins.ms), events, reader)
