"""Requests that are as most are, without a task: what is anything else is left to the app.

Most publishes are one event, from a program that is known already, and wait for one thing, the
log. Most streams are of topics that somebody reads already, and wait for nothing. Here such a
request is checked as the app checks it, by the same functions; wherever one would refuse it, or
would have to wait for more, it is left to the app as it came, for it to find the same. So there
is one place that says what is wrong with a request, and all that is said here is that an event
was published, or that a stream begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.datastructures import MultiDict
from litestar.exceptions import HTTPException
from litestar.handlers.base import BaseRouteHandler
from litestar.utils import normalize_path

from ..access.credentials import hide_url_tokens
from ..errors import StreamerError
from ..tracing.doing import DOING, Doing
from ..tracing.opentelemetry import configured
from .asker import Asker
from .front import PROMPT
from .hosts import Hosts
from .query import query_of
from .request_ids import HEADER, request_id_of

#: Headers that ask for more than most do: of a body, of a trace.
_MORE: Final = frozenset(
    {b"expect", b"traceparent", b"tracestate", b"transfer-encoding", b"x-http-method-override"}
)
_ID: Final = HEADER.encode()
#: Characters of a path; a longer one is not remembered, for anybody may ask for many.
_LONG: Final = 1024

T = TypeVar("T")

#: What a method and a path stand for: the handler, what the path names, and its template.
_Place = tuple[Any, Mapping[str, Any], str]


class Reply(Protocol):
    """Where the answer to one request goes; none of its methods raises.

    One of them is called, once, and only if the request was taken; or else the writer that
    its scope offers begins.
    """

    def create(self, head: bytes, body: bytes) -> None:
        """Answer 201 with the lines of `head` and this body."""

    def hand_over(self) -> None:
        """Have the app called as ever after all: it knows from the scope what there is to say."""


class Begun(Protocol):
    """Whether the app has begun: `life.Life`."""

    @property
    def has_begun(self) -> bool:
        """Whether requests wait for nothing."""


class Asked(NamedTuple):
    """A request of which all is known that is asked of any.

    Attributes:
        scope: of ASGI, without tokens in its query.
        headers: by lower-case name; none came twice.
        host: its ``Host``, which is one of ours.
        handler: what it is for.
        found: what its path names, for the handler.
        template: the path, with the names of what it names.
        asker: who asks.
        request_id: of this request.
    """

    scope: Any
    headers: Mapping[bytes, bytes]
    host: str
    handler: BaseRouteHandler
    found: Mapping[str, Any]
    template: str
    asker: Asker
    request_id: str

    def text(self, name: bytes) -> str | None:
        """A header's value, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def do(self, work: Callable[[], T]) -> T:
        """Call `work`; what it does, and tasks that it begins, is done for this request."""
        before = DOING.set(Doing(self.request_id))
        try:
            return work()
        finally:
            DOING.reset(before)


def query_in(asked: Asked) -> MultiDict[Any]:
    """The query of a request; raises `InvalidParameter` where its address takes no such thing."""
    query = ASGIConnection[Any, Any, Any, Any](asked.scope).query_params
    query_of(asked.handler).check(query)
    return query


def _has_space_around(values: Iterable[bytes]) -> bool:
    """Whether one of them begins or ends with a space or a tab."""
    # All at once: a loop over them would be half of what is checked here.
    text = b"\n%b\n" % b"\n".join(values)
    return b"\n " in text or b" \n" in text or b"\n\t" in text or b"\t\n" in text


class Kind(Protocol):
    """Requests of one method that may be answered without a task."""

    @property
    def ends(self) -> str:
        """How their paths end."""

    def take(self, asked: Asked, body: bytes, reply: Reply | None) -> bool:
        """Take the request, as `server.prompt.Prompt` does.

        Raises:
            StreamerError, HTTPException: it is refused, and nothing has been done.
        """
        ...


class Promptly:
    """Answers what most requests are, for the server's `prompt`.

    Args:
        litestar: has the routes.
        life: until it has begun, nothing is taken.
        known: says at once who asks; what it does not know is not taken.
        hosts: whose requests are ours.
        kinds: what is answered, by method; a WebSocket has none.
    """

    def __init__(
        self,
        litestar: Litestar,
        life: Begun,
        *,
        known: Callable[[Any], Asker | None],
        hosts: Hosts,
        kinds: Mapping[str | None, Kind],
    ) -> None:
        self._life: Final = life
        self._known: Final = known
        self._check_host: Final = hosts.check
        self._kinds: Final = kinds
        self._find: Final = litestar.asgi_router.handle_routing
        self._place: Final = lru_cache(1024)(self._find_place)

    def __call__(self, scope: Any, body: bytes, reply: Reply | None) -> bool:  # noqa: ANN401 - of ASGI
        """See `server.prompt.Prompt`."""
        kind = self._kinds.get(scope.get("method"))
        if kind is None or not scope["path"].endswith(kind.ends):
            return False
        try:
            asked = self._check(scope)
            return asked is not None and kind.take(asked, body, reply)
        except (StreamerError, HTTPException):
            return False  # the app finds the same, and says it

    def _check(self, scope: Any) -> Asked | None:  # noqa: ANN401 - of ASGI
        fields = scope["headers"]
        headers: dict[bytes, bytes] = dict(fields)
        host = headers.get(b"host")
        if (
            host is None
            or scope["root_path"]
            or len(headers) < len(fields)
            or not _MORE.isdisjoint(headers)
            or len(scope["path"]) > _LONG
            or not self._life.has_begun
            or configured() is not None
        ):
            return None
        if _has_space_around(headers.values()):  # a server may leave that in
            return None
        place = self._place(scope.get("method"), scope["path"])
        if place is None:
            return None
        name = host.decode("latin-1")
        self._check_host(name)
        if scope["query_string"]:
            hide_url_tokens(scope)
        asker = self._known(scope)
        if asker is None:
            return None
        given = headers.get(_ID)
        request_id = request_id_of(None if given is None else given.decode("latin-1"))
        return Asked(scope, headers, name, *place, asker, request_id)

    def _find_place(self, method: str | None, path: str) -> _Place | None:
        """What a request is for; None if it is not answered here."""
        _, handler, _, found, template = self._find(path=normalize_path(path), method=method)
        return (handler, found, template) if PROMPT in getattr(handler, "opt", {}) else None
