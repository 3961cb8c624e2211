"""The judge of the fault suite: compares the log with what every reader and publisher saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from streamer.cursor import ORIGIN, Cursor
from streamer.event import Event
from streamer.eventlog.base import EventLog

from .fault_publishers import FaultPublisher
from .fault_readers import FaultReader
from .reading import read_all


@dataclass
class Verdict:
    """What was found; `check` fails if anything broke the guarantee.

    Attributes:
        events: in the log, or once acknowledged.
        delivered: events that readers saw, summed over them.
        declared: events that readers were told are lost, summed.
        lost: owed, kept, and neither seen nor told to be lost.
        doubled: seen twice by one reader, or stored twice.
        undeclared: acknowledged and removed, and no gap says so.
        unstored: acknowledged, and not in a log that keeps everything.
        phantoms: seen, and never published.
        needless: gaps where nothing was lost.
        disordered: a publisher's events that are not in its order.
    """

    events: int = 0
    delivered: int = 0
    declared: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    unstored: list[str] = field(default_factory=list)
    phantoms: list[str] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise with what broke the guarantee, if anything did."""
        faults = {
            name: f"{len(found)}: {found[:5]}"
            for name, found in vars(self).items()
            if isinstance(found, list) and found
        }
        assert not faults, faults
        assert self.delivered, "nothing was delivered: the test shows nothing"

    def add(self, other: Verdict) -> None:
        """Take in what was found elsewhere."""
        for name, found in vars(other).items():
            setattr(self, name, getattr(self, name) + found)


async def judge(
    log: EventLog,
    topic: str,
    readers: Iterable[FaultReader],
    publishers: Sequence[FaultPublisher],
    *,
    keeps_all: bool = True,
) -> Verdict:
    """Compare, when the publishers have finished and every reader has reached the head.

    With `keeps_all` the log must still have all that was ever acknowledged;
    without, events may be gone, and gaps must say so.
    """
    items = [item for item in await read_all(log, [topic], ORIGIN) if isinstance(item, Event)]
    bodies = {event.id: msgspec.json.decode(event.body) for event in items if event.id is not None}
    verdict = Verdict()
    ever = dict(bodies)
    for publisher in publishers:
        ever |= _judge_publisher(verdict, publisher, bodies, keeps_all=keeps_all)
    readers = list(readers)
    unplaced = False  # whether events may have come and gone whose ids nobody knows
    if not keeps_all:
        # What one reader saw was in the log, though nobody was told its id: it is
        # owed to all others, and may be gone by now.
        told = {(p.name, n) for p in publishers for n, id_ in p.stored.items() if id_ is not None}
        sent = {(p.name, n) for p in publishers for n in range(p.next)}
        ever |= {
            seen.id: seen.body
            for reader in readers
            for seen in reader.seen
            if (seen.body["by"], seen.body["n"]) in sent - told
        }
        unplaced = bool(sent - {(body["by"], body["n"]) for body in ever.values()})
    verdict.events = len(ever)
    for reader in readers:
        reader.is_well()
        _judge_reader(verdict, reader, bodies, ever)
        if not unplaced:
            _judge_gaps(verdict, reader, bodies, ever)
    return verdict


def _judge_publisher(
    verdict: Verdict,
    publisher: FaultPublisher,
    bodies: dict[Cursor, dict[str, Any]],
    *,
    keeps_all: bool,
) -> dict[Cursor, dict[str, Any]]:
    """Compare one publisher with the log; return what it knows was stored."""
    kept: dict[int, list[Cursor]] = {}
    for id_, body in bodies.items():
        if body["by"] == publisher.name:
            kept.setdefault(body["n"], []).append(id_)
    for number, ids in kept.items():
        if len(ids) > 1:
            verdict.doubled.append(f"{publisher.name} {number} is stored as {ids}")
    for number, told in publisher.stored.items():
        ids = kept.get(number, [])
        if ids and told is not None and told not in ids:
            verdict.doubled.append(f"{publisher.name} {number} was {told} and is {ids}")
        elif keeps_all and not ids:
            verdict.unstored.append(f"{publisher.name} {number}, acknowledged as {told}")
    order = [number for number in kept if number in publisher.stored]  # in the order of ids
    verdict.disordered += [
        f"{publisher.name} {after} before {number}"
        for after, number in pairwise(order)
        if after > number
    ]
    return {
        id_: {"by": publisher.name, "n": number}
        for number, id_ in publisher.stored.items()
        if id_ is not None
    }


def _judge_reader(
    verdict: Verdict,
    reader: FaultReader,
    bodies: dict[Cursor, dict[str, Any]],
    ever: dict[Cursor, dict[str, Any]],
) -> None:
    verdict.delivered += len(reader.seen)
    ids = {seen.id for seen in reader.seen}
    if len(ids) != len(reader.seen):
        verdict.doubled.append(f"{reader}")
    for id_, body in reader.seen:
        known, what = ever.get(id_), (body["by"], body["n"])
        if known is None or (known["by"], known["n"]) != what:
            verdict.phantoms.append(f"{type(reader).__name__}: {id_} {body}")
    _judge_missing(verdict, reader, ids, bodies, ever)


def _judge_gaps(
    verdict: Verdict,
    reader: FaultReader,
    bodies: dict[Cursor, dict[str, Any]],
    ever: dict[Cursor, dict[str, Any]],
) -> None:
    ids = {seen.id for seen in reader.seen}
    for gap in reader.gaps:
        # After a reset the log cannot know what was lost with it.
        if gap.reason != "reset" and not any(
            gap.after < id_ <= gap.until and id_ not in ids and id_ not in bodies for id_ in ever
        ):
            verdict.needless.append(f"{type(reader).__name__}: {gap}")


def _judge_missing(
    verdict: Verdict,
    reader: FaultReader,
    ids: set[Cursor],
    bodies: dict[Cursor, dict[str, Any]],
    ever: dict[Cursor, dict[str, Any]],
) -> None:
    assert reader.start is not None, f"{reader} was never connected"
    for id_, body in ever.items():
        if id_ in ids or id_ <= reader.start:
            continue
        if any(gap.after < id_ <= gap.until for gap in reader.gaps):
            verdict.declared += 1
        elif id_ in bodies:
            verdict.lost.append(f"{type(reader).__name__}: {id_} {body}")
        else:
            verdict.undeclared.append(f"{type(reader).__name__}: {id_} {body}")
