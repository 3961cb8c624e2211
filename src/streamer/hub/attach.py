"""What a reader asks of the hub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..events.control import Control
from ..events.cursor import Cursor
from ..events.event import Event
from ..events.snapshot import Snapshot
from ..events.topic import job_of
from .controls import end_control
from .story import Story

#: See `Attach.enter`.
Enter = Callable[[], Awaitable[Callable[[], None]]]


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
        rate: batches of events a second at most, merged; 0.0 is each event as it comes.
        client: where the connection comes from: an address.
        subject: who asks: a name made from the token that was presented; empty
            if there was none.
        credential: what it proved itself with; whoever made it knows what it says.
        expires: when that ends, in seconds since 1970; None is never.
        refresh: where it may prove itself anew: what stands before ``/{stream_id}/token``.
        transport: how it reads: for the counters alone.
        reads_as: whose cursors it is told of; "" is nobody's.
        counted: those of its topics where events count as unread.
        greeting: what a dialect's ``connected`` says beside the rest.
        enter: what is done before the reader begins, once it is clear that it may, such as
            to count as there; it returns what is called when the reader is over.
        story: makes what it follows, if that has an end of its own.
    """

    topics: tuple[str, ...]
    resume: Cursor | None = None
    start: Cursor | None = None
    until_end: bool = False
    per_job: bool = False
    heartbeat: int = 15
    rate: float = 0.0
    client: str = ""
    subject: str = ""
    credential: object = None
    expires: float | None = None
    refresh: str = "/api/v1/streams"
    transport: str = ""
    reads_as: str = ""
    counted: tuple[str, ...] = ()
    greeting: dict[str, Any] = {}
    enter: Enter | None = None
    story: Callable[[], Story] | None = None


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
        """Report the ends once more, to a client that cannot be answered 204."""
        last = len(self._ends) - 1
        return [
            end_control(topic, reason, remaining=last - number)
            for number, (topic, reason) in enumerate(self._ends)
        ]


def refuse_if_finished(
    attach: Attach, snapshots: Mapping[str, Snapshot], last: Event | None
) -> None:
    """Raise `Finished` if `attach` resumes where there is nothing more to wait for.

    A stream of jobs ends where a first visit would: behind their ends. Any other may
    have been opened after an end: only a reader that resumes at the very event that
    ended the stream has been given it. `last` is the event it resumes at, if the log
    has it.
    """
    resume = attach.resume
    if resume is None or not (attach.per_job or attach.until_end):
        return
    by_itself = attach.topics if not attach.until_end else attach.topics[:1]
    ends: list[tuple[str, str]] = []
    for topic in attach.topics:
        state = snapshots[topic]
        ends_behind = job_of(topic) is not None and topic in by_itself
        if state.terminal is not None and (
            state.terminal == resume or (ends_behind and state.terminal < resume)
        ):
            ends.append((topic, state.status or "ended"))
        elif last is not None and last.terminal and topic in last.topics:
            ends.append((topic, last.type))
    if len(ends) == len(attach.topics) or (ends and attach.until_end):
        raise Finished(ends)
