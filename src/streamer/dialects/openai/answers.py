"""The addresses of a conversation's answers, as responses: with them as a ``base_url``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.types import ASGIApp

from ...api.answers import answers_of
from ...api.asker import asker_of, let_in_to_api
from ...api.may import may_publish, may_read
from ...api.routes import RoutesOfEach
from ...api.streams.followed import Followed, Retold
from ...api.streams.told_answers import follow, said
from ...chats.answer_reading import AnswerReading
from ...chats.answers import answer_named
from ...config.server_url import API
from ...errors import InvalidParameter, NotFound
from ...eventlog.base import EventLog
from ...events.answer_fold import AnswerFold
from ...events.cursor import ORIGIN
from ...events.topic import chat_topic
from ...jobs.submit import unknown_answer
from ...wire.sse import HEARTBEAT
from .answer_frames import AnswerFrames, is_of_attempt, response_of, void_of
from .documentation import ProxyOperation, ReadResponseOperation
from .frames import sse
from .problems import PROBLEMS
from .requests import RESPONSE, read_after, wants_stream

#: Seconds that a stream may take: an answer's own, over all attempts, and a wait for a worker.
_STREAM_SECONDS: Final = 7200.0
_TAGS: Final = ["openai"]

Asked = Request[Any, Any, Any]


@get(
    "/responses/{answer:str}",
    tags=_TAGS,
    opt=RESPONSE,
    operation_class=ReadResponseOperation,
    summary="An answer as a response, or its stream",
)
async def get_answer(request: Asked, answer: FromPath[str]) -> ASGIApp:
    """Return an answer of a conversation as it is now, or, with `stream=true`, its frames.

    Those after the one with the number `starting_after`; else from the first.
    """
    topic = chat_topic(request.path_params["chat_id"])
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), (topic,), log)
    found = await answer_named(log, topic, answer, ORIGIN)
    if found.answer is None:
        raise unknown_answer(answer)
    if not found.answer.has_beginning or found.answer.parts() is None:
        raise NotFound("some of the answer is not kept any longer")
    if not wants_stream(request.query_params.get("stream")):
        return _json(found.answer)
    after = read_after(
        request.query_params.get("starting_after"), request.headers.get("last-event-id")
    )
    if after >= 0 and not is_of_attempt(after, found.answer.attempt):
        raise InvalidParameter(
            f"{after} is of an attempt that failed, and what it said is void; read the stream "
            "from its beginning, without starting_after"
        )
    followed = await follow(request, topic, found.position)
    frames = _frames(followed, AnswerReading(found.answer), after)
    return Retold(followed, frames, seconds=_STREAM_SECONDS)


@post(
    "/responses/{answer:str}/cancel",
    status_code=200,
    tags=_TAGS,
    operation_class=ProxyOperation,
    summary="Stop an answer",
)
async def cancel_answer(request: Asked, answer: FromPath[str]) -> ASGIApp:
    """Stop an answer while it is said; what was said of it is kept. May be repeated."""
    chat = request.path_params["chat_id"]
    topic = chat_topic(chat)
    may_publish(asker_of(request), (topic,))
    await answers_of(request).stop(chat, answer)
    found = await answer_named(request.app.state.log, topic, answer, ORIGIN)
    return _json(found.answer or AnswerFold(answer))


async def _frames(followed: Followed, reading: AnswerReading, after: int) -> AsyncIterator[bytes]:
    told, last = AnswerFrames(reading, after=after), after
    ready = list(told.begin())
    async for more, bodies in said(followed, reading):
        if more.was_reset:
            yield sse(void_of(last + 1))
            return
        ready += told.say(more.bits)
        if ready or not bodies:
            yield b"".join(map(sse, ready)) or HEARTBEAT
        last = max([last, *(frame.number for frame in ready)])
        ready = []
    yield b"".join(map(sse, told.end()))


def _json(answer: AnswerFold) -> ASGIApp:
    return Response(  # type: ignore[return-value]
        msgspec.json.encode(response_of(answer)),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


ANSWER_ROUTES: Final = (
    RoutesOfEach(
        f"{API}/openai/v1/chats/{{chat_id:str}}",
        route_handlers=[get_answer, cancel_answer],
        before_request=let_in_to_api,
        exception_handlers=PROBLEMS,
    ),
)
