"""Appending and reading: every promise of `base.EventLog`, over every log."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import pairwise
from typing import cast

import pytest

from streamer.eventlog.base import READ_BYTES, BatchKey, EventLog, Place
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import NewEvent, new_event
from support.reading import gaps_of, ids_of, position_of, read_all


def tick(topics: str | tuple[str, ...] = "chats/1", n: int = 0, **options: object) -> NewEvent:
    return new_event(topics, "tick", {"n": n}, **options)  # type: ignore[arg-type]


async def append(log: EventLog, event: NewEvent) -> Cursor:
    id_ = await log.append(event)
    assert id_ is not None
    return id_


async def test_ids_increase_strictly_over_all_topics(log: EventLog) -> None:
    """One id is a cursor for any set of topics."""
    ids = [await append(log, tick(f"chats/{n % 3}", n)) for n in range(30)]
    ids += cast(
        "list[Cursor]", await log.append_all([tick(f"chats/{n % 3}", n) for n in range(30)])
    )
    assert all(a < b for a, b in pairwise(ids))


async def test_concurrent_appends_never_share_an_id(log: EventLog) -> None:
    """Two events never have one id, whoever appends at once."""
    batches = await asyncio.gather(
        *(log.append_all([tick(f"chats/{task}", n) for n in range(5)]) for task in range(20))
    )
    ids = [id_ for batch in batches for id_ in batch]
    assert len(set(ids)) == len(ids) == 100
    items = await read_all(log, [f"chats/{task}" for task in range(20)], ORIGIN)
    assert ids_of(items) == sorted(cast("list[Cursor]", ids))


async def test_an_event_is_read_as_it_was_appended(log: EventLog) -> None:
    """Type, topics, fields and the terminal flag come back byte for byte."""
    event = new_event(
        ("projects/p1", "jobs/j1"), "completed", {"task_name": "encode", "result": {"é\u2028": [1]}}
    )
    id_ = await append(log, event)
    (read,) = (await log.read(["jobs/j1"], ORIGIN, 10)).events
    assert (read.id, read.type, read.topics, read.fields, read.terminal) == (
        id_,
        "completed",
        ("projects/p1", "jobs/j1"),
        event.fields,
        True,
    )


async def test_an_event_in_several_topics_has_one_id_and_is_read_once(log: EventLog) -> None:
    """A reader of several topics gets it once, a reader of each gets it too."""
    id_ = await append(log, tick(("projects/p1", "jobs/j1")))
    assert ids_of(await read_all(log, ["projects/p1", "jobs/j1"], ORIGIN)) == [id_]
    assert ids_of(await read_all(log, ["projects/p1"], ORIGIN)) == [id_]
    assert ids_of(await read_all(log, ["jobs/j1"], ORIGIN)) == [id_]


async def test_reading_starts_after_the_cursor(log: EventLog) -> None:
    """The event at the cursor itself is seen already."""
    ids = [await append(log, tick(n=n)) for n in range(4)]
    assert ids_of(await read_all(log, ["chats/1"], ids[1])) == ids[2:]


async def test_a_complete_page_ends_at_the_head(log: EventLog) -> None:
    """What other topics were given meanwhile is behind the reader too."""
    await append(log, tick("chats/1"))
    last = await append(log, tick("chats/2"))
    page = await log.read(["chats/1"], ORIGIN, 10)
    assert page.complete
    assert page.cursor == last == await log.head()


async def test_a_full_page_ends_at_its_last_event(log: EventLog) -> None:
    """Reading on from there gives the rest."""
    ids = [await append(log, tick(n=n)) for n in range(5)]
    page = await log.read(["chats/1"], ORIGIN, 2)
    assert not page.complete
    assert page.cursor == ids[1]
    assert ids_of(page.events) == ids[:2]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_several_topics_are_read_in_the_order_of_ids(log: EventLog, limit: int) -> None:
    """Page by page, whatever the size, gives the same as the whole."""
    topics = ["chats/1", "chats/2", "chats/3"]
    ids = []
    for n in range(40):
        chosen = tuple(
            topic for i, topic in enumerate(topics) if (n * 7 + 3) >> i & 1 or i == n % 3
        )
        ids.append(await append(log, tick(chosen, n)))
    items = await read_all(log, topics, ORIGIN, limit)
    assert ids_of(items) == ids
    assert gaps_of(items) == []
    assert all(position_of(a) < position_of(b) for a, b in pairwise(items))


async def test_a_page_of_many_topics_is_no_larger(log: EventLog) -> None:
    """About as many events as asked for, over all of them together."""
    topics = [f"chats/{n}" for n in range(10)]
    ids = await log.append_all([tick(topic, n) for n in range(20) for topic in topics])
    page = await log.read(topics, ORIGIN, 30)
    assert 10 <= len(page.events) <= 40
    assert not page.complete
    assert ids_of(await read_all(log, topics, ORIGIN, 30)) == ids


@pytest.mark.parametrize(
    "topics", [["chats/1"], ["chats/1", "chats/2"], [f"c/{n}" for n in range(12)]]
)
async def test_a_page_of_large_events_is_bounded_in_bytes(log: EventLog, topics: list[str]) -> None:
    """However many were asked for; what is left out is read next, and nothing is lost."""
    ids = []
    for n in range(24):
        new = new_event(topics[n % len(topics)], "tick", {"text": "x" * 50_000, "n": n})
        ids.append(await append(log, new))
    seen: list[Cursor] = []
    after, complete = ORIGIN, False
    while not complete:
        page = await log.read(topics, after, 1000)
        size = sum(len(event.fields) for event in page.events)
        assert len(page.events) == 1 or size < READ_BYTES + len(topics) * 51_000
        seen += ids_of(page.events)
        assert page.cursor > after or page.complete
        after, complete = page.cursor, page.complete
    assert seen == ids


async def test_one_event_is_read_whatever_its_size(log: EventLog) -> None:
    id_ = await append(log, new_event("a", "x", {"t": "x" * 400_000}, max_bytes=2**20))
    small = await append(log, tick("a"))
    page = await log.read(["a"], ORIGIN, 10)
    assert (ids_of(page.events), page.complete) == ([id_], False)
    page = await log.read(["a"], id_, 10)
    assert (ids_of(page.events), page.complete) == ([small], True)


async def test_a_topic_nothing_was_published_to_is_empty(log: EventLog) -> None:
    """Without a gap, from any cursor of the log."""
    head = await log.head()
    for after in (ORIGIN, head):
        page = await log.read(["chats/none"], after, 10)
        assert page.events == ()
        assert page.complete


async def test_the_head_of_an_untouched_log_is_older_than_its_first_event(log: EventLog) -> None:
    """So a reader that came before everything misses nothing."""
    head = await log.head()
    assert head == await log.head()
    id_ = await append(log, tick())
    assert head < id_
    assert await log.head() == id_
    assert ids_of(await read_all(log, ["chats/1"], head)) == [id_]


async def test_a_repeated_idempotency_key_appends_nothing(log: EventLog) -> None:
    """The first event's id is returned, also within one batch."""
    first = await append(log, tick(n=1, idempotency_key="k"))
    assert await append(log, tick(n=2, idempotency_key="k")) == first
    ids = await log.append_all([tick(n=n, idempotency_key="m") for n in range(3)])
    assert len(set(ids)) == 1
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [first, ids[0]]


async def test_an_event_is_not_appended_once_one_that_it_must_not_follow_was(
    log: EventLog,
) -> None:
    """And its append returns that one's id; which of the two comes first is atomic."""
    before = await append(log, tick(n=1, unless=("end",)))
    end = await append(log, tick(n=2, idempotency_key="end"))
    assert await append(log, tick(n=3, unless=("other", "end"))) == end
    assert await append(log, tick(n=4, idempotency_key="k", unless=("end",))) == end
    ids = await log.append_all(
        [
            tick(n=5, idempotency_key="other end"),
            tick(n=6, unless=("other end",)),
            tick("chats/2", n=7, unless=("end",)),  # its first topic is another
            tick(n=8, idempotency_key="k"),  # what was not appended left no key
        ]
    )
    assert ids[0] == ids[1]
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [before, end, ids[0], ids[3]]
    assert ids_of(await read_all(log, ["chats/2"], ORIGIN)) == [ids[2]]


async def test_an_idempotency_key_belongs_to_the_first_topic(log: EventLog) -> None:
    """Two publishers of two topics may choose the same key."""
    one = await append(log, tick("chats/1", idempotency_key="k"))
    two = await append(log, tick("chats/2", idempotency_key="k"))
    assert one != two


async def test_a_repeated_batch_returns_the_same_ids(log: EventLog) -> None:
    """A publisher that lost the answer asks again, and stores nothing twice."""
    events = [tick(n=1), tick(n=2, ephemeral=True), tick(("chats/1", "chats/2"), n=3)]
    ids = await log.append_all(events, BatchKey("worker", 7))
    assert await log.append_all(events, BatchKey("worker", 7)) == ids
    assert ids[1] is None
    other = await log.append_all(events, BatchKey("other", 7))
    following = await log.append_all(events, BatchKey("worker", 8))
    expected = [id_ for id_ in (*ids, *other, *following) if id_ is not None]
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == expected


async def test_an_empty_batch_appends_nothing(log: EventLog) -> None:
    """It has no ids."""
    assert await log.append_all([]) == []


async def test_an_ephemeral_event_is_never_stored(log: EventLog) -> None:
    """It has no id, moves no position and leaves no trace."""
    head = await log.head()
    assert await log.append(tick(ephemeral=True)) is None
    assert await log.head() == head
    assert (await log.read(["chats/1"], ORIGIN, 10)).events == ()
    assert list(await log.topics("", 10)) == []


async def test_topics_are_listed_by_prefix_newest_first(log: EventLog) -> None:
    """At most as many as asked for."""
    for topic in ("projects/a", "projects/b", "chats/1", "projects/c"):
        id_ = await append(log, tick(topic))
        # The index knows milliseconds: let the next event have another.
        while (await append(log, tick("other"))).ms <= id_.ms:
            pass
    await append(log, tick("projects/a"))
    listed = list(await log.topics("projects/", 10))
    assert listed[0] == "projects/a"
    assert set(listed) == {"projects/a", "projects/b", "projects/c"}
    assert list(await log.topics("projects/", 1)) == ["projects/a"]
    assert list(await log.topics("nobody/", 10)) == []


async def test_topics_are_listed_on_from_a_place(log: EventLog) -> None:
    """Each once, also those of one millisecond, and what is published to meanwhile is not."""
    for number in range(7):
        await append(log, tick(f"projects/{number}"))
    seen: list[str] = []
    place: Place | None = None
    while listed := await log.topics("projects/", 2, place):
        seen += listed
        *_, (name, at) = listed.items()
        place = (at, name)
        await append(log, tick(seen[0]))
    assert sorted(seen) == [f"projects/{number}" for number in range(7)]


async def test_connections_are_summed_over_the_other_processes(log: EventLog) -> None:
    """A process knows its own readers, and asks for those of the others."""
    assert await log.connections(but="a") == {}
    await log.report_connections("a", {"projects/p1": 2})
    await log.report_connections("b", {"projects/p1": 1, "projects/p2": 4})
    await log.report_connections("c", {"projects/p1": 5})
    await log.report_connections("c", {})
    assert await log.connections(but="a") == {"projects/p1": 1, "projects/p2": 4}
    assert await log.connections(but="b") == {"projects/p1": 2}


async def test_a_cancelled_append_leaves_the_log_whole(log: EventLog) -> None:
    """Whoever gives up waiting does no harm to those who come after."""
    for n in range(20):
        task = asyncio.create_task(log.append(tick(n=n)))
        if n % 2:
            await asyncio.sleep(0)  # noqa: TID251 - let it be on its way
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    id_ = await append(log, tick(n=99))
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN))[-1] == id_


async def test_which_keys_events_were_appended_with_is_known(log: EventLog) -> None:
    """By the first topic of the event; what was refused for another key's sake is none."""
    await append(log, tick(("chats/1", "chats/2"), idempotency_key="one"))
    await append(log, tick(idempotency_key="two", unless=("one",)))
    assert await log.known_keys("chats/1", ["two", "one"]) == {"one"}
    assert await log.known_keys("chats/2", ["one"]) == set()
    assert await log.known_keys("chats/1", []) == set()
