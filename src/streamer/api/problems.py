"""Errors over HTTP: ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ASGIApp, ExceptionHandlersMap

from ..errors import InvalidJSON, StreamerError, Unauthorized, WrongMediaType
from ..tracing.doing import DOING
from .methods import methods_at
from .page_headers import NOTHING_POLICY
from .quota_fields import full_fields, headers_of, report_quota, reported_quota
from .refusals import note_refusal

logger = logging.getLogger(__name__)

#: Of every problem. Its detail may repeat what somebody else sent.
PROBLEM_HEADERS: Final = {"Cache-Control": "no-store", "Content-Security-Policy": NOTHING_POLICY}
PROBLEM_TYPE: Final = "application/problem+json"
_TYPE = "urn:streamer:error:"
#: The coding of a body that has none.
_AS_IT_IS: Final = "identity"
#: Characters of a path that an answer quotes.
_LONGEST_PATH: Final = 200

#: What the framework leaves unsaid, by status.
_DETAILS = {
    404: "nothing is at {path}; /schema lists every address",
    405: "{method} is not allowed at {path}; /schema lists what is",
    413: "the body is too large; at most {max_bytes} bytes are read",
}


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457 section 3.1; what programs go by, and `request_id` of the log."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retry: bool
    topic: str | None = None
    line: int | None = None
    request_id: str = ""


def problem_of(error: StreamerError) -> Problem:
    """An error of ours, with the status that `errors.OUTCOMES` gives it."""
    outcome = error.outcome
    return Problem(
        type=_TYPE + error.code.replace("_", "-"),
        title=outcome.title,
        status=outcome.status,
        detail=error.detail,
        code=error.code,
        retry=outcome.retry,
        topic=error.topic,
        line=error.line,
        request_id=DOING.get().request,
    )


def streamer_problem(request: Request[Any, Any, Any], error: StreamerError) -> Response[bytes]:
    """Answer an error of ours."""
    headers = {}
    if (coded := _as_coded(request, error)) is not error:
        error = coded
        headers["Accept-Encoding"] = _AS_IT_IS  # RFC 9110, section 15.5.16
    note_refusal(request, error)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = challenge_of(error)
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if full := full_fields(error):
        report_quota(request, full)
    return _answer(request, problem_of(error), headers)


def _as_coded(request: Request[Any, Any, Any], error: StreamerError) -> StreamerError:
    """`error`, or what is wrong before that: what is no JSON may be compressed.

    It is asked for nothing else: some say of what is as it is that it is coded.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if not isinstance(error, InvalidJSON) or coding in {"", _AS_IT_IS}:
        return error
    return WrongMediaType(
        f"the body cannot be read: Content-Encoding is {coding[:40]!r}; send it as it is"
    )


def challenge_of(error: Unauthorized) -> str:
    """The ``WWW-Authenticate`` of a 401 (RFC 6750 section 3): what kind of proof is asked for.

    Who presented nothing is given no error code.
    """
    return "Bearer" if error.code == Unauthorized.code else 'Bearer error="invalid_token"'


def http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer an error of the framework's: no such address, a method not allowed."""
    detail = error.detail  # it may hold a client's braces: it is not a format
    if error.status_code in _DETAILS:
        detail = _DETAILS[error.status_code].format(
            method=request.method,
            path=request.scope["path"][
                :_LONGEST_PATH
            ],  # `url` reads the Host, which may be anything
            max_bytes=request.app.request_max_body_size,
        )
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        problems = [f"{item.get('key', 'value')}: {item.get('message')}" for item in error.extra]
        detail = "; ".join(problems) or detail
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    problem = Problem(
        type=_TYPE + code.replace("_", "-"),
        title=phrase,
        status=error.status_code,
        detail=detail,
        code=code,
        retry=False,
        request_id=DOING.get().request,
    )
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = ", ".join(methods_at(request.app, request.scope))
    request.app.state.metrics.refused(problem.code)
    return _answer(request, problem, headers)


def unexpected_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of ours without its traceback; the log has that."""
    logger.error("%s %r failed", request.method, request.scope["path"], exc_info=error)
    problem = Problem(
        type=_TYPE + "internal-error",
        title="Internal error",
        status=500,
        detail="the server failed; the failure is in its log",
        code="internal_error",
        retry=True,
        request_id=DOING.get().request,
    )
    request.app.state.metrics.refused(problem.code)
    return _answer(request, problem, {})


#: What answers an error, by its class or one that it is derived from.
EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    StreamerError: streamer_problem,
    HTTPException: http_problem,
    Exception: unexpected_problem,
}


def answer_to(request: Request[Any, Any, Any], error: Exception, handlers: Any) -> ASGIApp:  # noqa: ANN401 - the framework's own
    """What answers `error`, as the framework has it answered where a handler has raised it.

    `handlers` are those of that handler, which has its own for some classes, or none.
    """
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    response: Response[bytes] = handler(request, error)
    return response.to_asgi_response(app=None, request=request)


def _answer(
    request: Request[Any, Any, Any], problem: Problem, headers: dict[str, str]
) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=PROBLEM_TYPE,
        headers={**PROBLEM_HEADERS, **headers_of(reported_quota(request)), **headers},
    )
