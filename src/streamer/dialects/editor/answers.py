"""Errors over HTTP, as the editor reads them."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response

from ...api.long_body import closing
from ...api.problems import streamer_problem
from ...errors import StreamerError


def editor_problem(request: Request[Any, Any, Any], error: StreamerError) -> Response[bytes]:
    """Answer an error of ours: a problem as everywhere, with the editor's words in it."""
    answer = streamer_problem(request, error)
    problem = msgspec.json.decode(answer.content)
    words = {"success": False, "message": error.detail, "error": error.detail}
    answer.content = msgspec.json.encode({**problem, **words})
    return answer


def upload_problem(request: Request[Any, Any, Any], error: StreamerError) -> Response[bytes]:
    """The same, where a video may be on its way."""
    answer = editor_problem(request, error)
    answer.headers.update(closing(request))
    return answer
