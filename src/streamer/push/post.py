"""One push on its way (RFC 8030): encrypted for its browser alone, and answered in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

# The one implementation of RFC 8188 for Python that is kept, by the author of the RFC; it has
# no types.
import http_ece  # type: ignore[import-untyped]
import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from ..access.bounded_get import Failed, kind_of
from ..eventlog.push import Subscription
from .vapid import decode

#: Seconds for which a push service keeps what it cannot deliver: a push of the day before
#: yesterday helps nobody, and the inbox has it.
_TTL: Final = 24 * 3600
#: Bytes of an answer that are read: with less its connection could not be used again, and
#: nothing in it is looked at.
_MOST_READ: Final = 16 * 1024

_HEADERS: Final = {
    "TTL": str(_TTL),
    # Neither an alarm that wakes a device at 3 %, nor news for when it is charged.
    "Urgency": "normal",
    # Of what waits at the service for one browser the newest is kept: it counts the others.
    # Of the letters of base64url, and as many as make whole bytes: some decode it.
    "Topic": "notification",
    "Content-Encoding": "aes128gcm",
    "Content-Type": "application/octet-stream",
}


class Answer(NamedTuple):
    """What a push service said: a status, and in how many seconds to come back, if it did."""

    status: int
    retry_after: float | None


def encrypted(message: bytes, subscription: Subscription) -> bytes:
    """`message` as the browser of `subscription` alone can read it (RFC 8291)."""
    sealed: bytes = http_ece.encrypt(
        message,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decode(subscription.p256dh),
        auth_secret=decode(subscription.auth),
        version="aes128gcm",
    )
    return sealed


async def post(
    client: httpx.AsyncClient,
    endpoint: str,
    body: bytes,
    authorization: str,
    *,
    seconds: float,
    clock: Callable[[], float] = time.time,
) -> Answer:
    """POST `body` once, and return what the service says to it, in `seconds`.

    No redirect is followed: it would lead to where nobody here has said that we may send.

    Raises:
        Failed: nobody answers, or not in time. It may have been taken all the same.
    """
    headers = {**_HEADERS, "Authorization": authorization}
    try:
        async with (
            asyncio.timeout(seconds),
            client.stream(
                "POST", endpoint, content=body, headers=headers, follow_redirects=False
            ) as response,
        ):
            await _drain(response)
            return Answer(response.status_code, _retry_after(response, clock))
    except TimeoutError:
        raise Failed(f"there is no answer in {seconds:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not its text: that may repeat the endpoint.
        raise Failed(f"it cannot be reached ({kind_of(error)})") from error


async def _drain(response: httpx.Response) -> None:
    size = 0
    async for piece in response.aiter_raw():
        size += len(piece)
        if size > _MOST_READ:
            return


def _retry_after(response: httpx.Response, clock: Callable[[], float]) -> float | None:
    """``Retry-After`` in seconds (RFC 9110 section 10.2.3): a number, or a date."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - clock())
