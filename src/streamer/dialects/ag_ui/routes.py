"""The addresses of AG-UI's face of a conversation: run, and join."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.types import ASGIApp

from ...api.answers import may_ask
from ...api.asker import asker_of, let_in_to_api
from ...api.chats import say
from ...api.may import may_read
from ...api.publish import key_of
from ...api.query import QUERY, SPEAKER, Query
from ...api.speaker import speaker_of
from ...api.streams.followed import Followed, Retold
from ...api.streams.told_answers import follow, said
from ...api.too_often import HowOften
from ...chats.answer_reading import AnswerReading, base_of
from ...chats.answers import Found, answer_named, last_answer
from ...config.server_url import API
from ...errors import NotFound
from ...eventlog.base import EventLog
from ...events.answer_fold import AnswerFold
from ...events.topic import chat_topic
from ...jobs.chat_answer.asking import answer_to
from ...wire.sse import HEADERS, HEARTBEAT
from .body import read_input
from .documentation import JoinOperation, RunOperation
from .history import messages_of
from .jobs import Activities
from .run import Event, Run, frame_of, read_place

_ADDRESS: Final = f"{API}/ag-ui/chats/{{chat_id:str}}"
#: Bytes of what a client posts: all the messages that it has, of which the last is read.
_MAX_BODY: Final = 8 * 1024 * 1024
#: Seconds that a stream may take: an answer's own, over all attempts, and a wait for a worker.
_STREAM_SECONDS: Final = 7200.0
#: Events that a snapshot is made of.
_LOOKED_THROUGH: Final = 500

Asked = Request[Any, Any, Any]


@post(
    _ADDRESS,
    before_request=let_in_to_api,
    operation_class=RunOperation,
    opt=SPEAKER,
    request_max_body_size=_MAX_BODY,
    status_code=200,
    summary="Say something, and stream the answer to an AG-UI client",
    tags=["ag-ui"],
)
async def run_agent(request: Asked) -> ASGIApp:
    """The last message is said in the conversation, and its answer is the run."""
    state = request.app.state
    often: HowOften = state.publish_rate
    often.count(request)  # unread
    chat, topic = _chat_of(request)
    await may_ask(request, topic)
    given = read_input(await request.body())
    message = given.said()
    key = key_of(asker_of(request), request.headers.get("idempotency-key") or given.key())
    after = await say(state, topic, speaker_of(request), message, key)
    found = await answer_named(state.log, topic, answer_to(chat, str(after)), after)
    answer = found.answer or AnswerFold(answer_to(chat, str(after)))
    run = Run(given.thread_id, given.run_id, given.messages)
    return await _stream(request, topic, answer, found, run)


@get(
    _ADDRESS,
    before_request=let_in_to_api,
    operation_class=JoinOperation,
    opt={QUERY: Query(("runId",))},
    summary="Join a conversation, with an AG-UI client",
    tags=["ag-ui"],
)
async def join_run(request: Asked) -> ASGIApp:
    """All that was said, as a snapshot of messages, and the answer that is being said.

    With `Last-Event-ID` no snapshot, and of the answer what comes after it.
    """
    chat, topic = _chat_of(request)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), (topic,), log)
    found = await last_answer(log, topic)
    answer = found.answer
    seen, number = read_place(request.headers.get("last-event-id"))
    # Of another answer, or of an attempt that failed, nothing is left to go on with.
    goes_on = answer is not None and answer.answer == seen and number > base_of(answer.attempt)
    is_said = answer is not None and (goes_on or answer.end is None)
    shown = await _history(log, topic, but=answer.answer if answer and is_said else None)
    name = request.query_params.get("runId") or (answer.answer if answer else chat)
    run = Run(chat, name, shown, after=number if goes_on else 0)
    if answer is None or not is_said:
        return _whole(run)
    return await _stream(request, topic, answer, found, run, shows_messages=not goes_on)


async def _history(log: EventLog, topic: str, *, but: str | None) -> list[Event]:
    page = await log.read_back((topic,), None, _LOOKED_THROUGH)
    return messages_of(reversed(page.events), but=but)


async def _stream(
    request: Asked,
    topic: str,
    answer: AnswerFold,
    found: Found,
    run: Run,
    *,
    shows_messages: bool = False,
) -> ASGIApp:
    if answer.parts() is None:
        raise NotFound("some of the answer is not kept any longer")
    followed = await follow(request, topic, found.position)
    frames = _frames(followed, AnswerReading(answer), run, shows_messages=shows_messages)
    return Retold(followed, frames, seconds=_STREAM_SECONDS)


async def _frames(
    followed: Followed, reading: AnswerReading, run: Run, *, shows_messages: bool
) -> AsyncIterator[bytes]:
    yield b"".join(map(frame_of, run.begin(shows_messages=shows_messages)))
    activities, name = Activities(), reading.answer.answer
    async for more, bodies in said(followed, reading):
        frames = [frame_of(event) for event in activities.of(bodies)]
        frames += [frame_of(event, name, number) for event, number in run.say(reading, more)]
        if frames or not bodies:
            yield b"".join(frames) or HEARTBEAT
    yield b"".join(frame_of(event, name, number) for event, number in run.end(reading))


def _whole(run: Run) -> ASGIApp:
    """A conversation in which nothing is being said."""
    body = b"".join(map(frame_of, [*run.begin(shows_messages=True), run.finished()]))
    return Response(body, headers=HEADERS, media_type=HEADERS["Content-Type"])  # type: ignore[return-value]


def _chat_of(request: Asked) -> tuple[str, str]:
    chat = request.path_params["chat_id"]
    return chat, chat_topic(chat)


ROUTES: Final = (run_agent, join_run)
