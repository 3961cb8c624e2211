"""How the readers of a process stand: how many, in which state, and who is furthest behind."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
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


class Standing(NamedTuple):
    """How many readers there are, by transport and state; those furthest behind first."""

    counts: dict[str, dict[str, int]]
    slowest: list[Behind]


async def standing_of(readers: Sequence[Reader], most: int) -> Standing:
    """How `readers` stand, with the `most` that are furthest behind; others have turns between."""
    counts: dict[str, dict[str, int]] = {}
    behind: list[Behind] = []
    for number, reader in enumerate(readers, start=1):
        state = reader.session.state
        if state is State.ENDED:
            continue
        states = counts.setdefault(reader.transport, {})
        states[state.value] = states.get(state.value, 0) + 1
        if state is not State.LIVE and (found := _behind(reader)) is not None:
            behind.append(found)
        if number % _SLICE == 0:
            await asyncio.sleep(0)
    slowest = heapq.nlargest(most, behind, key=lambda found: found.ms)
    return Standing(counts, slowest)


def _behind(reader: Reader) -> Behind | None:
    cursor, tail = reader.session.cursor, reader.feed.tail
    if cursor >= tail.head:
        return None
    events = len(tail) - tail.place_of(cursor) if cursor >= tail.floor else None
    begins = tail.floor if cursor == ORIGIN else cursor
    return Behind(max(0, tail.head.ms - begins.ms), events, reader)
