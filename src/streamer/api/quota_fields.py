"""The header fields that report a quota: ``RateLimit-Policy`` and ``RateLimit``.

They are those of draft-ietf-httpapi-ratelimit-headers-11, which are structured fields
(RFC 9651). A client that heeds them is never refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection

from ..errors import StreamerError, TooManyConnections
from .rate import Rate

#: Names as they are sent.
POLICY: Final = b"ratelimit-policy"
LIMIT: Final = b"ratelimit"

#: Header fields of an answer, as ASGI has them.
Fields = tuple[tuple[bytes, bytes], ...]
NONE: Final[Fields] = ()

#: Where the fields of an answer wait for it, in the scope of its request.
_KEY: Final = "streamer.quota"
#: Fields that are kept made; most answers have one of few numbers.
_KEPT: Final = 4096


def rate_fields(policy: str, rate: Rate) -> Callable[[int, int], Fields]:
    """Return what makes the fields of one `rate`, from what is left and whole seconds to wait.

    The quota is what is allowed at once, its window the time in which it is restored.
    What is left is reported with the time in which as much is restored: who spreads it
    over that time may continue for ever, at the rate. Where more was asked for than is left,
    that time is the one to wait, and equals ``Retry-After``.
    """
    window = max(1, math.ceil(rate.burst * rate.interval))
    allowed = (POLICY, f'"{policy}";q={rate.burst};w={window}'.encode())

    @lru_cache(_KEPT)
    def fields(left: int, wait: int) -> Fields:
        seconds = wait or max(1, math.ceil(max(left, 1) * rate.interval))
        return (allowed, (LIMIT, b'"%s";r=%d;t=%d' % (policy.encode(), left, seconds)))

    return fields


def report_quota(request: ASGIConnection[Any, Any, Any, Any], fields: Fields) -> None:
    """Let the answer to `request` have `fields`, whatever it will be."""
    scope: Any = request.scope
    scope[_KEY] = fields


def reported_quota(request: Request[Any, Any, Any]) -> Fields:
    """What `report_quota` was last given for `request`."""
    scope: Any = request.scope
    fields: Fields = scope.get(_KEY, NONE)
    return fields


def headers_of(fields: Fields) -> dict[str, str]:
    """`fields` as the framework takes them."""
    return {name.decode("ascii"): value.decode("ascii") for name, value in fields}


def full_fields(error: StreamerError) -> Fields:
    """The fields of an answer that says that an address, or a subject, has all it may hold open."""
    if not isinstance(error, TooManyConnections) or not error.whose:
        return NONE
    policy = f'"connections-by-{error.whose}"'
    allowed = f'{policy};q={error.most};qu="concurrent-requests"'
    return ((POLICY, allowed.encode()), (LIMIT, f"{policy};r=0".encode()))
