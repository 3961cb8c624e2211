"""Conversations over HTTP: messages, reactions, and what was said before."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromQuery, Parameter

from ..chats.listing import MAX_LISTED, listed
from ..chats.said import MESSAGE, REACTION, Message, Reaction, Said, Typing, read_said
from ..chats.speaker import Speaker
from ..chats.typing import TypingWatch
from ..errors import LogUnavailable
from ..eventlog.base import EventLog
from ..events.cursor import Cursor
from ..events.topic import chat_of, chat_topic
from ..publishing.publisher import Publisher
from .asker import asker_of
from .chat_documentation import MessageOperation, ReactionOperation, TypingOperation
from .documentation import ApiOperation
from .may import may_publish, may_read
from .publish import key_of
from .query import MESSAGES, SPEAKER
from .quota_fields import headers_of
from .speaker import speaker_of
from .too_often import HowOften


async def say(
    state: Any,  # noqa: ANN401 - the application's
    topic: str,
    speaker: Speaker,
    message: Message,
    key: str | None = None,
) -> Cursor:
    """Say something in a conversation; return the message's id.

    If somebody answers here, they are asked to.

    Raises:
        EventTooLarge: it is, with all its attachments.
        LogUnavailable: it may have been said; saying it again with the same key is safe.
    """
    publisher: Publisher = state.publisher
    id_ = await publisher.publish(topic, MESSAGE, message.fields(speaker), idempotency_key=key)
    assert id_ is not None, "a message is not ephemeral"  # noqa: S101
    typing: TypingWatch = state.typing
    with contextlib.suppress(LogUnavailable):  # it ends by itself
        await typing.stop(topic, speaker)
    if state.answers is not None:
        await state.answers.ask(chat_of(topic), str(id_))
    return id_


async def react(
    state: Any,  # noqa: ANN401 - the application's
    topic: str,
    speaker: Speaker,
    reaction: Reaction,
    key: str | None = None,
) -> Cursor:
    """Say what somebody thinks of a message; return the event's id."""
    publisher: Publisher = state.publisher
    fields = reaction.fields(speaker)
    id_ = await publisher.publish(topic, REACTION, fields, idempotency_key=key)
    assert id_ is not None, "a reaction is not ephemeral"  # noqa: S101
    return id_


@post(
    "/chats/{chat_id:str}/messages",
    tags=["chats"],
    opt=SPEAKER,
    operation_class=MessageOperation,
    summary="Say something in a conversation",
)
async def post_message(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """Say something, with files, in answer to a message.

    Who says it is who asks: nobody speaks as somebody else.
    """
    topic, speaker, message, headers = await _read(request, Message)
    id_ = await say(request.app.state, topic, speaker, message, _key_of(request))
    return Response({"id": str(id_)}, status_code=201, headers=headers)


@post(
    "/chats/{chat_id:str}/reactions",
    tags=["chats"],
    opt=SPEAKER,
    operation_class=ReactionOperation,
    summary="React to a message",
)
async def post_reaction(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """Say what you think of a message in a character or a few; `added` false takes it back."""
    topic, speaker, reaction, headers = await _read(request, Reaction)
    id_ = await react(request.app.state, topic, speaker, reaction, _key_of(request))
    return Response({"id": str(id_)}, status_code=201, headers=headers)


@post(
    "/chats/{chat_id:str}/typing",
    status_code=204,
    tags=["chats"],
    opt=SPEAKER,
    operation_class=TypingOperation,
    summary="Say that you are typing",
)
async def post_typing(request: Request[Any, Any, Any]) -> Response[None]:
    """Say that you are typing, every few seconds while you are; or that you no longer are."""
    topic, speaker, typing, headers = await _read(request, Typing)
    watch: TypingWatch = request.app.state.typing
    await watch.say(topic, speaker, typing)
    return Response(None, status_code=204, headers=headers)


@get(
    "/chats/{chat_id:str}/messages",
    opt=MESSAGES,
    tags=["chats"],
    operation_class=ApiOperation,
    summary="List what was said",
)
async def list_messages(
    request: Request[Any, Any, Any],
    *,
    before: FromQuery[str | None] = None,
    limit: Annotated[int, Parameter(ge=1, le=MAX_LISTED)] = 50,
) -> dict[str, Any]:
    """Messages, answers that are over and reactions, the newest first.

    `next` is what to give as `before` for the list after this one: it is the same whatever is
    said meanwhile, and null at the end. A list may have fewer than `limit`, or none, though
    there is a next: so much work is done for one request and no more.
    """
    topic = chat_topic(request.path_params["chat_id"])
    log = request.app.state.log
    await may_read(asker_of(request), (topic,), log)
    found = await listed(log, topic, None if before is None else Cursor.parse(before), limit)
    bodies = [msgspec.json.decode(event.body) for event in found.events]
    return {"messages": bodies, "next": None if found.next is None else str(found.next)}


@get(
    "/chats/{chat_id:str}/presence",
    tags=["chats"],
    operation_class=ApiOperation,
    summary="List who is there",
)
async def list_present(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Who is there, over all processes.

    That is as of `cursor`: `user_join` and `user_leave` after it say what has changed since.
    """
    topic = chat_topic(request.path_params["chat_id"])
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), (topic,), log)
    snapshot = (await log.snapshots([topic]))[topic]
    present = [{"user": user, "username": name} for user, name in (snapshot.present or {}).items()]
    return {"present": present, "cursor": str(snapshot.cursor)}


CHAT_HANDLERS: Final = (post_message, post_reaction, post_typing, list_messages, list_present)


async def _read(
    request: Request[Any, Any, Any], kind: type[Said]
) -> tuple[str, Speaker, Said, dict[str, str]]:
    """Of which conversation, who, and what; and how often still."""
    often: HowOften = request.app.state.publish_rate
    quota = often.count(request)  # unread
    topic = chat_topic(request.path_params["chat_id"])
    may_publish(asker_of(request), (topic,))
    speaker = speaker_of(request)
    return topic, speaker, read_said(await request.body(), kind), headers_of(quota)


def _key_of(request: Request[Any, Any, Any]) -> str | None:
    return key_of(asker_of(request), request.headers.get("idempotency-key"))
