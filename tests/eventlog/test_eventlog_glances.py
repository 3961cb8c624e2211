"""How jobs stand, without reading what may be large; over every log."""

from __future__ import annotations

from streamer.eventlog.base import EventLog
from streamer.eventlog.glances import Glance
from streamer.events.new_event import new_event


async def test_a_glance_has_the_state_of_each_job_and_the_names_of_its_tasks(log: EventLog) -> None:
    for job, status in (("a", "queued"), ("b", "running")):
        fields = {"task_name": "encode", "status": status, "message": "m", "metadata": {}}
        await log.append(new_event([f"jobs/{job}"], "status", fields))
    done = {"task_name": "probe", "result": {"x": "y" * 10_000}}
    await log.append(new_event(["jobs/b"], "completed", done))
    topics = ["jobs/b", "jobs/nobody", "jobs/a"]
    assert await log.glances.at(topics) == [
        Glance("completed", frozenset({"encode", "probe"})),
        Glance(None, frozenset()),
        Glance("queued", frozenset({"encode"})),
    ]
    assert await log.glances.at([]) == []
    assert await log.glances.at(["jobs/a"] * 250) == [Glance("queued", frozenset({"encode"}))] * 250
