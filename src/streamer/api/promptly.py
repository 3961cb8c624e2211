"""Publishes that are as most are, without a task: what is anything else is left to the app.

Most publishes are one event, from a program that is known already, with none of the headers
that ask for more. They wait for one thing, the log. Here such a one is checked as the app
checks it, by the same functions; wherever one would refuse it, or would have to wait, it is
left to the app as it came, for it to find the same. So there is one place that says what is
wrong with a request, and all that is said here is that an event was published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.utils import normalize_path

from ..access.credentials import forget
from ..errors import StreamerError, TooManyRequests
from ..events.cursor import Cursor
from ..events.new_event import new_event
from ..publishing.publisher import Publisher
from ..tracing.opentelemetry import configured
from .asker import Asker, keep_asker
from .batch_body import NDJSON
from .event_body import read_event
from .front import PROMPT, let_fail
from .guard import ALWAYS, VARY
from .hosts import Hosts
from .may import may_publish
from .origins import Origins
from .publish import key_of, written
from .request_ids import HEADER, request_id_of
from .too_often import HowOften

#: Headers that ask for more than most do: of web pages, of traces, of bodies.
_MORE: Final = frozenset(
    {
        *(b"access-control-request-method", b"content-encoding", b"cookie", b"expect"),
        *(b"origin", b"sec-fetch-site", b"traceparent", b"tracestate", b"transfer-encoding"),
        b"x-http-method-override",
    }
)
#: Those that are read; a server may leave in the whitespace around one.
_READ: Final = (b"host", b"authorization", b"idempotency-key", HEADER.encode())
_BATCH: Final = NDJSON.encode()
#: Characters of a path; a longer one is not remembered, for anybody may ask for many.
_LONG: Final = 1024


class Reply(Protocol):
    """Where the answer goes: `server.prompt.Reply`."""

    def create(self, head: bytes, body: bytes) -> None:
        """Answer 201."""

    def hand_over(self) -> None:
        """Have the app called as ever."""


class Begun(Protocol):
    """Whether the app has begun: `life.Life`."""

    @property
    def has_begun(self) -> bool:
        """Whether requests wait for nothing."""


class _Asked(NamedTuple):
    """As much of a connection as is looked at."""

    scope: Any


class Promptly:
    """Publishes what most publishes are, for the server's `prompt`.

    Args:
        litestar: has the routes.
        publisher: appends.
        life: until it has begun, nothing is taken.
        known: says at once who asks; what it does not know is not taken.
        hosts: whose requests are ours.
        origins: whether an answer depends on the page that asks.
        often: how often one may.
        most: bytes of a body.
    """

    def __init__(
        self,
        litestar: Litestar,
        publisher: Publisher,
        life: Begun,
        *,
        known: Callable[[Any], Asker | None],
        hosts: Hosts,
        origins: Origins,
        often: HowOften,
        most: int,
    ) -> None:
        self._publisher: Final = publisher
        self._life: Final = life
        self._known: Final = known
        self._check_host: Final = hosts.check
        self._often: Final = often
        self._most: Final = most
        self._find: Final = litestar.asgi_router.handle_routing
        always = ALWAYS if origins.any else (*ALWAYS, VARY)
        self._end: Final = _lines(always) + HEADER.encode() + b": %b\r\n"
        self._place: Final = lru_cache(1024)(self._find_place)

    def __call__(self, scope: Any, body: bytes, reply: Reply) -> bool:  # noqa: ANN401 - of ASGI
        """See `server.prompt.Prompt`."""
        try:
            return self._publish(scope, body, reply)
        except (StreamerError, HTTPException):
            return False  # the app finds the same, and says it

    def _publish(self, scope: Any, body: bytes, reply: Reply) -> bool:  # noqa: ANN401
        headers = dict(scope["headers"])
        if (
            scope["query_string"]
            or scope["root_path"]
            or len(headers) < len(scope["headers"])
            or not _MORE.isdisjoint(headers)
            or _BATCH in headers.get(b"content-type", b"").lower()
            or len(body) > self._most
            or headers.get(b"content-length") != b"%d" % len(body)
            or not self._life.has_begun
            or configured() is not None
        ):
            return False
        host, _, key, id_ = read = [headers.get(name) for name in _READ]
        if any(value is not None and value.strip(b" \t") != value for value in read):
            return False
        if host is None or len(scope["path"]) > _LONG:
            return False
        is_here, topic = self._place(scope["path"])
        if not is_here:
            return False
        self._check_host(host.decode("latin-1"))
        asker = self._known(scope)
        if asker is None:
            return False
        if topic is not None:
            may_publish(asker, (topic,))
        topics, event_type, fields = read_event(asker, topic, body)
        event = new_event(
            topics,
            event_type,
            fields,
            idempotency_key=key_of(asker, None if key is None else key.decode("latin-1")),
            max_bytes=self._publisher.max_event_bytes,
        )
        if len(topics) > 1:
            return False  # each counts
        # From here on the door is not asked.
        keep_asker(scope, asker)
        if b"authorization" in headers:
            forget(scope)
        try:
            quota = self._often.count(_Asked(scope))  # type: ignore[arg-type]
        except TooManyRequests as error:
            let_fail(scope, error)  # it is counted, once
            return False
        request_id = request_id_of(None if id_ is None else id_.decode("latin-1"))
        head = _lines(quota) + self._end % request_id.encode()
        self._publisher.begin(event, _Answer(scope, reply, head))
        return True

    def _find_place(self, path: str) -> tuple[bool, str | None]:
        """Whether what is posted at `path` is published; and the topic that it names."""
        _, handler, _, parameters, _ = self._find(path=normalize_path(path), method="POST")
        topic_of = getattr(handler, "opt", {}).get(PROMPT)
        return (False, None) if topic_of is None else (True, topic_of(parameters))


def _lines(fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)


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
