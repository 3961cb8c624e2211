"""Whether somebody takes what is sent to it."""

from __future__ import annotations


class SendProgress:
    """Watches the bytes that wait to be taken.

    Bytes that were added in the meantime, such as the answer to a ping, are not
    progress: only a client that takes some is kept.
    """

    __slots__ = ("_pending", "_since")

    def __init__(self) -> None:
        self._pending: int | None = None
        self._since = 0.0

    def is_stuck(self, now: float, pending: int, timeout: float) -> bool:
        """Whether none of the `pending` bytes was taken for `timeout` seconds.

        Ask again and again; the time counts from the first time.
        """
        took = self._pending is None or pending < self._pending
        self._pending = pending
        if took:
            self._since = now
        return now - self._since >= timeout
