"""What is kept of a topic is looked at, deleted and set by hand, over every log."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.config.retention import Retention, RetentionPolicy
from streamer.config.rules import MAX_SET
from streamer.errors import TooManyRules, TopicBusy
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.upkeep import Holding
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.events.page import Gap
from support.listening import RecordingListener
from support.reading import gaps_of, ids_of, read_all
from support.servers import OpenLog
from support.waiting import wait_until

NOTES: Final = "notes/1"
OTHER: Final = "notes/2"


def note(*topics: str, n: int = 0) -> NewEvent:
    return new_event(topics or (NOTES,), "note", {"n": n})


async def append(log: EventLog, *topics: str) -> Cursor:
    return cast("Cursor", await log.append(note(*topics)))


async def held(log: EventLog, topic: str = NOTES) -> Holding:
    (found,) = await log.upkeep.describe([topic])
    return found


async def test_what_is_kept_of_topics_is_described(log: EventLog) -> None:
    ids = [await append(log) for _ in range(3)]
    await append(log, OTHER)
    await log.reader_cursors.move(NOTES, "ada", ids[1])
    notes, other, none = await log.upkeep.describe([NOTES, OTHER, "notes/3"])
    assert (notes.events, notes.first, notes.last) == (3, ids[0], ids[2])
    assert (notes.trimmed, notes.reason, notes.busy, notes.cursors) == (None, None, False, 1)
    assert notes.bytes is not None
    assert other.bytes is not None
    assert min(notes.bytes, other.bytes) > 0
    assert notes.expires is not None
    assert notes.expires >= ids[2].ms + 24 * 3600 * 1000
    assert other.events == 1
    assert none == Holding("notes/3", bytes=0) or none == Holding("notes/3")
    assert none.is_empty


async def test_a_deletion_removes_all_and_is_told_to_every_reader_from_before(
    log: EventLog,
) -> None:
    """By an id of its own, so that it is told to those too that had read everything."""
    start = await log.head()
    ids = [await append(log) for _ in range(3)]
    await log.reader_cursors.move(NOTES, "ada", ids[1])
    deleted = await log.upkeep.delete(NOTES)
    assert deleted is not None
    assert deleted > ids[-1]
    assert await log.head() == deleted
    for after in (start, *ids):
        page = await log.read([NOTES], after, 10)
        assert page.gaps == (Gap(NOTES, after, deleted, "deleted"),)
        assert (page.events, page.cursor, page.complete) == ((), deleted, True)
    assert await log.read_back([NOTES], None, 10) == await log.read_back(["notes/9"], None, 10)
    assert (await log.read([NOTES], deleted, 10)).gaps == ()
    assert (await log.read([NOTES], ORIGIN, 10)).gaps == ()
    assert await log.reader_cursors.readers(NOTES) == {}
    found = await held(log)
    assert found.is_empty
    assert (found.events, found.first, found.expires) == (0, None, None)
    assert (found.last, found.trimmed, found.reason) == (deleted, deleted, "deleted")


async def test_what_is_published_after_a_deletion_has_ids_above_it(log: EventLog) -> None:
    before = await append(log)
    deleted = await log.upkeep.delete(NOTES)
    after = await append(log)
    assert deleted is not None
    assert before < deleted < after
    items = await read_all(log, [NOTES], before)
    assert gaps_of(items) == [Gap(NOTES, before, deleted, "deleted")]
    assert ids_of(items) == [after]
    assert ids_of(await read_all(log, [NOTES], ORIGIN)) == [after]


async def test_other_topics_keep_what_they_share_with_one_that_is_deleted(log: EventLog) -> None:
    start = await log.head()
    id_ = await append(log, NOTES, OTHER)
    await log.upkeep.delete(NOTES)
    assert ids_of(await read_all(log, [OTHER], start)) == [id_]
    items = await read_all(log, [NOTES, OTHER], start)
    assert ids_of(items) == [id_]
    assert [gap.reason for gap in gaps_of(items)] == ["deleted"]


async def test_nothing_is_deleted_where_nothing_is_kept(log: EventLog) -> None:
    await append(log, OTHER)
    head = await log.head()
    assert await log.upkeep.delete(NOTES) is None
    assert await log.head() == head
    await log.upkeep.delete(OTHER)
    assert await log.upkeep.delete(OTHER) is None


async def test_a_cursor_alone_is_deleted_too(log: EventLog) -> None:
    head = await append(log, OTHER)
    await log.reader_cursors.move(NOTES, "ada", head)
    assert await log.upkeep.delete(NOTES) is not None
    assert await log.reader_cursors.readers(NOTES) == {}


async def test_a_jobs_topic_is_deleted_once_it_is_over_or_if_forced(log: EventLog) -> None:
    """With its state and where it could go on from; what it reports later begins anew."""
    topics = ("jobs/j1", "projects/p1")
    running = {"task_name": "encode", "progress": 0.5, "attempt": 1}
    await log.append(new_event(topics, "progress", running))
    await log.checkpoints.keep("j1", "", 1, b"{}", unless=("jobs/j1", "j1:end"))
    head = await log.head()
    for topic in topics:
        with pytest.raises(TopicBusy, match=f"a job of {topic} is not over"):
            await log.upkeep.delete(topic)
    assert await log.head() == head
    assert await log.upkeep.delete("jobs/j1", force=True) is not None
    assert (await log.snapshots(["jobs/j1"]))["jobs/j1"].status is None
    assert (await log.snapshots(["projects/p1"]))["projects/p1"].status == "running"
    assert await log.checkpoints.find("j1") is None
    assert not (await held(log, "jobs/j1")).busy
    await log.append(new_event(topics, "completed", {"task_name": "encode", "attempt": 1}))
    assert (await log.snapshots(["jobs/j1"]))["jobs/j1"].status == "completed"
    assert await log.upkeep.delete("projects/p1") is not None
    assert (await log.snapshots(["projects/p1"]))["projects/p1"].status is None


async def test_parts_go_with_their_topic(log: EventLog) -> None:
    part = new_event(NOTES, "token", {"text": "a"}, part_of="m1")
    id_ = await log.append(part)
    assert id_ is not None
    assert (await held(log)).parts == 1
    deleted = await log.upkeep.delete(NOTES)
    page = await log.read([NOTES], id_.before(), 10)
    assert [(gap.until, gap.reason) for gap in page.gaps] == [(deleted, "deleted")]
    assert page.events == ()
    assert (await held(log)).parts == 0


async def test_a_deletion_is_notified_after_all_that_was_before(log: EventLog) -> None:
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe([NOTES])
    await log.append_all([note(n=n) for n in range(3)])
    await log.upkeep.delete(NOTES)
    last = await append(log)
    await listener.heard(last)
    assert listener.deletions == [(NOTES, 3)]
    assert len(listener.events) == 4
    await notifications.close()


async def test_what_is_kept_is_set_for_a_prefix_and_holds_at_once(open_log: OpenLog) -> None:
    """For whoever appends, with whatever settings; the longest prefix counts, and by hand wins."""
    log = open_log(RetentionPolicy(Retention(100), {"notes": Retention(50)}))
    start = await log.head()
    ids = [await append(log) for _ in range(5)]
    await append(log, "notesworthy/1")
    await log.rules.retain("notes", Retention(2, 60.0))
    assert log.rules.current.retention.of(NOTES) == Retention(2, 60.0)
    assert log.rules.current.retention.of("notesworthy/1") == Retention(100)
    assert log.rules.current.set == {"notes": Retention(2, 60.0)}
    ids.append(await append(log))
    items = await read_all(log, [NOTES], start)
    assert ids_of(items) == ids[-2:]
    assert gaps_of(items) == [Gap(NOTES, start, ids[-3], "trimmed")]
    await log.rules.retain("notes", None)
    assert log.rules.current.retention.of(NOTES) == Retention(50)
    assert log.rules.current.set == {}


async def test_what_is_kept_is_trimmed_at_once_and_late_readers_are_told(log: EventLog) -> None:
    ids = [await append(log) for _ in range(5)]
    await append(log, OTHER)
    await log.rules.retain("notes", Retention(2))
    assert await log.upkeep.trim([NOTES, OTHER, "notes/3"]) == 3
    items = await read_all(log, [NOTES], ids[0])
    assert gaps_of(items) == [Gap(NOTES, ids[0], ids[2], "trimmed")]
    assert ids_of(items) == ids[3:]
    assert await log.upkeep.trim([NOTES]) == 0
    found = await held(log)
    assert (found.events, found.trimmed, found.reason) == (2, ids[2], "trimmed")


async def test_what_is_over_its_age_goes_at_once_and_what_is_not_stays_longer(
    log: EventLog,
) -> None:
    start = await log.head()
    last = await append(log)
    await log.rules.retain(NOTES, Retention(10, 3600.0))
    await log.upkeep.trim([NOTES])
    first_of_all = (await held(log)).expires
    assert first_of_all is not None
    assert last.ms + 3_600_000 <= first_of_all <= last.ms + 3_610_000
    await log.rules.retain(NOTES, Retention(10, 7 * 86400.0))
    await log.upkeep.trim([NOTES])
    assert ((await held(log)).expires or 0) >= last.ms + 7 * 86_400_000
    await log.rules.retain(NOTES, Retention(10, 0.001))
    await wait_until(lambda: _now() > last.ms + 2, "time does not pass")
    await log.upkeep.trim([NOTES])
    page = await log.read([NOTES], start, 10)
    assert page.gaps == (Gap(NOTES, start, last, "expired"),)
    assert page.events == ()


async def test_only_so_many_prefixes_can_be_set(log: EventLog) -> None:
    for n in range(MAX_SET):
        await log.rules.retain(f"notes/{n}", Retention(n + 1))
    with pytest.raises(TooManyRules, match=f"{MAX_SET} prefixes"):
        await log.rules.retain("more", Retention(1))
    await log.rules.retain("notes/1", Retention(7))
    assert log.rules.current.retention.of(NOTES) == Retention(7)


def _now() -> int:
    from streamer.eventlog.memory.log import wall_clock

    return wall_clock()


STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(("append", "both", "delete", "trim")), st.integers(0, 1), st.integers(1, 4)
    ),
    min_size=1,
    max_size=24,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_whatever_is_deleted_or_trimmed_a_reader_has_it_or_is_told(
    steps: list[tuple[str, int, int]],
) -> None:
    """From each position: what is given, and what the gaps name, is all there ever was."""
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int, int]]) -> None:
    log = MemoryEventLog()
    start = await log.head()
    topics = (NOTES, OTHER)
    ever: dict[str, list[Cursor]] = {NOTES: [], OTHER: []}
    positions = [start]
    for what, which, number in steps:
        topic = topics[which]
        if what == "delete":
            if (id_ := await log.upkeep.delete(topic)) is not None:
                positions.append(id_)
        elif what == "trim":
            await log.rules.retain(topic, Retention(number))
            await log.upkeep.trim([topic])
        else:
            named = topics if what == "both" else (topic,)
            id_ = await append(log, *named)
            positions.append(id_)
            for name in named:
                ever[name].append(id_)
    assert positions == sorted(set(positions))
    for after in positions:
        for topic in topics:
            items = await read_all(log, [topic], after)
            given_ids = ids_of(items)
            until = max((gap.until for gap in gaps_of(items)), default=after)
            assert given_ids == sorted(given_ids)
            for id_ in ever[topic]:
                if id_ > after:
                    assert (id_ in given_ids) != (id_ <= until)
