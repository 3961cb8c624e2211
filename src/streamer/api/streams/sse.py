"""Streams as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import anyio
from litestar import Request, Response, route
from litestar.enums import HttpMethod
from litestar.status_codes import HTTP_503_SERVICE_UNAVAILABLE
from litestar.types import ASGIApp, ExceptionHandlersMap, Receive, Scope, Send
from sse_starlette import EventSourceResponse

from ...config.settings import Settings
from ...errors import StreamerError
from ...events.topic import job_topic, project_topic
from ...hub.attach import Finished, Gone
from ...hub.hub import Hub
from ...hub.writer import OfferedWriter, offered_writer
from ...wire import sse
from ...wire.form import encode
from ..asker import asker_of
from ..documentation import StreamOperation
from ..may import may_read
from ..problems import streamer_problem
from ..query import STREAM, STREAM_OF_TOPICS
from ..quota_fields import full_fields
from ..quota_fields import headers_of as quota_headers
from ..refusals import note_refusal
from ..stream_request import (
    headers_of,
    read_attach,
    read_topics,
    reads_messages,
)
from .portable import PortableWriter

_METHODS: Final = [HttpMethod.GET, HttpMethod.HEAD]
_RAW_HEADERS: Final = [
    (name.lower().encode("ascii"), value.encode("ascii")) for name, value in sse.HEADERS.items()
]
#: Seconds that a drain may take, at most; the server has its own limit.
MAX_DRAIN: Final = 3600.0


def _problem(request: Request[Any, Any, Any], error: StreamerError) -> Response[bytes]:
    """Answer an error; never with 503, after which an EventSource does not come back.

    Say when to come back, and end.
    """
    if error.outcome.status != HTTP_503_SERVICE_UNAVAILABLE:
        return streamer_problem(request, error)
    note_refusal(request, error)
    hub: Hub = request.app.state.hub
    form = sse.UNNAMED if request.query_params.get("events") == "message" else sse.NAMED
    reconnect = encode(form, [hub.reconnect_control(error)])
    headers = {**sse.HEADERS, **quota_headers(full_fields(error))}
    return Response(reconnect, headers=headers, media_type=sse.HEADERS["Content-Type"])


#: What an address of a stream does with its errors.
PROBLEMS: Final[ExceptionHandlersMap] = {StreamerError: _problem}


@route(
    ["/projects/{project_id:str}/stream", "/ws/projects/{project_id:str}/stream"],
    http_method=_METHODS,
    operation_class=StreamOperation,
    exception_handlers=PROBLEMS,
    summary="Stream one project",
    opt=STREAM,
    tags=["streams"],
)
async def stream_project(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a project as they are published, and before that what was missed."""
    return await serve_stream(request, (project_topic(request.path_params["project_id"]),))


@route(
    "/jobs/{job_id:str}/stream",
    http_method=_METHODS,
    operation_class=StreamOperation,
    exception_handlers=PROBLEMS,
    summary="Stream one job",
    opt=STREAM,
    tags=["streams"],
)
async def stream_job(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a job; the stream ends after its terminal event."""
    return await serve_stream(request, (job_topic(request.path_params["job_id"]),))


@route(
    "/stream",
    http_method=_METHODS,
    operation_class=StreamOperation,
    exception_handlers=PROBLEMS,
    summary="Stream several topics",
    opt=STREAM_OF_TOPICS,
    tags=["streams"],
)
async def stream_topics(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of every ``?topic=``, in the order of ids, with one cursor for all."""
    return await serve_stream(
        request, read_topics(request.query_params, request.app.state.settings.max_topics)
    )


SSE_HANDLERS = (stream_project, stream_job, stream_topics)


async def serve_stream(request: Request[Any, Any, Any], topics: tuple[str, ...]) -> ASGIApp:
    """Serve events of `topics`, as the request asks for them, if it may read each."""
    settings: Settings = request.app.state.settings
    hub: Hub = request.app.state.hub
    query = request.query_params
    headers = headers_of(request)
    asker = asker_of(request)
    attach = read_attach(
        topics,
        query,
        headers,
        heartbeat=settings.heartbeat,
        asker=asker,
        unread=request.app.state.unread,
        transport="sse",
        root_path=request.scope.get("root_path", ""),
    )
    await may_read(asker, topics, request.app.state.log)
    if request.method == HttpMethod.HEAD:
        return Response(b"", headers=sse.HEADERS, media_type=sse.HEADERS["Content-Type"])  # type: ignore[return-value]
    unnamed = reads_messages(query)
    offered = offered_writer(request.scope)  # type: ignore[arg-type]
    stream: _FastStream | _PortableStream
    form = sse.UNNAMED if unnamed else sse.NAMED
    if offered is not None:
        if request.scope["http_version"] == "1.1":  # an older client knows no chunks
            form = sse.UNNAMED_CHUNKED if unnamed else sse.NAMED_CHUNKED
        offered.open(form, settings.high_water)
        stream = _FastStream(offered)
    else:
        stream = _PortableStream(PortableWriter(form, high_water=settings.high_water), hub)
    try:
        await hub.attach(attach, stream.writer)
    except Gone:
        return Response(b"", status_code=204)  # type: ignore[return-value]  # to nobody
    except Finished:
        # An EventSource stops at "204 No Content" (WHATWG HTML 9.2.3).
        return Response(b"", status_code=204)  # type: ignore[return-value]
    return stream


class _FastStream:
    """The fast path: the head through ASGI, everything after it from the hub."""

    def __init__(self, writer: OfferedWriter) -> None:
        self.writer = writer

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        # A list of its own: middleware adds what is for this one client alone.
        headers = list(_RAW_HEADERS)
        self.writer.frame()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.writer.start()


class _PortableStream:
    """The portable path: an `EventSourceResponse` of bytes that are encoded already."""

    def __init__(self, writer: PortableWriter, hub: Hub) -> None:
        self.writer = writer
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stopping = anyio.Event()

        async def drain() -> None:
            await stopping.wait()
            self._hub.start_drain()

        response = EventSourceResponse(
            self.writer.buffers(),
            headers=sse.HEADERS,
            ping=0,  # heartbeats are the hub's, one wheel for all readers
            sep="\n",
            data_sender_callable=drain,
            shutdown_event=stopping,
            # The drain ends every stream by itself; until then nothing is cut.
            shutdown_grace_period=MAX_DRAIN,
        )
        # Each connection's own, which the server says: HTTP/2 has no such header.
        del response.headers["connection"]
        task = asyncio.current_task()
        if task is not None:
            self.writer.on_abort(task.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await response(scope, receive, send)  # type: ignore[arg-type]
        finally:
            self.writer.lose()
