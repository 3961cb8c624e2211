"""Snapshots: what a late joiner must know at a glance; over every log."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from streamer.eventlog.base import EventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.events.snapshot import MAX_TASKS, Snapshot
from support.reading import ids_of, read_all

TOPIC = "projects/p1"


async def publish(log: EventLog, event_type: str, **fields: object) -> Cursor:
    return cast("Cursor", await log.append(new_event((TOPIC, "jobs/j1"), event_type, fields)))


async def snapshot_of(log: EventLog, topic: str = TOPIC) -> Snapshot:
    return (await log.snapshots([topic]))[topic]


def tasks_of(snapshot: Snapshot) -> dict[str, Any]:
    return {name: msgspec.json.decode(body) for name, body in snapshot.tasks.items()}


async def test_a_topic_nothing_was_published_to_has_an_empty_snapshot(log: EventLog) -> None:
    """At the log's position."""
    assert await snapshot_of(log) == Snapshot(cursor=await log.head())


async def test_an_event_without_a_job_changes_no_snapshot(log: EventLog) -> None:
    """But the position is after it."""
    id_ = await log.append(new_event(TOPIC, "tick", {}))
    assert await snapshot_of(log) == Snapshot(cursor=cast("Cursor", id_))


STORIES: list[tuple[str, list[tuple[str, dict[str, Any]]], dict[str, Any]]] = [
    (
        "progress",
        [("progress", {"task_name": "t", "progress": 0.25, "message": "é\u2028"})],
        {"status": "running", "progress": 0.25, "message": "é\u2028", "terminal": False},
    ),
    (
        "a message stays until the next",
        [
            ("progress", {"progress": 0.25, "message": "one"}),
            ("progress", {"progress": 0.5}),
        ],
        {"progress": 0.5, "message": "one"},
    ),
    (
        "completed",
        [
            ("progress", {"progress": 0.25, "attempt": 2}),
            ("completed", {"result": {"url": "/a", "sizes": [1, 2]}}),
        ],
        {
            "status": "completed",
            "progress": 1.0,
            "result": {"url": "/a", "sizes": [1, 2]},
            "attempt": 2,
            "terminal": True,
        },
    ),
    (
        "failed, then queued again",
        [
            ("progress", {"progress": 0.5, "attempt": 3}),
            ("error", {"error": "boom"}),
            ("status", {"status": "queued"}),
        ],
        {
            "status": "queued",
            "progress": 0.0,
            "error": None,
            "attempt": None,
            "terminal": False,
        },
    ),
    (
        "failed",
        [("error", {"error": "boom"})],
        {"status": "failed", "error": "boom", "terminal": True},
    ),
    (
        "cancelled",
        [("status", {"status": "cancelled"})],
        {"status": "cancelled", "terminal": True},
    ),
    (
        "an event of no job after the end leaves it ended",
        [("completed", {"result": 1}), ("tick", {})],
        {"status": "completed", "result": 1, "terminal": True},
    ),
]


@pytest.mark.parametrize(
    ("story", "expected"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES]
)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
async def test_a_snapshot_is_the_sum_of_its_events(
    log: EventLog,
    story: list[tuple[str, dict[str, Any]]],
    expected: dict[str, Any],
    together: bool,
) -> None:
    """Each event says what it changes; one by one or in a batch comes to the same."""
    events = [new_event((TOPIC, "jobs/j1"), kind, fields) for kind, fields in story]
    if together:
        await log.append_all(events)
    else:
        for event in events:
            await log.append(event)
    for topic in (TOPIC, "jobs/j1"):
        snapshot = await snapshot_of(log, topic)
        told = {name: getattr(snapshot, name) for name in expected}
        assert told | {"terminal": told.get("terminal") is not None} == expected | {
            "terminal": expected.get("terminal", False)
        }


async def test_a_snapshot_knows_the_id_of_the_end(log: EventLog) -> None:
    """So that a resume at or past it can be told that there is no more."""
    await publish(log, "progress", progress=0.5)
    end = await publish(log, "completed", task_name="t")
    await log.append(new_event("other", "tick", {}))
    snapshot = await snapshot_of(log)
    assert snapshot.terminal == end
    assert snapshot.cursor > end


async def test_tasks_are_known_by_their_last_event_the_newest_last(log: EventLog) -> None:
    """With the body exactly as it was sent."""
    await publish(log, "progress", task_name="a", progress=0.1)
    await publish(log, "progress", task_name="b", progress=0.2)
    id_ = await publish(log, "progress", task_name="a", progress=0.3)
    tasks = tasks_of(await snapshot_of(log))
    assert list(tasks) == ["b", "a"]
    assert tasks["a"]["progress"] == 0.3
    assert tasks["a"]["id"] == str(id_)
    assert tasks["a"]["topic"] == TOPIC


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
async def test_the_oldest_task_is_forgotten_beyond_the_limit(log: EventLog, together: bool) -> None:
    """A project may see thousands, and a snapshot is sent to every new reader."""
    names = [f"task {n}" for n in range(MAX_TASKS + 10)]
    events = [
        new_event(TOPIC, "progress", {"task_name": name, "progress": 0.5})
        for name in (*names[:MAX_TASKS], names[0], *names[MAX_TASKS:])
    ]
    if together:
        await log.append_all(events)
    else:
        for event in events:
            await log.append(event)
    tasks = list((await snapshot_of(log)).tasks)
    assert tasks == [*names[11:MAX_TASKS], names[0], *names[MAX_TASKS:]]


async def test_a_task_may_have_any_name(log: EventLog) -> None:
    """Spaces, newlines, another script."""
    for name in (" ", " a b ", "x\ny", "кодек"):
        await publish(log, "progress", task_name=name, progress=0.5)
    assert set(tasks_of(await snapshot_of(log))) == {" ", " a b ", "x\ny", "кодек"}


async def test_a_snapshot_and_what_follows_are_the_whole_truth(log: EventLog) -> None:
    """Read while events are being appended: never one missing, never one twice."""
    count = 60

    async def publish_all() -> list[Cursor]:
        return [await publish(log, "progress", progress=n / count) for n in range(count)]

    publishing = asyncio.create_task(publish_all())
    snapshots = []
    while not publishing.done():
        snapshots.append(await snapshot_of(log))
    ids = await publishing
    for snapshot in snapshots:
        following = ids_of(await read_all(log, [TOPIC], snapshot.cursor))
        seen = count - len(following)
        assert ids[seen:] == following
        assert snapshot.progress == ((seen - 1) / count if seen else None)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
async def test_an_attempt_that_was_superseded_changes_nothing(
    log: EventLog, together: bool
) -> None:
    """On its job's own topic, and on a project's, where it is its job's state alone."""
    told: list[tuple[str, dict[str, Any]]] = [
        ("status", {"status": "started", "task_name": "t", "attempt": 2}),
        ("progress", {"progress": 0.9, "task_name": "t", "message": "late", "attempt": 1}),
    ]
    events = [new_event((TOPIC, "jobs/j1"), kind, fields) for kind, fields in told]
    if together:
        await log.append_all(events)
    else:
        for event in events:
            await log.append(event)
    for topic in ("jobs/j1", TOPIC):
        snapshot = await snapshot_of(log, topic)
        assert (snapshot.attempt, snapshot.progress, snapshot.message) == (2, 0.0, None)
        assert tasks_of(snapshot)["t"]["attempt"] == 2
    await publish(log, "progress", progress=0.1, attempt=2)
    await publish(log, "progress", progress=0.2)
    assert (await snapshot_of(log, "jobs/j1")).progress == 0.2
    await publish(log, "status", status="queued")
    await publish(log, "progress", progress=0.3, attempt=1)
    for topic in ("jobs/j1", TOPIC):
        assert (await snapshot_of(log, topic)).progress == 0.3


async def test_an_end_is_an_end_whatever_attempt_tells_it(log: EventLog) -> None:
    """Its readers were sent a terminal event."""
    await publish(log, "status", status="started", attempt=2)
    end = await publish(log, "completed", attempt=1)
    snapshot = await snapshot_of(log, "jobs/j1")
    assert (snapshot.status, snapshot.terminal) == ("completed", end)
