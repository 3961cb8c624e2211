"""A job is a part of the trace of whoever asked for it, and so is all that it tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import dramatiq
import httpx
import msgspec
import pytest
from dramatiq import Broker
from litestar import Litestar
from opentelemetry import trace

import streamer
from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs.actors import declare_actors
from streamer.jobs.job import Job
from streamer.jobs.kinds import JobKind
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from streamer.publishing.sync_publisher import SyncPublisher
from streamer.tracing.doing import ids_here
from support.jobs import JobWatcher, working
from support.spans import Spans, parent_of, place_of

IDS: Final = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
PARENT: Final = f"00-{IDS}-01"


class Nothing(msgspec.Struct):
    """Of a job that is told nothing."""


class Work:
    """One kind of job, and what was seen within it.

    Attributes:
        ids: what a line of the log said, in each attempt.
        failures: what its attempts raise, before one succeeds.
    """

    def __init__(self) -> None:
        self.kind: Final = JobKind(name="work", parameters=Nothing, run=self._run)
        self.ids: list[dict[str, str]] = []
        self.failures: list[Exception] = []

    def _run(self, _parameters: Nothing, _settings: Settings) -> str:
        self.ids.append(ids_here())
        progress = streamer.progress()
        progress.update(0.5, "half")
        progress.log("a line")
        with trace.get_tracer("theirs").start_as_current_span("inside"):
            pass
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def client(
    job_settings: Settings, redis_log: RedisEventLog, job_broker: Broker, work: Work
) -> AsyncIterator[httpx.AsyncClient]:
    """Of a server that takes such jobs, which workers of `job_broker` run."""
    declare_actors(job_broker, job_settings, [work.kind])
    app: Litestar = create_app(job_settings, redis_log)
    jobs = app.state["jobs"] = Jobs(
        job_settings, redis_log, Publisher(redis_log), kinds={"work": work.kind}
    )
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    jobs.close()


async def submit(client: httpx.AsyncClient, headers: Mapping[str, str]) -> str:
    answer = await client.post("/api/v1/projects/p1/jobs", json={"kind": "work"}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def traces_of(bodies: list[dict[str, Any]]) -> list[str]:
    """Trace and place of each, without the version and the flags; empty for none."""
    return [body.get("traceparent", "")[3:52] for body in bodies]


async def test_without_opentelemetry_a_jobs_events_have_the_trace_of_its_request(
    client: httpx.AsyncClient, job_broker: Broker, watcher: JobWatcher, work: Work
) -> None:
    """Over the queue, and over each attempt; one without has none."""
    work.failures = [OSError("once")]
    with working(job_broker):
        traced = await watcher.ended(
            await submit(client, {"traceparent": PARENT, "tracestate": "v=1"})
        )
        plain = await watcher.ended(await submit(client, {}))
    assert {body["type"] for body in traced} == {"status", "progress", "log", "completed"}
    assert set(traces_of(traced)) == {IDS}
    assert {body["tracestate"] for body in traced} == {"v=1"}
    assert set(traces_of(plain)) == {""}
    job_id = traced[0]["job_id"]
    ids = {"job_id": job_id, "trace_id": IDS[:32], "span_id": IDS[33:]}
    assert work.ids == [ids, ids, {"job_id": plain[0]["job_id"]}]


async def test_a_job_is_a_span_below_that_of_its_request_and_above_what_it_does(
    client: httpx.AsyncClient, job_broker: Broker, watcher: JobWatcher, spans: Spans
) -> None:
    with working(job_broker):
        bodies = await watcher.ended(await submit(client, {"traceparent": PARENT}))
    queued, inside = spans.named("publish streamer"), spans.named("inside")
    (ran,) = [span for span in spans.ended if span.name.startswith("process ")]
    assert parent_of(queued) == IDS
    assert parent_of(ran) == place_of(queued)
    assert parent_of(inside) == place_of(ran)
    first, *others = traces_of(bodies)
    assert first == place_of(queued)
    assert set(others) == {place_of(ran)}
    assert not [span.name for span in spans.ended if span.name.startswith("publish jobs")]
    assert dict(ran.attributes or {}) == {
        "messaging.system": "dramatiq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "streamer",
        "messaging.message.id": bodies[0]["job_id"],
        "streamer.job.id": bodies[0]["job_id"],
        "streamer.job.task_name": "work",
        "streamer.job.attempt": 1,
    }


async def test_each_attempt_is_a_span_that_says_how_it_failed(
    client: httpx.AsyncClient, job_broker: Broker, watcher: JobWatcher, spans: Spans, work: Work
) -> None:
    work.failures = [OSError("disk full")]
    with working(job_broker):
        bodies = await watcher.ended(await submit(client, {}))
    queued = spans.named("publish streamer")
    first, second = [span for span in spans.ended if span.name.startswith("process ")]
    assert parent_of(first) == parent_of(second) == place_of(queued)
    assert (first.status.is_ok, second.status.is_ok) == (False, True)
    assert [event.name for event in first.events] == ["exception"]
    assert (first.attributes or {})["error.type"] == "OSError"
    by_attempt = {body.get("attempt"): body["traceparent"][3:52] for body in bodies}
    assert by_attempt == {None: place_of(queued), 1: place_of(first), 2: place_of(second)}


async def test_what_a_job_enqueues_is_below_it(
    job_broker: Broker, watcher: JobWatcher, spans: Spans
) -> None:
    """Async actors too, whose loop runs in another thread."""
    children: list[str] = []

    @dramatiq.actor(broker=job_broker)
    async def child() -> None:
        with trace.get_tracer("theirs").start_as_current_span("in the child"):
            pass

    @dramatiq.actor(broker=job_broker)
    async def parent() -> None:
        children.append(child.send().message_id)

    with trace.get_tracer("theirs").start_as_current_span("mine"):
        job_id = parent.send().message_id
    with working(job_broker):
        await watcher.ended(job_id)
        bodies = await watcher.ended(children[0])
    above, below = [span for span in spans.ended if span.name == "process default"]
    assert parent_of(above) == place_of(spans.named("mine"))
    assert parent_of(below) == place_of(above)
    assert parent_of(spans.named("in the child")) == place_of(below)
    assert set(traces_of(bodies[1:])) == {place_of(below)}


async def test_another_instrumentations_span_is_not_doubled(
    job_broker: Broker, watcher: JobWatcher, spans: Spans
) -> None:
    class Theirs(dramatiq.Middleware):
        def before_process_message(self, broker: Broker, message: dramatiq.MessageProxy) -> None:
            span = trace.get_tracer("theirs").start_span("their work")
            self.using = trace.use_span(span, end_on_exit=True)
            self.using.__enter__()

        def after_process_message(self, *_: object, **__: object) -> None:
            self.using.__exit__(None, None, None)

    @dramatiq.actor(broker=job_broker)
    def quiet() -> None:
        """Do nothing."""

    job_broker.add_middleware(Theirs(), before=type(job_broker.middleware[0]))
    with trace.get_tracer("theirs").start_as_current_span("mine"):
        job_id = quiet.send().message_id
    with working(job_broker, threads=1):
        bodies = await watcher.ended(job_id)
    made = [span.name for span in spans.ended if span.name != "append"]
    assert made == ["mine", "their work"]
    theirs = place_of(spans.named("their work"))
    assert traces_of(bodies) == [place_of(spans.named("mine")), theirs, theirs]


async def test_a_job_without_a_queue_is_a_span_below_the_one_around_it(
    job_publisher: SyncPublisher, watcher: JobWatcher, spans: Spans
) -> None:
    with trace.get_tracer("theirs").start_as_current_span("mine"):
        async with streamer.job("encode", publisher=job_publisher) as job:
            assert isinstance(job, Job)
            job.progress(0.5)
            trace.get_tracer("theirs").start_span("inside").end()
    bodies = await watcher.ended(job.id)
    ran = spans.named("encode")
    assert parent_of(ran) == place_of(spans.named("mine"))
    assert parent_of(spans.named("inside")) == place_of(ran)
    assert set(traces_of(bodies[1:])) == {place_of(ran)}
    assert "job_id" not in ids_here()
