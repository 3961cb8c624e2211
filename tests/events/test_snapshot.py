"""Snapshots: built from what is stored, shown to readers, carried on by events."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.new_event import NewEvent, new_event
from streamer.events.snapshot import MAX_TASKS, Snapshot


def test_an_empty_snapshot_shows_every_field() -> None:
    """So that a client need not ask whether one is there."""
    assert Snapshot(cursor=Cursor(5, 6)).to_fields() == {
        "status": None,
        "progress": None,
        "message": None,
        "result": None,
        "error": None,
        "attempt": None,
        "cursor": "5-6",
        "tasks": {},
        "jobs": {},
        "jobs_left_out": 0,
    }


def test_a_stored_snapshot_is_decoded_but_for_its_tasks() -> None:
    """Their bodies go out as they came in."""
    body = b'{"type":"progress", "progress":0.50}'
    snapshot = Snapshot.from_stored(
        Cursor(5, 6),
        {"status": b'"running"', "progress": b"0.5", "result": b'{"a":[1]}'},
        Cursor(4, 0),
        {"t": body},
    )
    assert (snapshot.status, snapshot.progress, snapshot.result) == ("running", 0.5, {"a": [1]})
    assert snapshot.terminal == Cursor(4, 0)
    assert body in msgspec.json.encode(snapshot.to_fields())
    assert snapshot.at(Cursor(7, 0)) == msgspec.structs.replace(snapshot, cursor=Cursor(7, 0))


tasks = st.sampled_from([None, " ", "a", "b"])
attempts = st.none() | st.integers(1, 3)


def job_event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[NewEvent]:
    common = {"task_name": tasks, "attempt": attempts}
    return st.fixed_dictionaries(common, optional=fields).map(
        lambda given: new_event("jobs/j", kind, REQUIRED[kind] | given)
    )


REQUIRED: dict[str, dict[str, Any]] = {
    "progress": {"progress": 0.1},
    "status": {"status": "started"},
    "error": {"error": "boom"},
    "completed": {},
    "tick": {},
}
events = st.one_of(
    job_event("progress", progress=st.floats(0, 1), message=st.sampled_from(["x", "é\u2028"])),
    job_event("status", status=st.sampled_from(["queued", "retrying", "cancelled", "musing"])),
    job_event("error"),
    job_event("completed", result=st.sampled_from([None, 1, {"a": [None]}])),
    job_event("tick"),
)


@given(st.lists(events, max_size=12))
def test_events_carry_a_snapshot_on_as_the_log_does(published: list[NewEvent]) -> None:
    """A process that hears every event needs not ask the log again."""

    async def run() -> None:
        log = MemoryEventLog()
        carried = (await log.snapshots(["jobs/j"]))["jobs/j"]
        await log.append_all(published)
        for event in (await log.read(["jobs/j"], ORIGIN, 100)).events:
            carried = carried.after(event, "jobs/j")
        stored = (await log.snapshots(["jobs/j"]))["jobs/j"]
        assert shown(carried.at(stored.cursor)) == shown(stored)

    asyncio.run(run())


def shown(snapshot: Snapshot) -> tuple[bytes, Cursor | None]:
    return msgspec.json.encode(snapshot.to_fields()), snapshot.terminal


def test_what_is_no_event_of_ours_carries_nothing_on() -> None:
    """An ephemeral one, or one that another publisher wrote."""
    before = Snapshot()
    assert before.after(Event(None, "progress", ("a",), b'{"progress":0.5}'), "a") == before
    assert before.after(Event(Cursor(1, 1), "progress", ("a",), b'{"progress":5}'), "a") == before


def test_a_carried_snapshot_forgets_the_oldest_task() -> None:
    """As the log does."""
    snapshot = Snapshot()
    for n in range(MAX_TASKS + 3):
        fields = msgspec.json.encode({"task_name": f"t{n}", "progress": 0.5})
        snapshot = snapshot.after(Event(Cursor(1, n), "progress", ("a",), fields), "a")
    assert list(snapshot.tasks) == [f"t{n}" for n in range(3, MAX_TASKS + 3)]


def test_alone_is_the_fields_on_one_line_and_encoded_once() -> None:
    """Who attaches between two events is sent the same bytes, not the same work."""
    state = Snapshot.from_stored(Cursor(1, 0), {"message": '"a\u2028b"'.encode()}, None, {})
    assert msgspec.json.decode(state.alone) == {**state.to_fields(), "truncated": False}
    assert "\u2028".encode() not in bytes(state.alone)
    assert state.alone is state.alone
    moved = msgspec.json.decode(state.at(Cursor(2, 0)).alone)
    assert moved["cursor"] == "2-0"
