"""Polling: pages of events, and snapshots, for clients that cannot hold a stream."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.types import ASGIApp

from ..errors import Forbidden
from ..eventlog.base import EventLog
from ..events.snapshot_size import Budget
from ..events.topic import check_topic, job_of, job_topic, project_topic
from ..hub.attach import Attach
from ..hub.hub import Hub
from ..jobs.submit import unknown_job
from .asker import asker_of
from .documentation import PollOperation
from .may import may_read, may_see
from .methods import is_head
from .poll_answer import PollAnswer
from .query import POLL, POLL_OF_TOPICS, READER, STATUS_OF_TOPIC
from .reader_cursors import reading_of
from .reader_documentation import ReaderOperation
from .refusals import note_denial
from .stream_request import read_poll, read_rate, read_topics


@get(
    "/projects/{project_id:str}/events",
    operation_class=PollOperation,
    summary="Poll one project",
    opt=POLL,
    tags=["polling"],
)
async def poll_project(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> ASGIApp:
    """One page of a project's events after a cursor; waits for one if asked to."""
    return await _poll(request, hub, (project_topic(request.path_params["project_id"]),))


@get(
    "/jobs/{job_id:str}/events",
    operation_class=PollOperation,
    summary="Poll one job",
    opt=POLL,
    tags=["polling"],
)
async def poll_job(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> ASGIApp:
    """One page of a job's events after a cursor; waits for one if asked to."""
    return await _poll(request, hub, (job_topic(request.path_params["job_id"]),))


@get(
    "/events",
    operation_class=PollOperation,
    summary="Poll several topics",
    opt=POLL_OF_TOPICS,
    tags=["polling"],
)
async def poll_topics(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> ASGIApp:
    """One page of the events of every ``?topic=``, in the order of ids."""
    most = request.app.state.settings.max_topics
    return await _poll(request, hub, read_topics(request.query_params, most))


@get(
    "/projects/{project_id:str}/status",
    operation_class=ReaderOperation,
    summary="Last known state of a project",
    opt=READER,
    tags=["polling"],
)
async def project_status(
    request: Request[Any, Any, Any], log: NamedDependency[EventLog]
) -> dict[str, Any]:
    """The snapshot of a project; poll its events from `cursor` on."""
    project_id = request.path_params["project_id"]
    return {"project_id": project_id, **await _snapshot(request, log, project_topic(project_id))}


@get(
    "/jobs/{job_id:str}/status",
    operation_class=ReaderOperation,
    summary="Last known state of a job",
    opt=READER,
    tags=["polling"],
)
async def job_status(
    request: Request[Any, Any, Any], log: NamedDependency[EventLog]
) -> dict[str, Any]:
    """The snapshot of a job; poll its events from `cursor` on."""
    job_id = request.path_params["job_id"]
    return {"job_id": job_id, **await _snapshot(request, log, job_topic(job_id))}


@get(
    "/status",
    summary="Last known state of any topic",
    opt=STATUS_OF_TOPIC,
    tags=["polling"],
    operation_class=ReaderOperation,
)
async def topic_status(
    request: Request[Any, Any, Any], log: NamedDependency[EventLog], topic: FromQuery[str]
) -> dict[str, Any]:
    """The snapshot of ``?topic=``; poll its events from `cursor` on."""
    return {"topic": topic, **await _snapshot(request, log, check_topic(topic))}


POLL_HANDLERS = (poll_project, poll_job, poll_topics, project_status, job_status, topic_status)


async def _poll(request: Request[Any, Any, Any], hub: Hub, topics: tuple[str, ...]) -> ASGIApp:
    asker = asker_of(request)
    attach = Attach(
        topics,
        client=asker.client,
        subject=asker.subject,
        credential=asker.credential,
        expires=asker.grants.expires,
        rate=read_rate(request.query_params),
        transport="poll",
    )
    timeout = request.app.state.settings.send_timeout
    after, limit, wait = read_poll(request.query_params)
    await may_read(asker, topics, request.app.state.log)
    if is_head(request.scope):
        wait = 0.0
    return PollAnswer(hub, attach, after, limit, wait, send_timeout=timeout)


async def _snapshot(request: Request[Any, Any, Any], log: EventLog, topic: str) -> dict[str, Any]:
    """The fields of a topic's snapshot, and how far whoever asks has read it.

    Raises:
        Forbidden: it may not be read.
        NotFound: the same of a job. What it is of is in the snapshot, which is read
            whether there is one or not.
    """
    asker = asker_of(request)
    job_id = job_of(topic)
    if job_id is None:
        await may_read(asker, (topic,), log)
    snapshot = (await log.snapshots([topic]))[topic]
    if job_id is not None and not may_see(asker, topic, snapshot.project):
        note_denial(request.scope, Forbidden(f"you may not read {topic}"))
        raise unknown_job(job_id)
    reading = await reading_of(request, topic)
    return {**Budget(1).fit(snapshot.to_fields()), **reading}
