"""What a reader asks of the hub."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .control import Control
from .cursor import Cursor
from .session import end_control


class Attach(msgspec.Struct, frozen=True):
    """What a reader asks for.

    Attributes:
        topics: 1 or more topics, without repeats.
        resume: the reader's own cursor, if it has been here before.
        start: where a first visit begins; None is the newest.
        until_end: end after the first terminal event.
        per_job: its topics are jobs: each is ended by its own terminal event, and
            the reader by the last of them.
        heartbeat: seconds between heartbeats, 1 or more.
        client: where the connection comes from: an address.
        subject: who asks: a name made from the token that was presented; empty
            if there was none.
    """

    topics: tuple[str, ...]
    resume: Cursor | None = None
    start: Cursor | None = None
    until_end: bool = False
    per_job: bool = False
    heartbeat: int = 15
    client: str = ""
    subject: str = ""


class Gone(Exception):
    """The client left while its reader was being started: there is nobody to answer."""


class Finished(Exception):
    """The reader has already been given the end of what it resumes.

    Args:
        ends: the topics that ended, and how, as their snapshots say.
    """

    def __init__(self, ends: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"all is over: {ends}")
        self._ends = ends

    def controls(self) -> list[Control]:
        """Say so once more, to a client that cannot be answered 204."""
        last = len(self._ends) - 1
        return [
            end_control(topic, reason, remaining=last - number)
            for number, (topic, reason) in enumerate(self._ends)
        ]
