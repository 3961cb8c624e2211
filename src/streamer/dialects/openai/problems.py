"""Errors, in the form that clients of OpenAI's API read."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from ...api.problems import http_problem, streamer_problem
from ...errors import NotFound, StreamerError
from ...jobs.recording.frames import RESPONSES
from ...jobs.recording.playback import Refusal
from .requests import MAX_BODY

_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
#: What the AI server says of our key, which is not the client's.
_OURS: Final = frozenset({401, 403})
#: What one answers that does not know the address.
_UNKNOWN_ADDRESS: Final = frozenset({404, 405, 501})
_BAD_GATEWAY: Final = 502
_TOO_LARGE: Final = 413


def told(request: Request[Any, Any, Any], error: StreamerError) -> Response[bytes]:
    """Answer an error of ours."""
    return _retold(streamer_problem(request, error))


def told_of_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer an error of the framework's."""
    if error.status_code == _TOO_LARGE:
        said = f"the body is too large; at most {MAX_BODY} bytes are read"
        return answer(_TOO_LARGE, _error(said, kind="invalid_request_error"), {})
    return _retold(http_problem(request, error))


#: What these addresses do with errors.
PROBLEMS: Final[ExceptionHandlersMap] = {StreamerError: told, HTTPException: told_of_framework}


def nobody() -> NotFound:
    """There is no AI server to pass anything on to."""
    return NotFound(
        "no AI server is behind this address: STREAMER_AI_URL must be the base URL of one, "
        "as in https://api.openai.com/v1"
    )


def refused(refusal: Refusal, of: str) -> Response[bytes]:
    """Answer as the AI server answered, in its own words; but not of the key that is ours."""
    status, error = refusal.status, _error_in(refusal.said)
    if status in _OURS:
        status = _BAD_GATEWAY
        error = _error("the AI server does not take the key of this server, STREAMER_AI_KEY")
    elif of == RESPONSES and status in _UNKNOWN_ADDRESS:
        said = error["message"] if error is not None else f"the status {status}"
        error = _error(
            f"the AI server answered POST /responses with: {said}. If it speaks chat completions "
            "alone, ask for those: POST /chat/completions with stream is recorded as well",
            code="responses_unknown" if error is None else error.get("code"),
        )
    elif status < _CLIENT_ERROR:  # an answer that is no stream
        status = _BAD_GATEWAY
    headers = {} if refusal.retry_after is None else {"Retry-After": refusal.retry_after}
    return answer(status, error or _error(refusal.said or f"the status {status}"), headers)


def answer(status: int, error: dict[str, Any], headers: dict[str, str]) -> Response[bytes]:
    """An error as such a client reads it."""
    return Response(
        msgspec.json.encode({"error": error}),
        status_code=status,
        headers={"Cache-Control": "no-store", **headers},
        media_type="application/json",
    )


def _retold(problem: Response[bytes]) -> Response[bytes]:
    said = msgspec.json.decode(problem.content)
    status = problem.status_code or _SERVER_ERROR
    kind = "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
    error = _error(said["detail"], kind=kind, code=said["code"])
    kept = {"www-authenticate", "retry-after", "ratelimit", "ratelimit-policy"}
    headers = {k: v for k, v in problem.headers.items() if k.lower() in kept}
    return answer(status, error, headers)


def _error(message: str, *, kind: str = "server_error", code: Any = None) -> dict[str, Any]:  # noqa: ANN401 - theirs may be a number
    return {"message": message, "type": kind, "param": None, "code": code}


def _error_in(said: str) -> dict[str, Any] | None:
    """The error in the body of a refusal, if it has the usual form."""
    try:
        error = msgspec.json.decode(said)["error"]
        return {**error, "message": str(error["message"])}
    except (msgspec.MsgspecError, UnicodeError, RecursionError, LookupError, TypeError):
        return None
