"""Which query parameters an address takes: any other is refused by name, never ignored."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import Any, Final, NamedTuple

from litestar import Request
from litestar.handlers.base import BaseRouteHandler

from ..access.credentials import URL_TOKEN
from ..errors import InvalidParameter

#: The key of a handler's ``opt`` that says what its query may hold; nothing without it.
QUERY: Final = "query"
#: Characters of a wrong name that an error shows.
_SHOWN: Final = 40


class Query(NamedTuple):
    """Names that a query may hold: each once, and those that may be repeated.

    A token may be in every query, and is taken out of it before anybody looks.
    """

    once: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()

    def check(self, given: Any) -> None:  # noqa: ANN401 - the framework's MultiDict
        """Refuse what is not known here, and what is there more often than it may.

        A parameter that is ignored looks like one that was heeded: ``?form=earliest``
        would read from now on, and lose what came before without a word.

        Raises:
            InvalidParameter: naming the parameter, and what is allowed.
        """
        names = [name for name, _ in given.multi_items()]
        if len(names) == 1 and (names[0] in self.once or names[0] in self.repeated):
            return  # so are most, and need not be counted
        for name, count in Counter(names).items():
            if name not in self.once and name not in self.repeated:
                raise InvalidParameter(self._unknown(name))
            if count > 1 and name in self.once:
                raise InvalidParameter(f"{name} is given {count} times; give it once")

    def _unknown(self, name: str) -> str:
        names = (*self.repeated, *self.once)
        if not names:
            return (
                f"{name[:_SHOWN]!r} is not a parameter here{_hint(name, ())}; "
                "this address takes none"
            )
        allowed = ", ".join(names)
        return f"{name[:_SHOWN]!r} is not a parameter here{_hint(name, names)}; allowed: {allowed}"


def _hint(name: str, names: tuple[str, ...]) -> str:
    if name == "_":
        return " (nothing is cached, so no cache needs to be bypassed)"
    # Hyphens and capitals, as of a header's name, make no difference to a reader.
    plain = {_plain(known): known for known in (*names, URL_TOKEN)}
    near = difflib.get_close_matches(_plain(name[:_SHOWN]), plain, n=1)
    return f" (did you mean {plain[near[0]]}?)" if near else ""


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


_STREAM: Final = ("last_event_id", "lastEventId", "from", "until", "heartbeat", "events", "rate")
_POLL: Final = ("after", "limit", "wait", "rate")

#: For the ``opt`` of handlers.
STREAM: Final = {QUERY: Query(_STREAM)}
STREAM_OF_TOPICS: Final = {QUERY: Query(_STREAM, repeated=("topic",))}
POLL: Final = {QUERY: Query(_POLL)}
POLL_OF_TOPICS: Final = {QUERY: Query(_POLL, repeated=("topic",))}
STATUS_OF_TOPIC: Final = {QUERY: Query(("topic", "reader"))}
PUBLISH: Final = {QUERY: Query(("ephemeral",))}
LIST: Final = {QUERY: Query(("limit",))}
LIST_JOBS: Final = {QUERY: Query(("limit", "project", "q", "before"), repeated=("status",))}
NOTIFICATIONS: Final = {QUERY: Query(("unread", "counted", "before", "limit", "reader"))}
_WHO: Final = ("username", "user_id")
SPEAKER: Final = {QUERY: Query(_WHO)}
MESSAGES: Final = {QUERY: Query(("before", "limit"))}
STREAM_OF_CHAT: Final = {QUERY: Query((*_STREAM, *_WHO))}
TOPICS: Final = {QUERY: Query(("pattern", "sort", "limit", "before"))}
FORCE: Final = {QUERY: Query(("force",))}
READER: Final = {QUERY: Query(("reader",))}

_NONE: Final = Query()


def query_of(handler: BaseRouteHandler) -> Query:
    """What the address of `handler` takes."""
    query: Query = handler.opt.get(QUERY, _NONE)
    return query


def check_query(request: Request[Any, Any, Any]) -> None:
    """Look at the query of every request to the API, before its handler does.

    For the API alone: a page or a file may be asked for in any way.
    Not a guard of the framework, which would copy the handler for each request. A
    WebSocket is accepted first and checks for itself: a browser cannot read why its
    handshake was refused.

    Raises:
        InvalidParameter: naming the parameter, and what is allowed.
    """
    if request.scope["query_string"]:
        query_of(request.route_handler).check(request.query_params)
