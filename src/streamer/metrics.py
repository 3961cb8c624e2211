"""What is counted, without knowing where the numbers go.

`prometheus.Counting` counts for ``/metrics``. Whoever wants the numbers elsewhere, too, gives
`create_app` an object with these methods, for StatsD or a test: none may block or raise.
They are called on the event loop, never once for each reader of a pass.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

#: How a reader reads.
Transport = Literal["sse", "websocket", "poll"]

#: Why a connection was ended that nobody had asked to end: its reader took nothing in time;
#: it failed, or the server did; there was no room for it; it waited, and made room.
Dropped = Literal["send_timeout", "failed", "no_room", "made_room"]


class Metrics(Protocol):
    """Counts what happens in one process."""

    def attached(self, transport: str) -> None:
        """A reader was taken: a `Transport`, or the name that a dialect gives itself."""

    def left(self, transport: str) -> None:
        """A reader that was `attached` is over."""

    def published(self, events: int, waited: float, took: float) -> None:
        """The log has taken so many events at once, repeats by idempotency key among them.

        That took it `took` seconds. The first of them had been waiting for `waited` seconds
        when all had been taken: none took longer.
        """

    def append_failed(self, events: int) -> None:
        """The log has not taken so many events, as far as is known."""

    def delivered(self, readers: int, events: int, oldest: int) -> None:
        """A pass has handed `events` to each of `readers`, all of them by one write.

        The oldest that is kept was appended at `oldest`: milliseconds since 1970, by the
        log's clock; 0 if none is kept.
        """

    def replayed(self, events: int) -> None:
        """A reader that is not live was handed `events`, from the tail or the log."""

    def reported_gaps(self, readers: int, gaps: int) -> None:
        """Each of `readers` was sent `gaps` reports of what it can no longer be given."""

    def refused(self, code: str) -> None:
        """A request or a command was answered with an error; `code` is its `errors` code.

        Of the framework's errors it is the status's name, such as ``not_found``.
        """

    def dropped(self, reason: Dropped) -> None:
        """A connection was ended that nobody had asked to end."""

    def interrupted(self) -> None:
        """The log is heard no longer; streams stay open."""


class Silent:
    """Counts nothing."""

    def attached(self, transport: str) -> None:
        """Count nothing."""

    def left(self, transport: str) -> None:
        """Count nothing."""

    def published(self, events: int, waited: float, took: float) -> None:
        """Count nothing."""

    def append_failed(self, events: int) -> None:
        """Count nothing."""

    def delivered(self, readers: int, events: int, oldest: int) -> None:
        """Count nothing."""

    def replayed(self, events: int) -> None:
        """Count nothing."""

    def reported_gaps(self, readers: int, gaps: int) -> None:
        """Count nothing."""

    def refused(self, code: str) -> None:
        """Count nothing."""

    def dropped(self, reason: Dropped) -> None:
        """Count nothing."""

    def interrupted(self) -> None:
        """Count nothing."""


class Both:
    """Counts in two places."""

    def __init__(self, one: Metrics, other: Metrics) -> None:
        self._one: Final = one
        self._other: Final = other

    def attached(self, transport: str) -> None:
        """See `Metrics.attached`."""
        self._one.attached(transport)
        self._other.attached(transport)

    def left(self, transport: str) -> None:
        """See `Metrics.left`."""
        self._one.left(transport)
        self._other.left(transport)

    def published(self, events: int, waited: float, took: float) -> None:
        """See `Metrics.published`."""
        self._one.published(events, waited, took)
        self._other.published(events, waited, took)

    def append_failed(self, events: int) -> None:
        """See `Metrics.append_failed`."""
        self._one.append_failed(events)
        self._other.append_failed(events)

    def delivered(self, readers: int, events: int, oldest: int) -> None:
        """See `Metrics.delivered`."""
        self._one.delivered(readers, events, oldest)
        self._other.delivered(readers, events, oldest)

    def replayed(self, events: int) -> None:
        """See `Metrics.replayed`."""
        self._one.replayed(events)
        self._other.replayed(events)

    def reported_gaps(self, readers: int, gaps: int) -> None:
        """See `Metrics.reported_gaps`."""
        self._one.reported_gaps(readers, gaps)
        self._other.reported_gaps(readers, gaps)

    def refused(self, code: str) -> None:
        """See `Metrics.refused`."""
        self._one.refused(code)
        self._other.refused(code)

    def dropped(self, reason: Dropped) -> None:
        """See `Metrics.dropped`."""
        self._one.dropped(reason)
        self._other.dropped(reason)

    def interrupted(self) -> None:
        """See `Metrics.interrupted`."""
        self._one.interrupted()
        self._other.interrupted()


#: What counts nothing.
SILENT: Final[Metrics] = Silent()
