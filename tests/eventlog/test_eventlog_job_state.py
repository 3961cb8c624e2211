"""docs/JOBS.md says what a job's events do to state: Python, Lua and JavaScript do that."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.job_event import OVER, STATUSES, WAITING_OR_RUNNING
from streamer.events.job_states import MAX_ENDED, MAX_JOBS
from streamer.events.new_event import new_event
from streamer.events.snapshot import MAX_TASKS, Snapshot
from support.job_model import JobModel
from support.job_stories import Story, stories
from support.requirements import needs
from support.servers import FakeClock, Server
from support.snapshot_cases import CASES, Case, shown_by, with_ids
from support.waiting import LONG_DEADLINE

_FOLD: Final = Path(__file__).parents[1] / "web" / "fold.mjs"
#: The fields of a job that are times.
_TIMES: Final = ("created", "started", "updated", "ended")
#: Those that a topic has too.
_OF_BOTH: Final = ("status", "progress", "message", "result", "error", "attempt")


def agree(who: str, story: Story, look: int, shown: Any, expected: Any) -> None:  # noqa: ANN401 - any JSON
    """Fail if something else is `shown` than is `expected`, with a case that can be kept."""
    if shown != expected or _order(shown) != _order(expected):
        told = f"{who} does not do what docs/JOBS.md says, after these events:"
        differs = "\n".join(_differences("", shown, expected)) or "the order of jobs or tasks"
        pytest.fail(f"{told}\n{story.case(look)}\n{differs}", pytrace=False)


def _order(shown: dict[str, Any]) -> list[list[str]]:
    """That of a snapshot; a page has an order of its own."""
    return [list(shown.get(name, ())) for name in ("jobs", "tasks")]


def _differences(path: str, shown: Any, expected: Any) -> list[str]:  # noqa: ANN401 - any JSON
    if shown == expected:
        return []
    if isinstance(shown, dict) and isinstance(expected, dict):
        return [
            line
            for name in shown | expected
            for line in _differences(f"{path}.{name}", shown.get(name), expected.get(name))
        ]
    return [f"{path} is {shown!r}, should be {expected!r}"]


async def play(who: str, log: EventLog, story: Story, topic: str) -> None:
    """Append a story to `topic` of a log, and look at the snapshots on the way."""
    ids: list[Cursor | None] = []
    for look, batch in enumerate(story.batches()):
        events = [new_event(topic, *event) for event in batch]
        for some in [events] if story.together else [[event] for event in events]:
            ids += await log.append_all(some)
        snapshot = (await log.snapshots([topic]))[topic]
        agree(who, story, look, shown_by(snapshot), with_ids(story.expected[look], ids))


async def test_the_log_in_memory_does_what_the_page_says() -> None:
    """With it every process that follows events, for it folds them by the same code."""
    for story in stories():
        await play("Python", MemoryEventLog(), story, story.topic)


async def test_the_log_in_redis_does_what_the_page_says(redis_server: Server, prefix: str) -> None:
    """That is append.lua and jobs.lua; several events between two looks are one batch."""
    for number, story in enumerate(stories()):
        log = RedisEventLog(redis_server.url, prefix=f"{prefix}-{number}")
        try:
            await play("Lua", log, story, story.topic)
        finally:
            await log.close()


def test_a_page_does_what_the_page_says() -> None:
    """Also if it comes in the middle, and begins with a snapshot."""
    followed = [story for story in stories() if story.for_page]
    visits = [visit for story in followed for visit in asyncio.run(_visits(story))]
    run = subprocess.run(
        [needs("node"), _FOLD],
        input="\n".join(visit.line for visit in visits),
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for visit, line in zip(visits, run.stdout.strip().split("\n"), strict=True):
        seen = json.loads(line)
        assert len(seen) == len(visit.expected)
        for look, (jobs, expected) in enumerate(zip(seen, visit.expected, strict=True)):
            shown = _own(jobs.get("j", {})) if visit.story.is_own else jobs
            agree("JavaScript", visit.story, visit.first_look + look, shown, expected)


class Visit(NamedTuple):
    """A page that reads a story from some look on, and what it shows at each."""

    story: Story
    first_look: int
    line: str
    expected: list[dict[str, Any]]


async def _visits(story: Story) -> list[Visit]:
    """From the beginning, and from the middle where a snapshot has the jobs."""
    bodies, ids, snapshots = await _sent(story)
    expected = [
        _own(fields) if story.is_own else _in_milliseconds(fields["jobs"], ids)
        for fields in story.expected
    ]
    visits = []
    for come in {0} if story.is_own else {0, len(story.looks) // 2}:
        first = story.looks[come - 1] if come else 0
        line = {
            "snapshot": snapshots[first],
            "bodies": bodies[first:],
            "looks": [look - first for look in story.looks[come:]],
        }
        visits.append(Visit(story, come, json.dumps(line), expected[come:]))
    return visits


async def _sent(story: Story) -> tuple[list[Any], list[Cursor | None], list[Any]]:
    """What readers of a story are sent: bodies a second apart, and the snapshot before each."""
    clock = FakeClock()
    log = MemoryEventLog(clock=clock)
    ids, snapshots = [], [None]
    for event in story.events:
        clock.advance(1000)
        ids.append(await log.append(new_event(story.topic, *event)))
        snapshot: Snapshot = (await log.snapshots([story.topic]))[story.topic]
        snapshots.append(msgspec.json.decode(msgspec.json.encode(snapshot.to_fields())))
    read = (await log.read([story.topic], ORIGIN, len(ids))).events
    return [msgspec.json.decode(event.body) for event in read], ids, snapshots


def _in_milliseconds(jobs: dict[str, Any], ids: Sequence[Cursor | None]) -> dict[str, Any]:
    def time_of(number: int | None) -> int | None:
        id_ = None if number is None else ids[number]
        return None if id_ is None else id_.ms

    return {name: job | {time: time_of(job[time]) for time in _TIMES} for name, job in jobs.items()}


def _own(fields: dict[str, Any]) -> dict[str, Any]:
    """What a job's own topic has, and the one job that a page has of it."""
    return {name: fields.get(name) for name in _OF_BOTH}


def test_the_words_and_the_bounds_are_those_of_the_code() -> None:
    """Which the sequences meet only where they happen to."""
    names = JobModel("projects/p").names
    kinds = names["kind"]
    assert set(kinds) == {*STATUSES, None}
    assert {status for status in kinds if kinds[status] == "over"} == OVER
    opens = [status for status in kinds if kinds[status] == "open"]
    assert sorted(opens, key=lambda status: -names["weight"][status]) == [*WAITING_OR_RUNNING]
    bounds = [names[name] for name in ("MAX_OPEN", "MAX_OTHERS", "MAX_TASKS")]
    assert bounds == [MAX_JOBS, MAX_ENDED, MAX_TASKS]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_examples_are_what_the_page_says(case: Case) -> None:
    """So that neither is taken for the other's rule."""
    model = JobModel(case.topic)
    for number, (kind, fields) in enumerate(case.events):
        model.append(kind, fields, number)
    seen, expected = model.expected(), dict(case.expected)
    jobs = expected.pop("jobs")
    assert {name: seen[name] for name in expected} == expected
    assert list(seen["jobs"]) == list(jobs)
    for name, fields in jobs.items():
        assert (name, {field: seen["jobs"][name][field] for field in fields}) == (name, fields)
