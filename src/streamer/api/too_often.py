"""How often an address or a subject may do something, as it is asked for over HTTP."""

from __future__ import annotations

import time

from ..errors import TooManyRequests
from .asker import Asker
from .rate import Rate


def refuse_if_too_often(rate: Rate, asker: Asker, what: str, count: int = 1) -> None:
    """Count `count` more of what an address, or a subject, does; refuse it beyond its rate.

    Raises:
        TooManyRequests: with the seconds to wait; `what` says what is done too often.
    """
    now = time.monotonic()
    wait = rate.wait(asker.client, now, count)
    if asker.subject and not wait:
        wait = rate.wait(asker.subject, now, count)
    if wait:
        raise TooManyRequests(
            f"you {what} too often; try again in {wait:.3f} seconds", retry_after=wait
        )
