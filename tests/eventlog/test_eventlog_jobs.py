"""Jobs in snapshots, over every log and as a process folds them by itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

from streamer.eventlog.base import EventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.job_states import MAX_ENDED, MAX_JOBS
from streamer.events.new_event import NewEvent, new_event
from streamer.events.snapshot import Snapshot
from support.snapshot_cases import CASES, Case

TOPIC = "projects/p"
TOGETHER = pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])


async def append(log: EventLog, events: list[NewEvent], *, together: bool) -> list[Cursor | None]:
    if together:
        return await log.append_all(events)
    return [await log.append(event) for event in events]


async def snapshot_of(log: EventLog, topic: str = TOPIC) -> Snapshot:
    return (await log.snapshots([topic]))[topic]


async def carried(log: EventLog, topic: str = TOPIC) -> Snapshot:
    """What a process makes of all events that it hears."""
    snapshot = Snapshot()
    for event in (await log.read([topic], ORIGIN, 10_000)).events:
        snapshot = snapshot.after(event, topic)
    return snapshot


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@TOGETHER
async def test_the_state_of_a_topic_is_derived_from_its_jobs(
    log: EventLog, case: Case, together: bool
) -> None:
    """By the table that the page follows too."""
    ids = await append(log, case.new_events(), together=together)
    case.check(await snapshot_of(log, case.topic), ids)
    case.check(await carried(log, case.topic), ids)


@pytest.mark.parametrize(
    ("first", "project"),
    [
        (("projects/p", "jobs/j"), "projects/p"),
        (("jobs/j", "projects/p", "projects/q"), "projects/p"),
        (("jobs/j", "projects/p/parts"), None),
        (("jobs/j",), None),
    ],
)
@TOGETHER
async def test_the_first_event_of_a_job_says_of_which_project_it_is(
    log: EventLog, together: bool, first: tuple[str, ...], project: str | None
) -> None:
    """For good: later ones, its end and a second run among them, do not move it."""
    later = ("projects/later", "jobs/j")
    events = [
        new_event(first, "status", {"status": "queued"}),
        new_event(later, "progress", {"progress": 0.5, "task_name": "t"}),
        new_event(later, "completed", {}),
        new_event(later, "status", {"status": "queued"}),
    ]
    await append(log, events, together=together)
    assert (await snapshot_of(log, "jobs/j")).project == project
    assert (await carried(log, "jobs/j")).project == project
    assert (await snapshot_of(log, "projects/later")).project is None


def told(job: str, kind: str, **fields: Any) -> NewEvent:  # noqa: ANN401 - any JSON
    return new_event(TOPIC, kind, {"job_id": job, **fields})


@TOGETHER
async def test_of_too_many_jobs_those_heard_of_least_lately_are_left_out(
    log: EventLog, together: bool
) -> None:
    """The snapshot says how many; they return when they are heard of again."""
    count = MAX_JOBS + 6
    events = [told(f"j{n}", "status", status="queued") for n in range(count)]
    await append(log, events, together=together)
    first = await snapshot_of(log)
    names = [f"j{n}" for n in range(count)]
    assert list(first.to_fields()["jobs"]) == names[6:]
    assert first.to_fields()["jobs_left_out"] == 6
    await log.append(told("j0", "status", status="started"))
    second = (await snapshot_of(log)).to_fields()
    assert list(second["jobs"]) == [*names[7:], "j0"]
    assert second["jobs_left_out"] == 6
    await append(log, [told(name, "completed") for name in names], together=together)
    last = await snapshot_of(log)
    assert (last.status, last.progress, last.states.left_out) == ("completed", 1.0, 0)
    assert list(last.to_fields()["jobs"]) == names[-MAX_ENDED:]
    assert last.terminal is not None


async def test_progress_counts_what_is_left_out_and_what_is_forgotten(log: EventLog) -> None:
    """Of a hundred jobs that run one after the other each is a hundredth."""
    await log.append_all([told(f"j{n}", "status", status="queued") for n in range(100)])
    seen = []
    for n in range(100):
        await log.append_all([told(f"j{n}", "status", status="started")])
        await log.append_all([told(f"j{n}", "completed")])
        if n in {9, 49, 89, 98}:
            snapshot = await snapshot_of(log)
            assert (await carried(log)).progress == snapshot.progress
            seen.append(snapshot.progress)
    assert seen == [0.1, 0.5, 0.9, 0.99]
    assert (await snapshot_of(log)).progress == 1.0


async def test_a_parent_counts_its_parts_that_are_forgotten(log: EventLog) -> None:
    """However many have ended."""
    count = 2 * MAX_ENDED
    await log.append(told("p", "status", status="started"))
    parts = [f"x{n}" for n in range(count)]
    await log.append_all([told(x, "status", status="queued", parent_id="p") for x in parts])
    await log.append_all([told(x, "completed") for x in parts[: count * 3 // 4]])
    snapshot = await snapshot_of(log)
    assert snapshot.progress == 0.75
    assert snapshot.to_fields()["jobs"]["p"]["progress"] == 0.75


async def test_any_sequence_of_events_is_folded_alike(log: EventLog) -> None:
    """By the log, and by a process that heard them all."""
    chosen = random.Random(7)
    for round_ in range(6):
        topic = f"projects/r{round_}"
        events = [new_event(topic, *_any_event(chosen)) for _ in range(60)]
        for start in range(0, 60, 5):
            await append(log, events[start : start + 5], together=bool(start % 2))
            stored, folded = await snapshot_of(log, topic), await carried(log, topic)
            assert stored == folded.at(stored.cursor)


def _any_event(chosen: random.Random) -> tuple[str, dict[str, Any]]:
    job = chosen.choice(["", "a", "b", "c", "d"])
    fields: dict[str, Any] = {"job_id": job} if job else {}
    if chosen.random() < 0.4:
        fields["attempt"] = chosen.randint(1, 2)
    if chosen.random() < 0.3:
        fields["message"] = chosen.choice(["one", "two\nlines", "é\u2028"])
    if chosen.random() < 0.3:
        fields["parent_id"] = chosen.choice("abcx")
    if chosen.random() < 0.5:
        fields["task_name"] = chosen.choice(["t", "u\nv"])
    kind = chosen.choice(["progress"] * 4 + ["status"] * 3 + ["error", "completed", "note"])
    match kind:
        case "progress":
            fields["progress"] = chosen.choice([0.0, 0.25, 0.5, 1.0])
        case "status":
            words = ["queued", "started", "in_progress", "retrying", "stalled", "cancelled", "hm"]
            fields["status"] = chosen.choice(words)
        case "error":
            fields["error"] = "boom"
        case "completed":
            fields["result"] = chosen.choice([None, 1, {"a": ["\n"]}])
    return kind, fields
