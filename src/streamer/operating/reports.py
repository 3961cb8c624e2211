"""How the processes of a log do, as each says it, and all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ..eventlog.base import EventLog
from ..events.cursor import timestamp_of
from ..events.topic import JOBS

#: Slow readers that one process names, and that are shown of all.
SLOWEST: Final = 10
#: Topics with most readers that are shown.
MOST_READ: Final = 10
#: Jobs that are counted by state: those with the newest events.
COUNTED_JOBS: Final = 200


class SlowReader(msgspec.Struct, frozen=True):
    """A reader that is behind.

    Attributes:
        connection: the beginning of its stream's own id: enough to tell it from others, and
            too little to be it.
        who: whoever it has proved to be; else its address, hashed with a secret of the process.
        transport: how it reads.
        state: `lagging`, whose network takes no more for now, or `replaying`.
        topics: the first of what it reads, and how many there are.
        behind_seconds: how far it is behind the newest event of its topics.
        behind_events: in events; null for more than the process has in memory.
        since: the time up to which it has everything.
        pending: bytes that wait in its transport.
    """

    connection: str
    who: str
    transport: str
    state: str
    topics: list[str]
    topic_count: int
    behind_seconds: float
    behind_events: int | None
    since: str
    pending: int


class ProcessReport(msgspec.Struct, frozen=True):
    """How one process does.

    Attributes:
        process: its name, with which the ids of its streams begin.
        host: the machine's name.
        pid: its number there.
        version: of Streamer.
        at: when it said so, and when it began; RFC 3339.
        published: events a second that the log took from it, in the last seconds.
        delivered: events a second that it handed to live readers, each to each.
        replayed: events a second that it handed to the others.
        gaps: reports of a gap, a second.
        readers: how many there are, by transport and state: `{"sse": {"live": 3}}`.
        lag_seconds: how far the reader that is furthest behind is behind.
        slowest: those that are furthest behind.
        log_up: whether it hears the log.
        log_ms: milliseconds of one round trip to it; null if none came back.
        follows: whether its settings of what is kept and counts hold, or those of another.
        draining: whether it sends its readers elsewhere.
    """

    process: str
    host: str
    pid: int
    version: str
    at: str
    began: str
    published: float
    delivered: float
    replayed: float
    gaps: float
    readers: dict[str, dict[str, int]]
    lag_seconds: float
    slowest: list[SlowReader]
    log_up: bool
    log_ms: float | None
    follows: bool
    draining: bool


class JobCounts(msgspec.Struct, frozen=True):
    """Jobs by state, of the `of` with the newest events; `more` if there are others."""

    by_state: dict[str, int]
    of: int
    more: bool


class Sample(msgspec.Struct, frozen=True):
    """All of them together, at one moment.

    Attributes:
        at: when.
        published, delivered, replayed, gaps: as of a process, over all of them.
        readers: likewise.
        lag_seconds: that of the reader that is furthest behind.
        topics: readers by topic, of those that have most.
        jobs: by state.
        workers: how many take jobs.
        slowest: the readers that are furthest behind.
        log_up: whether every process hears the log.
        processes: each, without its slowest readers.
    """

    at: str
    published: float
    delivered: float
    replayed: float
    gaps: float
    readers: dict[str, dict[str, int]]
    lag_seconds: float
    topics: dict[str, int]
    jobs: JobCounts
    workers: int
    slowest: list[SlowReader]
    log_up: bool
    processes: list[ProcessReport]


async def read_reports(log: EventLog) -> list[ProcessReport]:
    """What the processes of a log said lately; one that says it in another way is left out."""
    found = []
    for text in await log.reports.all():
        try:
            found.append(msgspec.json.decode(text, type=ProcessReport))
        except msgspec.MsgspecError:  # of another version
            continue
    return sorted(found, key=lambda report: (report.host, report.pid))


async def sample(log: EventLog, now: int) -> Sample:
    """How all do, at `now`: milliseconds since 1970."""
    reports = await read_reports(log)
    counts = Counter(await log.connections(but=""))
    slowest = sorted(
        (reader for report in reports for reader in report.slowest),
        key=lambda reader: -reader.behind_seconds,
    )
    return Sample(
        at=timestamp_of(now),
        published=_sum(report.published for report in reports),
        delivered=_sum(report.delivered for report in reports),
        replayed=_sum(report.replayed for report in reports),
        gaps=_sum(report.gaps for report in reports),
        readers=_together([report.readers for report in reports]),
        lag_seconds=max((report.lag_seconds for report in reports), default=0.0),
        topics=dict(counts.most_common(MOST_READ)),
        jobs=await _jobs(log),
        workers=len(await log.workers.queues()),
        slowest=slowest[:SLOWEST],
        log_up=all(report.log_up for report in reports),
        processes=[msgspec.structs.replace(report, slowest=[]) for report in reports],
    )


async def _jobs(log: EventLog) -> JobCounts:
    topics = list(await log.topics(JOBS, COUNTED_JOBS + 1))
    states: Counter[str] = Counter()
    for first in range(0, min(len(topics), COUNTED_JOBS), _AT_ONCE):
        part = topics[first : min(first + _AT_ONCE, COUNTED_JOBS)]
        for snapshot in (await log.snapshots(part)).values():
            if snapshot.status is not None:
                states[snapshot.status] += 1
    return JobCounts(dict(states), min(len(topics), COUNTED_JOBS), len(topics) > COUNTED_JOBS)


#: Jobs whose state is read at once.
_AT_ONCE: Final = 20


def _sum(rates: Iterable[float]) -> float:
    return round(sum(rates), 2)


def _together(all_of: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for readers in all_of:
        for transport, states in readers.items():
            into = found.setdefault(transport, {})
            for state, count in states.items():
                into[state] = into.get(state, 0) + count
    return found
