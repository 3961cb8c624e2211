"""A clock that a test holds."""

from __future__ import annotations


class FakeClock:
    """Seconds since 1970, which stand still until `advance`; call it to read it.

    Attributes:
        now: what it says; may be set.
    """

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds since 1970: as the ``clock`` of `create_app`."""
        return self.now

    def milliseconds(self) -> int:
        """Milliseconds since 1970: as the ``clock`` of a log in memory."""
        return round(self.now * 1000)

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now += seconds
