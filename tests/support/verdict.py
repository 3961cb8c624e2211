"""The judge of the fault suite: compares the log with what every reader and publisher saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from streamer.eventlog.base import EventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event

from .fault_notes import Seen, View
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
    """Compare one topic, when the publishers have finished and every reader is at its head.

    With `keeps_all` the log must still have all that was ever acknowledged;
    without, events may be gone, and gaps must say so.
    """
    items = [item for item in await read_all(log, [topic], ORIGIN) if isinstance(item, Event)]
    bodies = {event.id: msgspec.json.decode(event.body) for event in items if event.id is not None}
    verdict = Verdict()
    ever = dict(bodies)
    for publisher in publishers:
        ever |= _judge_publisher(verdict, topic, publisher, bodies, keeps_all=keeps_all)
    views = [reader.view(topic) for reader in readers if reader.is_well()]
    unplaced = False  # whether events may have come and gone whose ids nobody knows
    if not keeps_all:
        # What one reader saw was in the log, though nobody was told its id: it is
        # owed to all others, and may be gone by now.
        told = {
            (p.name, n)
            for p in publishers
            for n, id_ in p.stored_in(topic).items()
            if id_ is not None
        }
        sent = {event for p in publishers for event in p.sent_to(topic)}
        ever |= {
            seen.id: seen.body
            for view in views
            for seen in view.seen
            if (seen.body["by"], seen.body["n"]) in sent - told
        }
        unplaced = bool(sent - {(body["by"], body["n"]) for body in ever.values()})
    verdict.events = len(ever)
    for view in views:
        _judge_reader(verdict, view, bodies, ever)
        if not unplaced:
            _judge_gaps(verdict, view, bodies, ever)
    return verdict


def _judge_publisher(
    verdict: Verdict,
    topic: str,
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
    stored = publisher.stored_in(topic)
    for number, told in stored.items():
        ids = kept.get(number, [])
        if ids and told is not None and told not in ids:
            verdict.doubled.append(f"{publisher.name} {number} was {told} and is {ids}")
        elif keeps_all and not ids:
            verdict.unstored.append(f"{publisher.name} {number}, acknowledged as {told}")
    order = [number for number in kept if number in stored]  # in the order of ids
    verdict.disordered += [
        f"{publisher.name} {after} before {number}"
        for after, number in pairwise(order)
        if after > number
    ]
    return {
        id_: {"by": publisher.name, "n": number}
        for number, id_ in stored.items()
        if id_ is not None
    }


def _judge_reader(
    verdict: Verdict,
    view: View,
    bodies: dict[Cursor, dict[str, Any]],
    ever: dict[Cursor, dict[str, Any]],
) -> None:
    verdict.delivered += len(view.seen)
    ids = {seen.id for seen in view.seen}
    if len(ids) != len(view.seen):
        verdict.doubled.append(f"{view.name} of {len(view.seen)}: {_twice(view.seen)}")
    for id_, body in view.seen:
        known, what = ever.get(id_), (body["by"], body["n"])
        if known is None or (known["by"], known["n"]) != what:
            verdict.phantoms.append(f"{view.name}: {id_} {body}")
    _judge_missing(verdict, view, ids, bodies, ever)


def _judge_gaps(
    verdict: Verdict,
    view: View,
    bodies: dict[Cursor, dict[str, Any]],
    ever: dict[Cursor, dict[str, Any]],
) -> None:
    ids = {seen.id for seen in view.seen}
    for gap in view.gaps:
        # After a reset the log cannot know what was lost with it. Of several topics a loss
        # may be reported in parts, the first of which may hold nothing itself, or what came
        # by another topic (docs/RELIABILITY.md).
        if gap.reason != "reset" and not any(
            gap.after < id_
            and id_ not in bodies
            and (view.several or (id_ <= gap.until and id_ not in ids))
            for id_ in ever
        ):
            verdict.needless.append(f"{view.name}: {gap}")


def _judge_missing(
    verdict: Verdict,
    view: View,
    ids: set[Cursor],
    bodies: dict[Cursor, dict[str, Any]],
    ever: dict[Cursor, dict[str, Any]],
) -> None:
    for id_, body in ever.items():
        if id_ in ids or id_ <= view.start:
            continue
        if any(gap.after < id_ <= gap.until for gap in view.gaps):
            verdict.declared += 1
        elif id_ in bodies:
            verdict.lost.append(f"{view.name}: {id_} {body}")
        else:
            verdict.undeclared.append(f"{view.name}: {id_} {body}")


def _twice(seen: Sequence[Seen]) -> list[Cursor]:
    return [id_ for id_, times in Counter(one.id for one in seen).items() if times > 1]
