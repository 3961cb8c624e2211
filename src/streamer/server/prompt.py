"""Requests that are answered without a task: what the app is asked, and may answer.

A task is what an app needs that waits for several things, one after the other. One that
waits for a single thing at most is called back when it has come: nothing is made, scheduled
and woken in between, and what it answers is one write. So are publishes, which wait for the
log, and streams, which begin at once and go on by the writer that the scope offers.
"""

from __future__ import annotations

import contextlib
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Protocol

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

if TYPE_CHECKING:
    from ..api.promptly import Reply

#: What ends the fields of a head.
HEADERS_END: Final = b"\r\n"
#: The first line of an answer.
OK: Final = b"HTTP/1.1 200 OK\r\n"
CREATED: Final = b"HTTP/1.1 201 Created\r\n"

_Fields = list[tuple[bytes, bytes]]


class Prompt(Protocol):
    """What of an app answers without a task."""

    def __call__(self, scope: Any, body: bytes, reply: Reply | None) -> bool:  # noqa: ANN401 - of ASGI
        """Take the request, and have `reply` called once, soon or later; or return False.

        It has its whole `body`. Then the app is called as ever, with the same scope, and
        nothing has been done. A WebSocket has no `reply`.
        """
        ...


#: What a proxy says of who asks, and what of a header is its name.
_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
_name: Final = itemgetter(0)


class BehindProxies:
    """A `Prompt` to whom the scope says who asks as proxies that are trusted say it.

    Args:
        prompt: is asked.
        trusted: addresses of proxies, as uvicorn has them.
    """

    def __init__(self, prompt: Prompt, trusted: list[str] | str) -> None:
        self._prompt: Final = prompt
        # uvicorn's own, which stands before the app, too: to see it twice changes nothing.
        self._named: Final[Any] = ProxyHeadersMiddleware(_nobody, trusted)

    def __call__(self, scope: Any, body: bytes, reply: Reply | None) -> bool:  # noqa: ANN401 - of ASGI
        """See `Prompt`."""
        if not _FORWARDED.isdisjoint(map(_name, scope["headers"])):
            with contextlib.suppress(StopIteration):  # it waits for nothing but the app
                self._named(scope, None, None).send(None)
        return self._prompt(scope, body, reply)


async def _nobody(*_: object) -> None:
    """Who is asked once it is known who asks."""


class _Start:
    """What every answer begins with, after its status: it changes once a second."""

    fields: _Fields | None = None
    lines: bytes = b""


def answer_begins(status: bytes, fields: _Fields) -> tuple[bytes, bytes]:
    """The beginning of an answer: its `status`, and the `fields` that the server adds to all."""
    if fields is not _Start.fields:
        # The server makes a new list each time that it is another second.
        _Start.fields = fields
        _Start.lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return status, _Start.lines
