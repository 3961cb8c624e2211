"""The addresses of the AI SDK's face of a conversation: post and answer, resume, stop."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.types import ASGIApp

from ...access.grants import EVERYTHING
from ...api.answers import answers_of, may_ask
from ...api.asker import asker_of, let_in_to_api
from ...api.chats import say
from ...api.jobs import OVER
from ...api.may import may_publish, may_read
from ...api.publish import key_of
from ...api.query import SPEAKER
from ...api.speaker import speaker_of
from ...api.streams.sse import open_stream
from ...api.streams.sse_forms import SseForms
from ...api.too_often import HowOften
from ...chats.answer_story import AnswerStory
from ...chats.answers import Found, answer_named, last_answer
from ...chats.last_message import key_of_message
from ...config.server_url import API
from ...errors import HttpTooOld, InvalidFields, NotFound
from ...eventlog.base import EventLog
from ...events.answer_fold import AnswerFold
from ...events.cursor import Cursor
from ...events.topic import chat_topic
from ...hub.attach import Attach
from ...jobs.chat_answer.asking import Answers, answer_to
from .body import Body, message_of, read_body
from .documentation import AnswerOperation, ResumeOperation, StopOperation
from .forms import CHUNKED, HEADERS, PLAIN, replay_of

_FORMS: Final = SseForms(PLAIN, CHUNKED, HEADERS)
#: Bytes of what a client posts: all the messages that it has, of which the last is read.
_MAX_BODY: Final = 8 * 1024 * 1024
#: Seconds after which an answer of which nothing more is heard is not waited for: it has failed.
_SILENT_SECONDS: Final = 3600
#: Seconds for which one that is over is still told to whoever resumes, from when it was heard
#: last: a client that was cut before the end, in a tab that sleeps over night, would take 204
#: for the end, and what it has for the whole.
_REPLAY_SECONDS: Final = 86_400


@post(
    [f"{API}/ai/chats", f"{API}/ai/chats/{{chat_id:str}}"],
    before_request=let_in_to_api,
    operation_class=AnswerOperation,
    opt=SPEAKER,
    request_max_body_size=_MAX_BODY,
    status_code=200,
    summary="Say something, and stream the answer to an AI SDK",
    tags=["ai"],
)
async def post_and_answer(request: Request[Any, Any, Any]) -> ASGIApp:
    """The last message is said in the conversation, and its answer is the stream."""
    state = request.app.state
    often: HowOften = state.publish_rate
    often.count(request)  # unread
    _refuse_if_old(request)
    body = read_body(await request.body())
    chat, topic = _chat_of(request, body.id)
    asker = asker_of(request)
    answers = await may_ask(request, topic)
    if body.trigger == "regenerate-message":
        answer, after = await _ask_again(state.log, answers, chat, body)
    else:
        message = body.last()
        named = key_of_message(message.id, message.parts)
        key = key_of(asker, request.headers.get("idempotency-key") or named)
        after = await say(state, topic, speaker_of(request), message_of(message), key)
        answer = answer_to(chat, str(after))
    found = await answer_named(state.log, topic, answer, after)
    return await _stream(request, topic, answer, found)


@get(
    f"{API}/ai/chats/{{chat_id:str}}/stream",
    before_request=let_in_to_api,
    operation_class=ResumeOperation,
    summary="Resume the answer that is being said, with an AI SDK",
    tags=["ai"],
)
async def resume_answer(request: Request[Any, Any, Any]) -> ASGIApp:
    """All that was said of it, and what follows; 204 where nothing is being said."""
    _refuse_if_old(request)
    _, topic = _chat_of(request)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), (topic,), log)
    found = await last_answer(log, topic)
    if found.answer is None or _silence_of(found.answer, request) > _REPLAY_SECONDS:
        return Response(None, status_code=204)  # type: ignore[return-value]
    return await _stream(request, topic, found.answer.answer, found)


@post(
    f"{API}/ai/chats/{{chat_id:str}}/stop",
    before_request=let_in_to_api,
    operation_class=StopOperation,
    status_code=202,
    summary="Stop the answer that is being said",
    tags=["ai"],
)
async def stop_last_answer(request: Request[Any, Any, Any]) -> Response[dict[str, Any] | None]:
    """What was said of it is kept, and its streams end. 204 where nothing is being said."""
    state = request.app.state
    chat, topic = _chat_of(request)
    may_publish(asker_of(request), (topic,))
    answers = answers_of(request)
    answer = (await last_answer(state.log, topic)).answer
    if answer is None or answer.end is not None:
        return Response(None, status_code=204)
    job = await answers.stop(chat, answer.answer)
    shown = {"answer": answer.answer, "status": job["status"]}
    return Response(shown, status_code=200 if job["status"] in OVER else 202)


async def _ask_again(log: EventLog, answers: Answers, chat: str, body: Body) -> tuple[str, Cursor]:
    """Have an answer said anew; return the name of the new one, and the message it is for."""
    unwanted, message = body.message_id, None
    if unwanted is not None:
        message = await answers.message_of(chat, unwanted)
    if message is None:
        last = (await last_answer(log, chat_topic(chat))).answer
        if last is None or last.reply_to is None:
            raise NotFound("there is no answer that could be said anew")
        unwanted, message = last.answer, last.reply_to
    assert unwanted is not None  # noqa: S101 - either is known
    return await answers.ask_again(chat, message, unwanted), Cursor.parse(message)


async def _stream(
    request: Request[Any, Any, Any], topic: str, answer: str, found: Found
) -> ASGIApp:
    told = found.answer
    abandoned = told is not None and _silence_of(told, request) > _SILENT_SECONDS
    replay = replay_of(answer, told, abandoned=abandoned)
    if told is not None and (told.end is not None or abandoned):
        headers = _FORMS.headers
        return Response(replay, headers=headers, media_type=headers["Content-Type"])  # type: ignore[return-value]
    asker, settings = asker_of(request), request.app.state.settings
    attach = Attach(
        topics=(topic,),
        start=found.position,
        heartbeat=max(1, round(settings.heartbeat)),
        client=asker.client,
        subject=asker.subject,
        credential=asker.credential,
        expires=None if asker.grants is EVERYTHING else asker.grants.expires,
        transport="sse",
        greeting={"replay": replay},
        story=lambda: AnswerStory(answer, begun=told or AnswerFold(answer)),
    )
    return await open_stream(request, attach, _FORMS)


def _silence_of(answer: AnswerFold, request: Request[Any, Any, Any]) -> float:
    """Seconds since something was heard of it."""
    assert answer.last is not None  # noqa: S101 - it has begun
    assert answer.last.id is not None  # noqa: S101 - it is of the log
    now: float = request.app.state.clock()
    return now - answer.last.id.ms / 1000


def _chat_of(request: Request[Any, Any, Any], named: str | None = None) -> tuple[str, str]:
    chat = request.path_params.get("chat_id", named)
    if chat is None:
        raise InvalidFields("the body must have an id: which conversation it is")
    return chat, chat_topic(chat)


def _refuse_if_old(request: Request[Any, Any, Any]) -> None:
    """Refuse where the end of a connection is the end of the answer, whoever cut it."""
    if request.scope["http_version"] == "1.0":
        raise HttpTooOld(
            "over HTTP/1.0 a stream that was cut looks whole; ask over HTTP/1.1. In nginx "
            "that is: proxy_http_version 1.1;"
        )


ROUTES: Final = (post_and_answer, resume_answer, stop_last_answer)
