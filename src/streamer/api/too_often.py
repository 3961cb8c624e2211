"""How often an address or a token may do something, as it is asked for over HTTP."""

from __future__ import annotations

import time
from typing import Any

from litestar import Request

from ..errors import TooManyRequests
from .rate import Rate
from .stream_request import client_of, subject_of


def refuse_if_too_often(
    rate: Rate, request: Request[Any, Any, Any], what: str, count: int = 1
) -> None:
    """Count `count` more of what an address, or a token, does; refuse it beyond its rate.

    Raises:
        TooManyRequests: with the seconds to wait; `what` says what is done too often.
    """
    now = time.monotonic()
    wait = rate.wait(client_of(request), now, count)
    subject = subject_of(request.headers.get("authorization"))
    if subject and not wait:
        wait = rate.wait(subject, now, count)
    if wait:
        raise TooManyRequests(
            f"you {what} too often; try again in {wait:.3f} seconds", retry_after=wait
        )
