"""Which job a job is a part of: nested work, pipelines and groups."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker, Message, group, pipeline
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import StubBackend

from streamer.jobs.parents import mark_parent, parent_of
from support.jobs import JobWatcher, working
from support.waiting import DEADLINE, wait_until

PROJECT = "p1"


async def parents_of(watcher: JobWatcher, job_id: str) -> list[str | None]:
    """What ``queued`` and ``started`` of a job name as its parent."""
    return [
        body.get("parent_id")
        for body in await watcher.bodies(job_id)
        if body.get("status") in {"queued", "started"}
    ]


async def test_work_that_an_actor_enqueues_is_a_part_of_its_job(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """And the job, which says nothing itself, is as far as its parts."""
    parts: list[str] = []
    go_on, may_end = threading.Event(), threading.Event()

    @dramatiq.actor(broker=job_broker)
    def part(n: int) -> None:
        if n:
            assert go_on.wait(DEADLINE)

    @dramatiq.actor(broker=job_broker)
    async def whole() -> None:
        parts.extend(
            part.send_with_options(args=(n,), project_id=PROJECT).message_id for n in range(2)
        )
        assert may_end.wait(DEADLINE)

    topic = f"projects/{PROJECT}"

    async def shown() -> Any:  # noqa: ANN401 - JSON
        return (await watcher.log.snapshots([topic]))[topic].to_fields()

    async def half_way() -> bool:
        snapshot = await shown()
        jobs = snapshot["jobs"]
        return job_id in jobs and jobs[job_id]["progress"] == 0.5 == snapshot["progress"]

    with working(job_broker, threads=3):
        job_id = whole.send_with_options(project_id=PROJECT).message_id
        await wait_until(half_way, "the job never was as far as its parts")
        go_on.set()
        await watcher.ended(parts[1])
        may_end.set()
        await watcher.ended(job_id)
    assert await parents_of(watcher, job_id) == [None, None]
    for part_id in parts:
        assert await parents_of(watcher, part_id) == [job_id, job_id]
    jobs = (await shown())["jobs"]
    assert jobs[job_id]["parts"] == {"total": 2, "over": 2, "told": 1.0}


async def test_the_stages_of_a_pipeline_are_parts_of_one(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """Not each of the one before, which enqueues it."""

    @dramatiq.actor(broker=job_broker)
    def add(x: int, y: int) -> int:
        return x + y

    with working(job_broker):
        chain: Any = pipeline(
            [add.message(1, 2), add.message_with_options(args=(3,))], broker=job_broker
        )
        chain.run()
        ids = [message.message_id for message in chain.messages]
        for job_id in ids:
            await watcher.ended(job_id)
    for job_id in ids:
        assert await parents_of(watcher, job_id) == [f"pipeline-{ids[0]}"] * 2


async def test_a_group_with_callbacks_is_known_by_its_name(
    job_broker: Broker, watcher: JobWatcher
) -> None:
    """What follows it is no part of the one that ended last."""

    @dramatiq.actor(broker=job_broker)
    def work() -> None:
        pass

    backend = StubBackend()  # type: ignore[no-untyped-call]
    job_broker.add_middleware(GroupCallbacks(backend))
    after = work.message()
    messages = [work.message() for _ in range(2)]
    parts: Any = group(messages, broker=job_broker)  # type: ignore[no-untyped-call]
    parts.add_completion_callback(after)
    with working(job_broker):
        parts.run()
        await watcher.ended(after.message_id)
    named = {name for each in messages for name in await parents_of(watcher, each.message_id)}
    assert len(named) == 1
    assert None not in named
    assert await parents_of(watcher, after.message_id) == [None, None]


def message(**options: object) -> Message[Any]:
    return Message("default", "work", (), {}, options)


@pytest.mark.parametrize(
    ("options", "running", "parent"),
    [
        ({}, None, None),
        ({}, "r", "r"),
        ({"group_completion_uuid": "g"}, None, "g"),
        ({"group_completion_uuid": "g"}, "r", "r"),
        ({"pipe_target": {"options": {"group_completion_uuid": "g"}}}, None, "g"),
        ({"streamer_parent": "first"}, "r", "first"),
        ({"streamer_parent": 5}, None, None),
        ({"pipe_target": 5}, None, None),
        ({"pipe_target": {"options": 5}}, None, None),
    ],
)
def test_what_runs_says_more_than_a_group(
    options: dict[str, Any], running: str | None, parent: str | None
) -> None:
    """What was found first stays, and what another version left there harms nobody."""
    marked = message(**options)
    mark_parent(marked, running, None)
    assert parent_of(marked) == parent


def test_a_job_is_no_part_of_itself() -> None:
    """One that enqueues itself again."""
    again = message()
    mark_parent(again, again.message_id, again)
    assert parent_of(again) is None
