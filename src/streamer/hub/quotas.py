"""How many readers, and topics, a process and each party has, and how many each may have."""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from ..errors import TooManyConnections, TooManyTopics


class Crowd:
    """Readers by party: an address, or the subject of a token.

    Args:
        most: readers of one party; 0 is no limit.
        whose: what a party is: an ``address`` or a ``subject``.
    """

    __slots__ = ("_counts", "_most", "_whose")

    def __init__(self, most: int, whose: str) -> None:
        self._most = most
        self._whose = whose
        self._counts: Counter[str] = Counter()

    def refuse_if_full(self, party: str, retry_after: float) -> None:
        """Raise `TooManyConnections` if `party` has as many as it may.

        An empty `party` is nobody in particular. `retry_after` is in seconds.
        """
        if party and self._most and self._counts[party] >= self._most:
            raise TooManyConnections(
                f"{party} has {self._most} connections to this process, the most it may; "
                "read several topics on one connection",
                retry_after=retry_after,
                whose=self._whose,
                most=self._most,
            )

    def enter(self, party: str) -> None:
        """Count a reader of `party`."""
        if party:
            self._counts[party] += 1

    def leave(self, party: str) -> None:
        """Stop counting a reader of `party`."""
        if party:
            self._counts[party] -= 1
            if not self._counts[party]:
                del self._counts[party]


class Asking(Protocol):
    """Whose a reader is, or would be: an address, and a subject if it named one."""

    @property
    def client(self) -> str:
        """The address."""

    @property
    def subject(self) -> str:
        """The subject; empty if none."""


class Quotas:
    """The readers and polls of a process, by party, and the topics of each subject.

    Args:
        most: of the process; 0 is no limit.
        most_per_client: of one address; 0 is no limit.
        most_per_subject: of one subject; 0 is no limit.
        most_topics: that one subject may read over all its connections; 0 is no limit.
    """

    def __init__(
        self, most: int, most_per_client: int, most_per_subject: int, most_topics: int
    ) -> None:
        self._most: Final = most
        self._count = 0
        self._clients: Final = Crowd(most_per_client, "address")
        self._subjects: Final = Crowd(most_per_subject, "subject")
        self._most_topics: Final = most_topics
        self._topics: Final[Counter[str]] = Counter()

    def refuse_if_full(self, asking: Asking, topics: int, retry_after: float) -> None:
        """Raise if there is no room for one more, of so many topics.

        `retry_after` is in seconds.

        Raises:
            TooManyConnections: of readers.
            TooManyTopics: of the subject's topics.
        """
        if self._most and self._count >= self._most:
            raise TooManyConnections(
                f"this process has {self._most} readers, the most it may", retry_after=retry_after
            )
        self._clients.refuse_if_full(asking.client, retry_after)
        self._subjects.refuse_if_full(asking.subject, retry_after)
        self.refuse_more_topics(asking.subject, topics, retry_after)

    def refuse_more_topics(self, subject: str, topics: int, retry_after: float) -> None:
        """Raise `TooManyTopics` if `subject` may not read so many more; seconds as above."""
        most = self._most_topics
        # Fewer are always welcome.
        if subject and most and topics > 0 and self._topics[subject] + topics > most:
            raise TooManyTopics(
                f"{subject} reads {self._topics[subject]} topics over its connections to this "
                f"process, and may read {most}; here are {topics} more",
                retry_after=retry_after,
            )

    def enter(self, asking: Asking, topics: int) -> None:
        """Count one more, of so many topics."""
        self._count += 1
        self._clients.enter(asking.client)
        self._subjects.enter(asking.subject)
        self.change_topics(asking.subject, topics)

    def leave(self, asking: Asking, topics: int) -> None:
        """Count one fewer, which reads so many topics."""
        self._count -= 1
        self._clients.leave(asking.client)
        self._subjects.leave(asking.subject)
        self.change_topics(asking.subject, -topics)

    def change_topics(self, subject: str, topics: int) -> None:
        """Count so many more topics of `subject`, or fewer."""
        if subject:
            self._topics[subject] += topics
            if not self._topics[subject]:
                del self._topics[subject]
