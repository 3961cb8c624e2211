"""What one reader follows that has an end of its own, such as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..events.event import Event


class Story(Protocol):
    """The part of its topics that one reader is told of, from its beginning to its end.

    A stream that ends properly says that the story has ended. So nothing else ends it so:
    a drain, a gap, a token that ends cut the connection, and the client comes back.

    Attributes:
        is_over: whether it has ended; what was written is all.
        is_broken: whether it cannot be told on: the connection is cut.
    """

    @property
    def is_over(self) -> bool:
        """See above."""

    @property
    def is_broken(self) -> bool:
        """See above."""

    def take(self, event: Event) -> Sequence[Event]:
        """What is written of the next event: that event, nothing, or others in its place."""
