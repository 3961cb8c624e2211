"""Publishing over HTTP."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from litestar import Request, post
from litestar.types import ASGIApp, Receive, Scope, Send

from ..access.grants import EVERYTHING
from ..errors import (
    InvalidFields,
    InvalidJSON,
    InvalidParameter,
    InvalidTopic,
)
from ..events.cursor import Cursor
from ..events.new_event import MAX_TOPICS, check_key
from ..events.topic import project_topic
from ..publishing.publisher import Publisher
from .asker import Asker, asker_of
from .documentation import PublishOperation
from .front import PLAIN
from .may import may_publish
from .query import PUBLISH
from .quota_fields import Fields
from .speaker import speak_as_oneself
from .too_often import HowOften
from .whole_body import whole_body

#: Bytes of a body that are read for each byte that its event may have: as JSON an
#: "é" of two bytes may be written as six. The event itself is measured as it is sent.
BODY_FACTOR: Final = 3


@post(
    "/projects/{project_id:str}/events",
    operation_class=PublishOperation,
    summary="Publish to one project",
    opt=PUBLISH | PLAIN,
    tags=["publishing"],
)
async def publish_to_project(request: Request[Any, Any, Any]) -> ASGIApp:
    """Append ``{"type": ..., fields}`` to a project's events and notify its readers."""
    return await _publish(request, project_topic(request.path_params["project_id"]))


@post(
    "/events",
    operation_class=PublishOperation,
    summary="Publish to any topics",
    opt=PUBLISH | PLAIN,
    tags=["publishing"],
)
async def publish(request: Request[Any, Any, Any]) -> ASGIApp:
    """Append ``{"topic": ..., "type": ..., fields}`` (or ``topics``) and notify readers."""
    return await _publish(request, None)


PUBLISH_HANDLERS = (publish_to_project, publish)


async def _publish(request: Request[Any, Any, Any], topic: str | None) -> ASGIApp:
    """Publish what the body says to `topic`, or else to the topics that it names."""
    often: HowOften = request.app.state.publish_rate
    quota = often.count(request)  # unread
    asker = asker_of(request)
    if topic is not None:
        may_publish(asker, (topic,))
    ephemeral = _is_ephemeral(request)
    event_type, fields = await _read(request)
    topics = (topic,) if topic is not None else _take_topics(fields)
    speak_as_oneself(asker, topics, event_type, fields)
    if topic is None:
        # With more it is refused, whatever the others are.
        may_publish(asker, topics[: MAX_TOPICS + 1])
    if 1 < (count := len(topics)) <= MAX_TOPICS:
        # Each costs the log a write, as an event of its own does.
        quota = often.count(request, count - 1)
    # Not injected: Litestar resolves dependencies in a task group for each request.
    publisher: Publisher = request.app.state.publisher
    event_id = await publisher.publish(
        topics,
        event_type,
        fields,
        idempotency_key=key_of(asker, _key_in(request.scope)),
        ephemeral=ephemeral,
    )
    return _Created(event_id, quota)


def key_of(asker: Asker, key: str | None) -> str | None:
    """The idempotency key as the log knows it: each subject has its own.

    With a key of somebody else one would be given the id of their event, and could keep
    them from publishing, or a job from being over. Where nobody is asked who they are,
    it is the key itself.

    Raises:
        InvalidParameter: it is empty or too long.
    """
    if key is None or asker.grants is EVERYTHING:
        return key
    check_key(key)
    owned = f"{asker.subject}\n{key}".encode("utf-8", "surrogatepass")
    return f"by subject: {hashlib.sha256(owned).hexdigest()}"


class _Created:
    """The answer: the event's id; null for an ephemeral event."""

    def __init__(self, event_id: Cursor | None, quota: Fields) -> None:
        self._body = b'{"id":null}' if event_id is None else f'{{"id":"{event_id}"}}'.encode()
        self._quota = quota

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        # A list of its own: CORS adds to it.
        headers = [_JSON, (b"content-length", b"%d" % len(self._body)), *self._quota]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


_JSON: Final = (b"content-type", b"application/json")


def _key_in(scope: Scope) -> str | None:
    # Not `request.headers`: a mapping of all of them.
    given = (value for name, value in scope["headers"] if name == b"idempotency-key")
    key = next(given, None)
    return None if key is None else key.decode("latin-1")


def _is_ephemeral(request: Request[Any, Any, Any]) -> bool:
    if not request.scope["query_string"]:
        return False
    return _read_flag("ephemeral", request.query_params.get("ephemeral"))


def _read_flag(name: str, text: str | None) -> bool:
    if text is None:
        return False
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise InvalidParameter(f"{name} is {text[:40]!r}; it must be true or false")
    return flag


_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


async def _read(request: Request[Any, Any, Any]) -> tuple[str, dict[str, Any]]:
    body = await whole_body(request)
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidJSON(
            f"the body is a JSON {_JSON_NAMES.get(type(fields), 'value')}; "
            'it must be an object such as {"type":"progress","progress":0.5}'
        )
    event_type = fields.pop("type", None)
    if not isinstance(event_type, str):
        raise InvalidFields('the body must name the event\'s type, as in {"type":"progress"}')
    return event_type, fields


_JSON_NAMES = {list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


def _take_topics(fields: dict[str, Any]) -> tuple[str, ...]:
    """What the body names, without repeats."""
    topic, topics = fields.pop("topic", None), fields.pop("topics", None)
    if isinstance(topic, str) and topics is None:
        return (topic,)
    if topic is None and isinstance(topics, list) and all(isinstance(t, str) for t in topics):
        return tuple(dict.fromkeys(topics))
    raise InvalidTopic('the body must name "topic", a string, or "topics", a list of strings')
