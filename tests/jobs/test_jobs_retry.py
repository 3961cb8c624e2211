"""Jobs that failed or were cancelled, and are run again with what they were asked with."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from dramatiq import Broker

from streamer.config.settings import Settings
from streamer.errors import InvalidSource, JobConflict, LogUnavailable, NotFound
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.actors import declare_actors
from streamer.jobs.kinds import JobKind
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from support.jobs import JobWatcher, working


class Text(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class Work:
    """A kind of job that fails as often as is wanted."""

    def __init__(self) -> None:
        self.failures = 1
        self.refused = False
        self.texts: list[str] = []
        self.kind = JobKind(
            name="work",
            parameters=Text,
            run=self._run,
            check=self._check,
            options={"max_retries": 0},
        )

    def _run(self, parameters: Text, _settings: Settings) -> str:
        self.texts.append(parameters.text)
        if len(self.texts) <= self.failures:
            raise ValueError("not yet")
        return "done"

    def _check(self, _parameters: Text, _settings: Settings) -> None:
        if self.refused:
            raise InvalidSource("it is gone")


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def jobs(work: Work, job_settings: Settings, redis_log: RedisEventLog, job_broker: Broker) -> Jobs:
    declare_actors(job_broker, job_settings, [work.kind])
    return Jobs(job_settings, redis_log, Publisher(redis_log), kinds={"work": work.kind})


async def submit(jobs: Jobs, **also: Any) -> str:  # noqa: ANN401 - as `Jobs.submit` takes it
    accepted = await jobs.submit("p1", {"kind": "work", "text": "hello"}, **also)
    return str(accepted["task_id"])


async def test_a_job_that_failed_is_run_again_as_the_same_job(
    jobs: Jobs, work: Work, job_broker: Broker, watcher: JobWatcher
) -> None:
    """Of the same project and topics, from the position that the answer names."""
    with working(job_broker):
        job_id = await submit(jobs, also=("users/7",))
        await watcher.told(job_id, "error")
        assert (await jobs.state(job_id))["retryable"]
        accepted = await jobs.retry(job_id)
        assert (accepted["task_id"], accepted["status"]) == (job_id, "queued")
        await watcher.told(job_id, "completed")
    assert work.texts == ["hello", "hello"]
    bodies = await watcher.bodies(job_id)
    assert await watcher.story(job_id) == [
        *("queued", "started", "error"),
        *("queued", "started", "completed"),
    ]
    assert {tuple(body["topics"]) for body in bodies} == {
        ("projects/p1", "users/7", f"jobs/{job_id}")
    }
    assert bodies[2]["id"] <= accepted["last_event_id"] < bodies[3]["id"]
    state = await jobs.state(job_id)
    assert (state["status"], state["retryable"]) == ("completed", False)


async def test_a_job_that_was_cancelled_in_the_queue_is_run_once(
    jobs: Jobs, work: Work, job_broker: Broker, watcher: JobWatcher
) -> None:
    """Its first message is still there, and is not run."""
    work.failures = 0
    job_id = await submit(jobs)
    await jobs.cancel(job_id)
    await jobs.retry(job_id)
    with working(job_broker):
        await watcher.told(job_id, "completed")
        job_broker.join(work.kind.queue)
    assert work.texts == ["hello"]


async def test_however_often_it_is_asked_for_it_is_run_again_once(
    jobs: Jobs, work: Work, job_broker: Broker, watcher: JobWatcher
) -> None:
    job_id = await submit(jobs)
    with working(job_broker):
        await watcher.told(job_id, "error")
    answers = await asyncio.gather(*(jobs.retry(job_id) for _ in range(5)), return_exceptions=True)
    # Who comes after it is queued is refused.
    assert all(isinstance(answer, dict | JobConflict) for answer in answers)
    assert [answer for answer in answers if isinstance(answer, dict)]
    with working(job_broker):
        await watcher.told(job_id, "completed")
        job_broker.join(work.kind.queue)
    assert len(work.texts) == 2
    assert (await watcher.story(job_id)).count("queued") == 2


async def test_what_is_not_over_or_went_well_is_not_run_again(
    jobs: Jobs, work: Work, job_broker: Broker, watcher: JobWatcher
) -> None:
    work.failures = 0
    job_id = await submit(jobs)
    with pytest.raises(JobConflict, match="is queued; only one that failed or was cancelled"):
        await jobs.retry(job_id)
    with working(job_broker):
        await watcher.told(job_id, "completed")
    with pytest.raises(JobConflict, match="is completed"):
        await jobs.retry(job_id)
    with pytest.raises(NotFound):
        await jobs.retry("nobody")


async def test_a_job_that_no_server_queued_is_not_run_again(
    jobs: Jobs, redis_log: RedisEventLog
) -> None:
    topics = ("projects/p1", "jobs/elsewhere")
    await Publisher(redis_log).publish(topics, "error", {"error": "no", "task_name": "work"})
    assert not (await jobs.state("elsewhere"))["retryable"]
    with pytest.raises(JobConflict, match="not known what job elsewhere was asked with"):
        await jobs.retry("elsewhere")


async def test_what_cannot_be_done_any_more_is_refused_and_nothing_is_reported(
    jobs: Jobs, work: Work, watcher: JobWatcher
) -> None:
    job_id = await submit(jobs)
    await jobs.cancel(job_id)
    before = await watcher.story(job_id)
    work.refused = True
    with pytest.raises(InvalidSource):
        await jobs.retry(job_id)
    assert await watcher.story(job_id) == before


async def test_what_a_job_was_asked_with_is_forgotten_with_its_events(
    jobs: Jobs, job_settings: Settings, job_broker: Broker
) -> None:
    job_id = await submit(jobs)
    client = job_broker.client  # type: ignore[attr-defined]
    left = client.ttl(f"{job_broker.namespace}:kept:{job_id}")  # type: ignore[attr-defined]
    assert 0 < left <= job_settings.retention_age


async def test_a_redis_that_does_not_take_it_is_told_and_it_can_be_asked_for_again(
    jobs: Jobs, work: Work, job_broker: Broker, watcher: JobWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await submit(jobs)
    with working(job_broker):
        await watcher.told(job_id, "error")

    def fail(_message: object) -> None:
        raise ConnectionError("no")

    with monkeypatch.context() as broken:
        broken.setattr(jobs._open_broker(), "enqueue", fail)
        with pytest.raises(LogUnavailable):
            await jobs.retry(job_id)
    assert (await jobs.state(job_id))["error"] == "the job could not be queued"
    with working(job_broker):
        await jobs.retry(job_id)
        await watcher.told(job_id, "completed")
    assert len(work.texts) == 2
