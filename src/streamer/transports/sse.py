"""Streams as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from litestar import Request, Response, route
from litestar.enums import HttpMethod
from litestar.types import ASGIApp, Receive, Scope, Send
from sse_starlette import EventSourceResponse

from ..hub import Finished, Hub
from ..reader import Reader
from ..settings import Settings
from ..topic import job_topic, project_topic
from ..wire import sse
from .documentation import StreamOperation
from .portable import PortableWriter
from .stream_request import read_attach, read_topics, reads_messages

_METHODS = [HttpMethod.GET, HttpMethod.HEAD]


@route(
    ["/api/v1/projects/{project_id:str}/stream", "/api/v1/ws/projects/{project_id:str}/stream"],
    http_method=_METHODS,
    operation_class=StreamOperation,
    summary="Stream one project",
    tags=["streams"],
)
async def stream_project(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a project as they are published, and before that what was missed."""
    return await _stream(request, (project_topic(request.path_params["project_id"]),))


@route(
    "/api/v1/jobs/{job_id:str}/stream",
    http_method=_METHODS,
    operation_class=StreamOperation,
    summary="Stream one job",
    tags=["streams"],
)
async def stream_job(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a job; the stream ends after its terminal event."""
    return await _stream(request, (job_topic(request.path_params["job_id"]),), is_job=True)


@route(
    "/api/v1/stream",
    http_method=_METHODS,
    operation_class=StreamOperation,
    summary="Stream several topics",
    tags=["streams"],
)
async def stream_topics(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of every ``?topic=``, in the order of ids, with one cursor for all."""
    return await _stream(request, read_topics(request.query_params))


SSE_HANDLERS = (stream_project, stream_job, stream_topics)


async def _stream(
    request: Request[Any, Any, Any], topics: tuple[str, ...], *, is_job: bool = False
) -> ASGIApp:
    settings: Settings = request.app.state.settings
    hub: Hub = request.app.state.hub
    query = request.query_params
    attach = read_attach(
        topics, query, request.headers, heartbeat=settings.heartbeat, is_job=is_job
    )
    form = sse.UNNAMED if reads_messages(query) else sse.NAMED
    if request.method == HttpMethod.HEAD:
        return Response(b"", headers=sse.HEADERS, media_type=sse.HEADERS["Content-Type"])  # type: ignore[return-value]
    writer = PortableWriter(form, high_water=settings.high_water)
    try:
        reader = await hub.attach(attach, writer)
    except Finished:
        # "204 No Content" tells an EventSource to stop (WHATWG HTML 9.2.3).
        return Response(b"", status_code=204)  # type: ignore[return-value]
    return _Stream(reader, writer)


class _Stream:
    """The portable path: an `EventSourceResponse` of bytes that are encoded already."""

    def __init__(self, reader: Reader, writer: PortableWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = EventSourceResponse(
            self._writer.buffers(),
            headers=sse.HEADERS,
            ping=0,  # heartbeats are the hub's, one wheel for all readers
            sep="\n",
            shutdown_event=None,
            # A drain ends every stream by itself; until then nothing is cut.
            shutdown_grace_period=3600,
        )
        task = asyncio.current_task()
        if task is not None:
            self._writer.on_abort(task.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await response(scope, receive, send)  # type: ignore[arg-type]
        finally:
            self._reader.gone()


