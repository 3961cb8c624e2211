"""What stands before every handler: the checks of host and origin, and what needs no handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ..access.credentials import hide_url_tokens
from ..errors import StreamerError
from ..events.trace import PARENT, STATE, trace_in
from ..tracing.doing import DOING, Doing
from .answer_fields import NOSNIFF, Field, Fields, added_to_all, fields_of
from .hosts import Hosts
from .methods import as_get, methods_at
from .origins import Origins
from .problems import PROBLEM_HEADERS, PROBLEM_TYPE, problem_of
from .refusals import note_denial
from .request_ids import HEADER, request_id_of

#: Methods that change nothing (RFC 9110 section 9.2.1).
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOKED_AT: Final = {
    b"access-control-request-method": "access-control-request-method",
    b"host": "host",
    b"origin": "origin",
    b"sec-fetch-site": "sec-fetch-site",
    **{name.encode(): name for name in (HEADER, PARENT, STATE)},
}

_ID: Final = HEADER.encode()
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"DELETE, GET, HEAD, PATCH, POST, PUT"),
    (
        b"access-control-allow-headers",
        b", ".join(
            (
                *(b"authorization", b"cache-control", b"content-type", b"idempotency-key"),
                *(b"last-event-id", b"range", b"traceparent", b"tracestate", b"tus-resumable"),
                *(b"upload-length", b"upload-metadata", b"upload-offset"),
                *(b"x-http-method-override", HEADER.encode()),
            )
        ),
    ),
    (b"access-control-max-age", b"86400"),  # seconds; browsers take two hours to a day
)

#: What an answer to ``OPTIONS`` has beside the methods, by path.
Options = Callable[[str], Iterable[Field]]


class Guard:
    """An ASGI app around all handlers, and the headers that browsers need on every answer.

    Args:
        litestar: knows which methods an address has.
        app: what is guarded.
        hosts: whose requests are ours.
        origins: whose pages may ask.
        options: what else an answer to ``OPTIONS`` says.
    """

    def __init__(
        self, litestar: Litestar, app: ASGIApp, hosts: Hosts, origins: Origins, options: Options
    ) -> None:
        self._litestar: Final = litestar
        self._app: Final = app
        self._hosts: Final = hosts
        self._origins: Final = origins
        self._options: Final = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, answer a preflight, or pass the request on to the app."""
        if scope["query_string"]:
            hide_url_tokens(scope)  # type: ignore[arg-type]
        headers = _read(scope)
        request_id = request_id_of(headers.get(HEADER))
        # The server gives each request a context of its own.
        DOING.set(Doing(request_id, "", trace_in(headers) if PARENT in headers else None))
        named = (_ID, request_id.encode())
        if scope["type"] == ScopeType.WEBSOCKET:
            try:
                self._hosts.check(headers.get("host"))
            except StreamerError as error:
                self._note(scope, error)
                await _refuse_socket(scope, receive, send, error, named)
                return
            # A foreign page is refused once it is accepted: else it could not read why.
            await self._app(scope, receive, _accepting(named, send))
            return
        method = scope["method"]
        added = added_to_all(self._origins, headers.get("origin"), headers.get("host"))
        send = _adding((*added, named), send, with_body=method != "HEAD")
        try:
            if "host" in headers or scope["http_version"] != "1.0":  # which had none
                self._hosts.check(headers.get("host"))
            preflight = "access-control-request-method" in headers and method == "OPTIONS"
            if preflight or method not in _SAFE:
                self._origins.check(headers)
        except StreamerError as error:
            self._note(scope, error)
            await _answer(send, error.outcome.status, _PROBLEM, _encoded(error))
            return
        if preflight:
            await _answer(send, 204, _PREFLIGHT, b"")
        elif method == "OPTIONS" and (methods := methods_at(self._litestar, scope)):
            await _answer(
                send,
                204,
                [(b"allow", ", ".join(methods).encode()), *self._options(scope["path"])],
                b"",
            )
        else:
            asked = as_get(self._litestar, scope) if method == "HEAD" else scope
            await self._app(asked, receive, send)

    def _note(self, scope: Scope, error: StreamerError) -> None:
        self._litestar.state.metrics.refused(error.code)
        note_denial(scope, error)


def _read(scope: Scope) -> dict[str, str]:
    """The headers that are looked at here; one that is sent twice is malformed.

    The whitespace around a value is not part of it (RFC 9110 section 5.5); a server
    may leave it in, so it is stripped here.
    """
    found: dict[str, str] = {}
    spaced = False
    for name, value in scope["headers"]:
        bare = value.strip(b" \t")
        spaced |= bare is not value
        if name in _LOOKED_AT:
            known, text = _LOOKED_AT[name], bare.decode("latin-1")
            found[known] = f"{found[known]}, {text}" if known in found else text
    if spaced:
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
    return found


def _adding(added: Fields, send: Send, *, with_body: bool) -> Send:
    # Not a coroutine of its own: each answer is two messages.
    def answering(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*fields_of(message["headers"], added)]
        elif message["type"] == "http.response.body" and not with_body:
            message["body"] = b""
        return send(message)

    return answering


def _accepting(named: Field, send: Send) -> Send:
    def answering(message: Message) -> Awaitable[None]:
        if message["type"] == "websocket.accept":
            message["headers"] = [*message.get("headers", ()), named]
        return send(message)

    return answering


_PROBLEM: Final = tuple(
    (name.lower().encode(), value.encode())
    for name, value in {"Content-Type": PROBLEM_TYPE, **PROBLEM_HEADERS}.items()
)


def _encoded(error: StreamerError) -> bytes:
    return msgspec.json.encode(problem_of(error))


async def _answer(send: Send, status: int, headers: Iterable[Field], body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    sent = [*headers, length] if body else [*headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _refuse_socket(
    scope: Scope, receive: Receive, send: Send, error: StreamerError, named: Field
) -> None:
    """Answer the handshake with a problem, or with 403 where the server knows no other way."""
    await receive()  # the request to connect
    answer: Any
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        answer = {"type": "websocket.close", "code": error.outcome.close_code, "reason": ""}
        await send(answer)
        return
    body = _encoded(error)
    headers = [*_PROBLEM, NOSNIFF, named, (b"content-length", b"%d" % len(body))]
    answer = {
        "type": "websocket.http.response.start",
        "status": error.outcome.status,
        "headers": headers,
    }
    await send(answer)
    answer = {"type": "websocket.http.response.body", "body": body, "more_body": False}
    await send(answer)
