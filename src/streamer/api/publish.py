"""Publishing over HTTP."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from litestar import Request, post
from litestar.types import ASGIApp, Receive, Scope, Send

from ..access.grants import EVERYTHING
from ..errors import InvalidParameter, StreamerError
from ..events.cursor import Cursor
from ..events.new_event import MAX_TOPICS, check_key
from ..events.topic import project_topic
from ..publishing.publisher import Publisher, batch_key
from .asker import Asker, asker_of
from .batch_body import is_batch, read_lines
from .documentation import PublishOperation
from .event_body import read_event
from .front import PLAIN, PROMPT
from .may import may_publish
from .query import PUBLISH
from .quota_fields import NONE, Fields
from .too_often import HowOften
from .whole_body import whole_body

#: Bytes of a body that are read for each byte that its event may have: as JSON an
#: "é" of two bytes may be written as six. The event itself is measured as it is sent.
BODY_FACTOR: Final = 3


@post(
    "/projects/{project_id:str}/events",
    operation_class=PublishOperation,
    summary="Publish to one project",
    opt=PUBLISH | PLAIN | {PROMPT: lambda found: project_topic(found["project_id"])},
    tags=["publishing"],
)
async def publish_to_project(request: Request[Any, Any, Any]) -> ASGIApp:
    """Append ``{"type": ..., fields}`` to a project's events and notify its readers.

    Or several, one in each line.
    """
    return await _publish(request, project_topic(request.path_params["project_id"]))


@post(
    "/events",
    operation_class=PublishOperation,
    summary="Publish to any topics",
    opt=PUBLISH | PLAIN | {PROMPT: lambda _: None},
    tags=["publishing"],
)
async def publish(request: Request[Any, Any, Any]) -> ASGIApp:
    """Append ``{"topic": ..., "type": ..., fields}`` (or ``topics``) and notify readers.

    Or several, one in each line.
    """
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
    # Not injected: Litestar resolves dependencies in a task group for each request.
    publisher: Publisher = request.app.state.publisher
    if is_batch(request.scope):
        lines = await read_lines(request)
        quota = _count_more(often, request, len(lines)) or quota
        events = []
        for number, line in lines:
            try:
                said = read_event(asker, topic, line)
                events.append(publisher.make(*said, ephemeral=ephemeral))
            except StreamerError as error:
                error.at_line(number)
                raise
        further = sum(len(event.topics) - 1 for event in events)
        quota = _count_more(often, request, 1 + further) or quota
        key = key_of(asker, _key_in(request.scope))
        ids = await publisher.append_all(events, batch_key(key))
        return _Created(b'{"ids":[%b]}' % b",".join(map(written, ids)), quota)
    topics, event_type, fields = read_event(asker, topic, await whole_body(request))
    if len(topics) <= MAX_TOPICS:
        quota = _count_more(often, request, len(topics)) or quota
    event_id = await publisher.publish(
        topics,
        event_type,
        fields,
        idempotency_key=key_of(asker, _key_in(request.scope)),
        ephemeral=ephemeral,
    )
    return _Created(b'{"id":%b}' % written(event_id), quota)


def _count_more(often: HowOften, request: Request[Any, Any, Any], count: int) -> Fields:
    """Count all of so many but the first, which is counted; nothing, where that is all.

    An event counts for each of its topics: each costs the log a write, as an event does.
    """
    return often.count(request, count - 1) if count > 1 else NONE


def written(event_id: Cursor | None) -> bytes:
    """An id as it stands in the answer."""
    return b"null" if event_id is None else f'"{event_id}"'.encode()


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
    """The answer: what was published."""

    def __init__(self, body: bytes, quota: Fields) -> None:
        self._body = body
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
