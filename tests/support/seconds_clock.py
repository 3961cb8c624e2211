"""A clock in seconds that a test holds."""

from __future__ import annotations


class SecondsClock:
    """Seconds since 1970 that only a test moves."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
