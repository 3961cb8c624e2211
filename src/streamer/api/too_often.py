"""How often an address or a subject may do something, as it is asked for."""

from __future__ import annotations

import math
from time import monotonic
from typing import Final

from ..errors import TooManyRequests
from .asker import Connection, asker_of
from .quota_fields import NONE, Fields, rate_fields, report_quota
from .rate import Rate

#: What is allowed at once: as much as in so many seconds.
BURST_SECONDS: Final = 10


class _Quota:
    """What each of a kind may do, and how it is reported."""

    __slots__ = ("fields", "rate")

    def __init__(self, policy: str, per_second: float) -> None:
        self.rate: Final = Rate(per_second, int(BURST_SECONDS * per_second) or 1)
        self.fields: Final = rate_fields(policy, self.rate)


class HowOften:
    """One thing that may be done so often; each answer says how often still.

    Args:
        name: of its quotas: ``name-by-address`` and ``name-by-subject``.
        done: what somebody does, for a refusal: "you `done` too often".
        per_second: allowed in the long run; 0 is no limit, and nothing is reported.
    """

    def __init__(self, name: str, done: str, per_second: float) -> None:
        self._done: Final = done
        self._is_limited: Final = per_second > 0
        # Two: a subject may be called as an address is.
        self._addresses: Final = _Quota(f"{name}-by-address", per_second)
        self._subjects: Final = _Quota(f"{name}-by-subject", per_second)

    def count(self, request: Connection, count: int = 1) -> Fields:
        """Count `count` more of it, of who asks; return the fields that report what is left.

        That is the subject's, where there is one: what others of its address do is not
        its business. An answer that is a problem has them without more ado. `request` may
        also be the WebSocket over which it is asked for.

        Raises:
            TooManyRequests: with the seconds to wait; the fields are of that of the two
                quotas which has too little left.
        """
        if not self._is_limited:
            return NONE
        asker, now = asker_of(request), monotonic()
        quota = self._subjects if asker.subject else self._addresses
        wait, left = quota.rate.spend(asker.subject or asker.client, now, count)
        # Last: who does too much uses up nothing of its neighbours'.
        if asker.subject and not wait:
            wait, at_address = self._addresses.rate.spend(asker.client, now, count)
            if wait:
                quota, left = self._addresses, at_address
        fields = quota.fields(left, math.ceil(wait))
        report_quota(request, fields)
        if wait:
            raise TooManyRequests(
                f"you {self._done} too often; try again in {wait:.3f} seconds", retry_after=wait
            )
        return fields
