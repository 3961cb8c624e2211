"""The addresses below ``/api/v1/openai/v1``: for whoever has it as a ``base_url``."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.types import ASGIApp

from ...api.asker import asker_of, let_in_to_api
from ...api.jobs import provide_jobs
from ...api.may import may_publish, may_read
from ...api.publish import key_of
from ...api.routes import RoutesOfEach
from ...api.streams.followed import CutShort, Followed, Retold
from ...api.too_often import HowOften
from ...config.ai import BUILTIN, NOBODY
from ...config.server_url import API
from ...config.settings import Settings
from ...errors import Draining, InvalidParameter, NotFound, RequestTimeout
from ...events.cursor import ORIGIN
from ...hub.attach import Attach
from ...jobs.recording.frames import COMPLETIONS, RESPONSES, Of
from ...jobs.recording.recording import TOTAL_SECONDS, Recording
from ...jobs.recording.recordings import Named, Recordings
from .documentation import (
    CreateOperation,
    ProxyOperation,
    ReadOperation,
    ReadResponseOperation,
)
from .frames import response_of
from .passing import Passing
from .playing import Playing
from .problems import PROBLEMS, nobody, refused
from .requests import MAX_BODY, RESPONSE, Wanted, read_after, wants_stream

#: What comes before the paths that a client of OpenAI's API asks for.
BASE: Final = f"{API}/openai/v1"
#: Seconds that a client waits for the status of its answer: proxies cut those that have had
#: nothing for a minute. Whatever comes later is said in the stream.
_FIRST_SECONDS: Final = 20.0
#: Seconds that a stream may take: a recording's own, and a wait for a worker.
_STREAM_SECONDS: Final = 2.0 * TOTAL_SECONDS
#: Seconds in which a recording is seen to end that was cancelled.
_CANCEL_SECONDS: Final = 5.0
_OK: Final = 200
_TAGS: Final = ["openai"]

Asked = Request[Any, Any, Any]


@post(
    "/responses",
    status_code=_OK,
    request_max_body_size=MAX_BODY,
    tags=_TAGS,
    operation_class=CreateOperation,
    summary="Create a response, recorded",
)
async def create_response(request: Asked) -> ASGIApp:
    """Have the AI server create a response, and record it.

    A worker asks, so that it goes on whatever becomes of this request and of this server.
    With `"store": false` nothing is recorded: the request is passed on.
    """
    wanted = Wanted(await request.body())
    if not wanted.is_stored:
        if wanted.is_background:
            raise InvalidParameter("a response in the background must be stored")
        return await _pass_on(request, RESPONSES)
    playing = await _record(request, RESPONSES, wanted)
    if wanted.streams:
        return await _stream(playing)
    return await _respond(playing, at_once=wanted.is_background)


@get(
    "/responses/{response_id:str}",
    tags=_TAGS,
    operation_class=ReadResponseOperation,
    summary="A recorded response, or its stream",
    opt=RESPONSE,
)
async def get_response(request: Asked, response_id: FromPath[str]) -> ASGIApp:
    """Return a response as it is now, or, with `stream=true`, its frames.

    Those after the one with the number `starting_after`, as long as they are kept, also
    while more of them come; else from the first.
    """
    named = Named.known(RESPONSES, response_id)
    await may_read(asker_of(request), (named.topic,), request.app.state.log)
    recordings = recordings_of(request.app.state)
    if not wants_stream(request.query_params.get("stream")):
        return await _state(recordings, named)
    return await _stream_again(request, recordings, named)


@post(
    "/responses/{response_id:str}/cancel",
    status_code=_OK,
    tags=_TAGS,
    operation_class=ProxyOperation,
    summary="Cancel a response",
)
async def cancel_response(request: Asked, response_id: FromPath[str]) -> ASGIApp:
    """Have the worker leave the AI server; what it has said is kept. May be repeated."""
    named = Named.known(RESPONSES, response_id)
    may_publish(asker_of(request), (named.topic,))
    recordings = recordings_of(request.app.state)
    await recordings.cancel(named)
    playing = await _play(request, recordings, named)
    try:
        # If its worker does not answer by then, it is cancelled when it does.
        with contextlib.suppress(TimeoutError, CutShort):
            await playing.wait_for_end(_CANCEL_SECONDS)
    finally:
        playing.end()
    return _json(playing.response())


@post(
    "/chat/completions",
    status_code=_OK,
    request_max_body_size=MAX_BODY,
    tags=_TAGS,
    operation_class=CreateOperation,
    summary="Create a chat completion, recorded if it streams",
)
async def create_completion(request: Asked) -> ASGIApp:
    """Have the AI server complete a chat.

    With `"stream": true` a worker asks, and each chunk is recorded; the chunks' `id` is where
    they are to be had again. Without, the request is passed on.
    """
    wanted = Wanted(await request.body())
    if not wanted.streams:
        return await _pass_on(request, COMPLETIONS)
    return await _stream(await _record(request, COMPLETIONS, wanted))


@get(
    "/chat/completions/{completion_id:str}",
    tags=_TAGS,
    operation_class=ReadOperation,
    summary="The stream of a recorded chat completion",
)
async def get_completion(request: Asked, completion_id: FromPath[str]) -> ASGIApp:
    """Stream the chunks of a completion, from the one after `Last-Event-ID` on."""
    named = Named.known(COMPLETIONS, completion_id)
    await may_read(asker_of(request), (named.topic,), request.app.state.log)
    return await _stream_again(request, recordings_of(request.app.state), named)


def recordings_of(state: State) -> Recordings:
    """The application's one `Recordings`, made when it is first wanted."""
    if "recordings" not in state:

        def jobs() -> Any:  # noqa: ANN401 - the framework's own state is untyped
            return provide_jobs(state, state.settings, state.log, state.publisher)

        state["recordings"] = Recordings(jobs, state.log, state.publisher)
    found: Recordings = state["recordings"]
    return found


async def _record(request: Asked, of: Of, wanted: Wanted) -> Playing:
    """Have a worker record what is wanted; return what reads it."""
    state = request.app.state
    settings: Settings = state.settings
    _url_of(settings)
    often: HowOften = state.job_rate
    often.count(request)
    asker = asker_of(request)
    named = Named.new(of, key_of(asker, request.headers.get("idempotency-key")))
    may_publish(asker, (named.topic,))
    recordings = recordings_of(state)
    previous = None
    if of == RESPONSES and wanted.previous.startswith("resp_"):
        previous = await _upstream_of(request, recordings, wanted.previous)
    asked = Recording(
        of,
        named.topic,
        named.name,
        wanted.body(model=settings.ai_model, previous=previous),
        wanted.model or settings.ai_model,
        wanted.is_background,
    )
    # First: who is refused here has asked for nothing.
    playing = await _play(request, recordings, named)
    try:
        await recordings.ask(asked, named)
    except BaseException:
        playing.end()
        raise
    return playing


async def _upstream_of(request: Asked, recordings: Recordings, name: str) -> str | None:
    """The AI server's own name of a response that we recorded; None if it is none of ours."""
    try:
        named = Named.known(RESPONSES, name)
        await may_read(asker_of(request), (named.topic,), request.app.state.log)
        return (await recordings.state(named)).upstream
    except NotFound:
        return None


async def _play(
    request: Asked, recordings: Recordings, named: Named, *, after: int = -1
) -> Playing:
    state, asker = request.app.state, asker_of(request)
    followed = Followed(state.hub, high_water=state.settings.high_water)
    playing = Playing(recordings, followed, named, after=after)
    await playing.begin(
        Attach(
            playing.topics(named),
            start=ORIGIN,
            heartbeat=max(1, round(state.settings.heartbeat)),
            client=asker.client,
            subject=asker.subject,
            credential=asker.credential,
            expires=asker.grants.expires,
            transport="sse",
        )
    )
    return playing


async def _stream_again(request: Asked, recordings: Recordings, named: Named) -> ASGIApp:
    after = read_after(
        request.query_params.get("starting_after"), request.headers.get("last-event-id")
    )
    await recordings.check(named)
    return await _stream(await _play(request, recordings, named, after=after))


async def _stream(playing: Playing) -> ASGIApp:
    """The stream, once it is known that there is one; else the refusal."""
    await _first(playing)
    if playing.played.refusal is not None:
        playing.end()
        return refused(playing.played.refusal, playing.named.of)  # type: ignore[return-value]
    return Retold(playing.followed, playing.frames(), seconds=_STREAM_SECONDS)


async def _respond(playing: Playing, *, at_once: bool) -> ASGIApp:
    """The response: as it is at first, or once it is over."""
    try:
        await _first(playing)
        if not at_once:
            await playing.wait_for_end(_STREAM_SECONDS)
    except TimeoutError as error:
        raise RequestTimeout(f"{playing.named.name} is not over yet; ask for it") from error
    except CutShort as error:
        raise Draining("the server is restarting; ask for the response again") from error
    finally:
        playing.end()
    if playing.played.refusal is not None:
        return refused(playing.played.refusal, playing.named.of)  # type: ignore[return-value]
    return _json(playing.response())


async def _first(playing: Playing) -> None:
    try:
        await playing.wait_for_first(_FIRST_SECONDS)
    except CutShort as error:
        playing.end()
        raise Draining("the server is restarting; ask again") from error
    except BaseException:
        playing.end()
        raise


async def _state(recordings: Recordings, named: Named) -> ASGIApp:
    state = await recordings.state(named)
    if state.refusal is not None:
        return refused(state.refusal, named.of)  # type: ignore[return-value]
    return _json(response_of(state, named.name))


async def _pass_on(request: Asked, of: Of) -> ASGIApp:
    state = request.app.state
    often: HowOften = state.job_rate
    often.count(request)
    url = _url_of(state.settings)
    may_publish(asker_of(request), (Named.new(of, None).topic,))
    if "passing" not in state:
        state["passing"] = Passing()
    passing: Passing = state["passing"]
    return passing.on(f"{url}/{of}", await request.body(), state.settings.ai_key, of)


def _url_of(settings: Settings) -> str:
    url = settings.ai_url
    if url in (None, NOBODY, BUILTIN):
        raise nobody()
    return (url or "").rstrip("/")


def _json(response: dict[str, Any]) -> ASGIApp:
    return Response(  # type: ignore[return-value]
        msgspec.json.encode(response),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


PROXY_ROUTES: Final = (
    RoutesOfEach(
        BASE,
        route_handlers=[
            create_response,
            get_response,
            cancel_response,
            create_completion,
            get_completion,
        ],
        before_request=let_in_to_api,
        exception_handlers=PROBLEMS,
    ),
)
