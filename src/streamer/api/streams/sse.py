"""Streams as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import anyio
from litestar import Request, Response, route
from litestar.enums import HttpMethod
from litestar.status_codes import HTTP_503_SERVICE_UNAVAILABLE
from litestar.types import ASGIApp, ExceptionHandlersMap, Message, Receive, Scope, Send
from sse_starlette import EventSourceResponse

from ...config.settings import Settings
from ...errors import StreamerError
from ...hub.attach import Attach, Enter, Finished, Gone
from ...hub.hub import Hub
from ...hub.writer import OfferedWriter, offered_writer
from ...wire import sse
from ...wire.coded import whole
from ...wire.form import encode
from ..asker import asker_of
from ..codings import accepted_by
from ..documentation import StreamOperation
from ..front import PLAIN, PROMPT
from ..may import may_read
from ..problems import streamer_problem
from ..query import STREAM, STREAM_OF_TOPICS
from ..quota_fields import full_fields
from ..quota_fields import headers_of as quota_headers
from ..refusals import note_refusal
from ..stream_request import headers_of, of_job, of_project, of_query, read_attach
from .portable import PortableWriter
from .sse_forms import SseForms, forms_for

_METHODS: Final = [HttpMethod.GET, HttpMethod.HEAD]
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
    opt=STREAM | PLAIN | {PROMPT: of_project},
    tags=["streams"],
)
async def stream_project(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a project as they are published, and before that what was missed."""
    return await serve_stream(request, of_project(request.path_params))


@route(
    "/jobs/{job_id:str}/stream",
    http_method=_METHODS,
    operation_class=StreamOperation,
    exception_handlers=PROBLEMS,
    summary="Stream one job",
    opt=STREAM | PLAIN | {PROMPT: of_job},
    tags=["streams"],
)
async def stream_job(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a job; the stream ends after its terminal event."""
    return await serve_stream(request, of_job(request.path_params))


@route(
    "/stream",
    http_method=_METHODS,
    operation_class=StreamOperation,
    exception_handlers=PROBLEMS,
    summary="Stream several topics",
    opt=STREAM_OF_TOPICS | PLAIN | {PROMPT: of_query},
    tags=["streams"],
)
async def stream_topics(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of every ``?topic=``, in the order of ids, with one cursor for all."""
    most = request.app.state.settings.max_topics
    return await serve_stream(request, of_query(request.path_params, request.query_params, most))


SSE_HANDLERS = (stream_project, stream_job, stream_topics)


async def serve_stream(
    request: Request[Any, Any, Any], topics: tuple[str, ...], *, enter: Enter | None = None
) -> ASGIApp:
    """Serve events of `topics`, as the request asks for them, if it may read each.

    `enter` is as in `Attach`.
    """
    settings: Settings = request.app.state.settings
    query = request.query_params
    headers = headers_of(request)
    asker = asker_of(request)
    attach = read_attach(
        topics,
        query,
        headers,
        heartbeat=settings.heartbeat,
        asker=asker,
        unread=request.app.state.log.rules.current.unread,
        transport="sse",
        root_path=request.scope.get("root_path", ""),
        enter=enter,
    )
    await may_read(asker, topics, request.app.state.log)
    is_open = request.app.state.is_open
    forms = forms_for(accepted_by(request.scope), query, settings.compression, is_open=is_open)
    if request.method == HttpMethod.HEAD:
        return _Head(forms)
    return await open_stream(request, attach, forms)


async def open_stream(request: Request[Any, Any, Any], attach: Attach, forms: SseForms) -> ASGIApp:
    """Answer with a stream of what `attach` asks for; whether it may be read was asked before.

    Raises:
        StreamerError: as `Hub.attach`, where nothing was sent yet.
    """
    state = request.app.state
    high_water = state.settings.high_water
    offered = None if state.is_proxied else offered_writer(request.scope)  # type: ignore[arg-type]
    stream: _FastStream | _PortableStream
    if offered is not None:
        # An older client knows no chunks.
        is_chunked = request.scope["http_version"] == "1.1"
        offered.open(forms.chunked if is_chunked else forms.plain, high_water)
        stream = _FastStream(offered, request, attach, forms)
    else:
        stream = _portable(request, forms)
    try:
        await state.hub.attach(attach, stream.writer)
    except Gone:
        return Response(b"", status_code=204)  # type: ignore[return-value]  # to nobody
    except Finished:
        # An EventSource stops at "204 No Content" (WHATWG HTML 9.2.3).
        return Response(b"", status_code=204)  # type: ignore[return-value]
    return stream


class _Head:
    """What a stream says before it begins; not its length, for it has none."""

    def __init__(self, forms: SseForms) -> None:
        self._forms: Final = forms

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [*self._forms.head]  # a list of its own: middleware adds to it
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _FastStream:
    """The fast path: the head through ASGI, everything after it from the hub."""

    def __init__(
        self,
        writer: OfferedWriter,
        request: Request[Any, Any, Any],
        attach: Attach,
        forms: SseForms,
    ) -> None:
        self.writer = writer
        self._request: Final = request
        self._attach: Final = attach
        self._forms: Final = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A list of its own: middleware adds what is for this one client alone.
        headers = [*self._forms.head]
        self.writer.frame()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if not self.writer.start():
            await self._go_round(scope, receive, send)

    async def _go_round(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Continue on the portable path: the host has middleware that passes answers on.

        It is known by what it does with the first stream; those that follow are not tried.
        """
        state = self._request.app.state
        state.is_proxied = True
        hub: Hub = state.hub
        portable = _portable(self._request, self._forms)
        # Nothing has been sent: it begins anew, before it ends, so that it was never away.
        first = self.writer.taker
        last: bytes | None = b""
        try:
            await hub.attach(self._attach, portable.writer)
        except StreamerError as error:
            if self._attach.story is not None:  # an end would be taken for the story's
                raise
            last = whole(self._forms.plain, [hub.reconnect_control(error)])
        except (Gone, Finished):
            pass
        else:
            last = None
        finally:
            if first is not None:
                first.gone()
            self.writer.withdraw()
        if last is None:
            await portable(scope, receive, _without_head(send))
        else:
            await send({"type": "http.response.body", "body": last, "more_body": False})


def _portable(request: Request[Any, Any, Any], forms: SseForms) -> _PortableStream:
    state = request.app.state
    writer = PortableWriter(forms.plain, high_water=state.settings.high_water)
    return _PortableStream(writer, state.hub, forms)


def _without_head(send: Send) -> Send:
    """What sends all of an answer but its head, which was sent."""

    async def rest(message: Message) -> None:
        if message["type"] != "http.response.start":
            await send(message)

    return rest


class StreamCut(Exception):
    """The connection is cut on purpose: its client comes back, and loses nothing."""


class _PortableStream:
    """The portable path: an `EventSourceResponse` of bytes that are encoded already.

    One that is cut raises: only so does every server, and every middleware, cut the
    connection, and write no end of the answer.
    """

    def __init__(self, writer: PortableWriter, hub: Hub, forms: SseForms) -> None:
        self.writer = writer
        self._hub = hub
        self._forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.writer.was_cut:
            raise StreamCut
        stopping = anyio.Event()

        async def drain() -> None:
            await stopping.wait()
            self._hub.start_drain()

        response = EventSourceResponse(
            self._buffers(),
            headers=self._forms.headers,
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
        if self.writer.was_cut:
            raise StreamCut

    async def _buffers(self) -> AsyncIterator[bytes]:
        """What the hub writes, until it closes the stream; one that is cut has no end."""
        async for buffer in self.writer.buffers():
            yield buffer
        if self.writer.was_cut:
            await asyncio.get_running_loop().create_future()  # until cancelled
