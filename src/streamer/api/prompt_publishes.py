"""Publishes without a task: one event, which waits for the log and for nothing else."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

from ..access.credentials import forget
from ..errors import TooManyRequests
from ..events.cursor import Cursor
from ..events.new_event import new_event
from ..publishing.publisher import Publisher
from .answer_fields import added_to_all, lines_of
from .asker import keep_asker
from .batch_body import NDJSON
from .event_body import read_event
from .front import PROMPT, let_fail
from .may import may_publish
from .origins import Origins
from .promptly import Asked, Reply
from .publish import key_of, written
from .request_ids import HEADER
from .too_often import HowOften

_BATCH: Final = NDJSON.encode()


#: Headers of a page's request, or of a body that is not read as it is.
_MORE: Final = frozenset(
    {
        *(b"access-control-request-method", b"content-encoding", b"cookie", b"origin"),
        b"sec-fetch-site",
    }
)


class _Connection(NamedTuple):
    """As much of one as is looked at."""

    scope: Any


class PromptPublishes:
    """See `promptly.Kind`.

    Args:
        publisher: appends.
        origins: whether an answer depends on the page that asks.
        often: how often one may.
        most: bytes of a body.
    """

    ends: Final = ""

    def __init__(
        self, publisher: Publisher, origins: Origins, often: HowOften, *, most: int
    ) -> None:
        self._publisher: Final = publisher
        self._often: Final = often
        self._most: Final = most
        added = added_to_all(origins, None, None)
        self._end: Final = lines_of(added) + HEADER.encode() + b": %b\r\n"

    def take(self, asked: Asked, body: bytes, reply: Reply | None) -> bool:
        """See `promptly.Kind`."""
        scope, headers, asker = asked.scope, asked.headers, asked.asker
        if (
            reply is None
            or scope["query_string"]
            or not _MORE.isdisjoint(headers)
            or _BATCH in headers.get(b"content-type", b"").lower()
            or len(body) > self._most
            or headers.get(b"content-length") != b"%d" % len(body)
        ):
            return False
        topic = asked.handler.opt[PROMPT](asked.found)
        if topic is not None:
            may_publish(asker, (topic,))
        topics, event_type, fields = read_event(asker, topic, body)
        event = new_event(
            topics,
            event_type,
            fields,
            idempotency_key=key_of(asker, asked.text(b"idempotency-key")),
            max_bytes=self._publisher.max_event_bytes,
        )
        if len(topics) > 1:
            return False  # each counts
        # From here on the door is not asked.
        keep_asker(scope, asker)
        if b"authorization" in headers:
            forget(scope)
        try:
            quota = self._often.count(_Connection(scope))  # type: ignore[arg-type]
        except TooManyRequests as error:
            let_fail(scope, error)  # it is counted, once
            return False
        head = lines_of(quota) + self._end % asked.request_id.encode()
        self._publisher.begin(event, _Answer(scope, reply, head))
        return True


class _Answer:
    """Waits for the id of the event, and answers its request, once."""

    __slots__ = ("_head", "_reply", "_scope")

    def __init__(self, scope: Any, reply: Reply, head: bytes) -> None:  # noqa: ANN401 - of ASGI
        self._scope: Final = scope
        self._reply: Reply | None = reply
        self._head: Final = head

    def done(self) -> bool:
        """Whether it has answered; whoever has gone is published for all the same."""
        return self._reply is None

    def set_result(self, id_: Cursor | None, /) -> None:
        """Answer."""
        body = b'{"id":%b}' % written(id_)
        head = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.create(head + self._head, body)

    def set_exception(self, error: BaseException, /) -> None:
        """Have the app say what is wrong."""
        reply, self._reply = self._reply, None
        if reply is not None:
            let_fail(self._scope, error)
            reply.hand_over()

    def cancel(self) -> None:
        """Have the app be cancelled, unless it has answered."""
        self.set_exception(asyncio.CancelledError())
