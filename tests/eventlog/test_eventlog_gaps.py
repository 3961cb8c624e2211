"""Gaps: a reader is told if and only if it missed something; over every log."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import pytest

from streamer.config.retention import Retention, RetentionPolicy
from streamer.eventlog.base import EventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.events.page import Gap
from support.reading import gaps_of, ids_of, items_of, read_all
from support.servers import OpenLog
from support.waiting import wait_until

#: Seconds; short enough to wait for, long enough to read before it is over.
SHORT_AGE = 0.5


def tick(topics: str | tuple[str, ...] = "chats/1", n: int = 0) -> NewEvent:
    return new_event(topics, "tick", {"n": n})


async def append(log: EventLog, *events: NewEvent) -> list[Cursor]:
    return cast("list[Cursor]", await log.append_all(events))


async def expired(log: EventLog, topic: str) -> None:
    """Wait until nothing of `topic` is kept."""

    async def is_empty() -> bool:
        return not (await log.read([topic], ORIGIN, 10)).events

    await wait_until(is_empty, f"{topic} did not expire")


@pytest.fixture
def short_log(open_log: OpenLog) -> EventLog:
    """An event log that keeps five events of a topic, and two of some."""
    return open_log(RetentionPolicy(Retention(5), {"tiny": Retention(2)}))


async def test_exactly_the_newest_events_are_kept(short_log: EventLog) -> None:
    """Not a whole block more, appended one by one or together."""
    ids = [(await append(short_log, tick(n=n)))[0] for n in range(7)]
    assert ids_of(await read_all(short_log, ["chats/1"], ORIGIN)) == ids[-5:]
    ids += await append(short_log, *(tick(n=n) for n in range(8)))
    assert ids_of(await read_all(short_log, ["chats/1"], ORIGIN)) == ids[-5:]
    ids += await append(short_log, *(tick(n=n) for n in range(250)))
    assert ids_of(await read_all(short_log, ["chats/1"], ORIGIN)) == ids[-5:]


async def test_retention_is_that_of_the_topics_prefix(short_log: EventLog) -> None:
    """An event may be kept in one of its topics and gone from another."""
    ids = await append(short_log, *(tick(("tiny/1", "chats/1"), n) for n in range(4)))
    assert ids_of(await read_all(short_log, ["tiny/1"], ORIGIN)) == ids[-2:]
    assert ids_of(await read_all(short_log, ["chats/1"], ORIGIN)) == ids


async def test_a_gap_is_told_exactly_when_something_was_trimmed(short_log: EventLog) -> None:
    """From each cursor: a gap if at least one event after it is gone, else none."""
    ids = await append(short_log, *(tick(n=n) for n in range(9)))
    last_lost = ids[3]
    for seen, after in enumerate(ids):
        items = await read_all(short_log, ["chats/1"], after)
        lost = seen < 3
        expected = [Gap("chats/1", after, last_lost, "trimmed")] if lost else []
        assert gaps_of(items) == expected
        assert ids_of(items) == [id_ for id_ in ids[4:] if id_ > after]
        if lost:
            assert isinstance(items[0], Gap), "a gap stands before what comes after it"


async def test_reading_from_the_first_that_is_kept_is_no_gap(short_log: EventLog) -> None:
    """ORIGIN asks for no more than there is."""
    await append(short_log, *(tick(n=n) for n in range(9)))
    assert gaps_of(await read_all(short_log, ["chats/1"], ORIGIN, 2)) == []


async def test_losses_of_another_topic_are_no_gap(short_log: EventLog) -> None:
    """Only the topics that are read count."""
    (start,) = await append(short_log, tick("quiet"))
    await append(short_log, *(tick(n=n) for n in range(9)))
    assert items_of(await short_log.read(["quiet"], start, 10)) == []


async def test_a_gap_stands_before_the_other_topics_events(short_log: EventLog) -> None:
    """Even before older ones: a connection that breaks between takes no loss with it."""
    start, *_ = await append(short_log, tick("quiet", 0))
    (between,) = await append(short_log, tick("quiet", 1))
    lost = await append(short_log, *(tick("chats/1", n) for n in range(2)))
    kept = await append(short_log, *(tick("chats/1", n) for n in range(5)))
    items = await read_all(short_log, ["quiet", "chats/1"], start)
    assert items[0] == Gap("chats/1", start, lost[-1], "trimmed")
    assert ids_of(items) == [between, *kept]


async def test_an_event_that_another_topic_still_has_is_not_lost(short_log: EventLog) -> None:
    """It is read there, and nobody is told that it is gone."""
    both = tick(("tiny/1", "chats/1"))
    start, *ids = await append(short_log, *(tick("tiny/1"), both, tick("tiny/1"), tick("tiny/1")))
    items = await read_all(short_log, ["tiny/1", "chats/1"], start)
    assert ids_of(items) == ids
    assert gaps_of(items) == []


async def test_a_gap_beyond_a_page_is_told_up_to_its_end(short_log: EventLog) -> None:
    """No page moves a reader past events that it was not sent."""
    (start,) = await append(short_log, tick("chats/1"))
    expected: list[Cursor] = []
    lost: list[Cursor] = []
    for n in range(4):
        expected += await append(short_log, tick("chats/1", n))
        lost += await append(short_log, tick("tiny/1", n))
    last = await append(short_log, tick("tiny/1"), tick("tiny/1"))
    items = await read_all(short_log, ["tiny/1", "chats/1"], start, 1)
    assert ids_of(items) == [*expected, *last]
    gaps = gaps_of(items)
    assert gaps[-1].until == lost[-1]
    for earlier, later in pairwise(gaps):
        assert earlier.until <= later.after < later.until


async def test_a_topic_at_rest_expires_and_says_so(open_log: OpenLog) -> None:
    """Who had seen its last event misses nothing; who had not is told."""
    log = open_log(RetentionPolicy(Retention(max_age=SHORT_AGE)))
    first, last = await append(log, tick(n=1), tick(n=2))
    await expired(log, "chats/1")
    assert gaps_of(await read_all(log, ["chats/1"], first)) == [
        Gap("chats/1", first, last, "expired")
    ]
    assert items_of(await log.read(["chats/1"], last, 10)) == []
    # A job's, so that this one does not expire while the test looks at it.
    (again,) = await append(log, new_event("chats/1", "status", {"status": "queued"}))
    items = await read_all(log, ["chats/1"], first)
    assert items[0] == Gap("chats/1", first, last, "expired")
    assert ids_of(items) == [again]
    assert gaps_of(await read_all(log, ["chats/1"], last)) == []


async def test_a_running_job_is_never_expired_under_its_readers(open_log: OpenLog) -> None:
    """Its age counts from its end."""
    log = open_log(RetentionPolicy(Retention(max_age=SHORT_AGE)))
    (progress,) = await append(
        log, new_event("jobs/j1", "progress", {"task_name": "t", "progress": 0.5})
    )
    await append(log, tick("jobs/rest"))
    await expired(log, "jobs/rest")
    assert ids_of(await read_all(log, ["jobs/j1"], ORIGIN)) == [progress]
    assert (await log.snapshots(["jobs/j1"]))["jobs/j1"].status == "running"
    await append(log, new_event("jobs/j1", "completed", {"task_name": "t"}))
    await expired(log, "jobs/j1")
    snapshot = (await log.snapshots(["jobs/j1"]))["jobs/j1"]
    assert (snapshot.status, snapshot.tasks, snapshot.terminal) == (None, {}, None)


async def test_a_topic_is_kept_while_any_of_its_jobs_runs(open_log: OpenLog) -> None:
    """The end of another is not its rest."""
    log = open_log(RetentionPolicy(Retention(max_age=SHORT_AGE)))

    def told(job: str, kind: str, **fields: object) -> NewEvent:
        return new_event("projects/p", kind, {"job_id": job, **fields})

    ids = await append(
        log,
        told("a", "progress", progress=0.5),
        told("b", "status", status="queued"),
        told("a", "completed"),
    )
    await append(log, tick("projects/rest"))
    await expired(log, "projects/rest")
    assert ids_of(await read_all(log, ["projects/p"], ORIGIN)) == ids
    snapshot = (await log.snapshots(["projects/p"]))["projects/p"]
    assert (snapshot.status, snapshot.terminal) == ("queued", None)
    await append(log, told("b", "completed"))
    await expired(log, "projects/p")
    assert (await log.snapshots(["projects/p"]))["projects/p"].to_fields()["jobs"] == {}


async def test_a_topic_that_starts_a_job_is_kept_from_then_on(open_log: OpenLog) -> None:
    """What expiry it had is taken back."""
    log = open_log(RetentionPolicy(Retention(max_age=SHORT_AGE)))
    (first,) = await append(log, tick("projects/p"))
    (second,) = await append(log, new_event("projects/p", "status", {"status": "queued"}))
    assert ids_of(await read_all(log, ["projects/p"], ORIGIN))[-1] == second
    await append(log, tick("rest"))
    await expired(log, "rest")
    assert ids_of(await read_all(log, ["projects/p"], ORIGIN)) == [first, second]


async def test_a_cursor_older_than_the_log_is_a_reset(log: EventLog) -> None:
    """The log it came from is gone; all that this one has follows."""
    birth = await log.head()
    ids = await append(log, tick(n=1), tick(n=2))
    foreign = Cursor(birth.ms - 1000, 5)
    items = await read_all(log, ["chats/1"], foreign)
    assert items[0] == Gap(None, foreign, birth, "reset")
    assert ids_of(items) == ids
    assert gaps_of(await read_all(log, ["chats/1"], birth)) == []


async def test_a_cursor_ahead_of_the_log_is_a_reset(log: EventLog) -> None:
    """The log was rolled back; reading goes on from its head."""
    (head,) = await append(log, tick())
    ahead = Cursor(head.ms + 1_000_000, 0)
    page = await log.read(["chats/1"], ahead, 10)
    assert items_of(page) == [Gap(None, ahead, head, "reset")]
    assert page.cursor == head
    assert page.complete
