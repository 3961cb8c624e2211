"""What is counted, without knowing where the numbers go.

The default counts nothing. Whoever wants numbers gives `create_app` an object with
these methods, for Prometheus, StatsD or a test: none may block or raise. They are
called on the event loop, never once for each reader of a pass.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

#: How a reader reads.
Transport = Literal["sse", "websocket", "poll"]


class Metrics(Protocol):
    """Counts what happens in one process."""

    def attached(self, transport: str) -> None:
        """A reader was taken: a `Transport`, or the name that a dialect gives itself."""

    def left(self, transport: str) -> None:
        """A reader that was `attached` is over."""

    def published(self, events: int) -> None:
        """The log has taken so many events, repeats by idempotency key among them."""

    def delivered(self, readers: int, events: int) -> None:
        """A pass has handed `events` to each of `readers`, all of them by one write."""

    def replayed(self, events: int) -> None:
        """A reader that is not live was handed `events`, from the tail or the log."""

    def reported_gaps(self, readers: int, gaps: int) -> None:
        """Each of `readers` was sent `gaps` reports of what it can no longer be given."""

    def refused(self, code: str) -> None:
        """A request or a command was answered with an error; `code` is its `errors` code.

        Of the framework's errors it is the status's name, such as ``not_found``.
        """


class Silent:
    """Counts nothing."""

    def attached(self, transport: str) -> None:
        """Count nothing."""

    def left(self, transport: str) -> None:
        """Count nothing."""

    def published(self, events: int) -> None:
        """Count nothing."""

    def delivered(self, readers: int, events: int) -> None:
        """Count nothing."""

    def replayed(self, events: int) -> None:
        """Count nothing."""

    def reported_gaps(self, readers: int, gaps: int) -> None:
        """Count nothing."""

    def refused(self, code: str) -> None:
        """Count nothing."""


#: What counts by default: nothing.
SILENT: Final[Metrics] = Silent()
