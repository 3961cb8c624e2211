"""What a deployment sets of a hub."""

from __future__ import annotations

import msgspec

from .limits import HubLimits


class TailLimits(msgspec.Struct, frozen=True):
    """How much of each feed is kept in the process: events and bytes."""

    max_events: int = 1000
    max_bytes: int = 1024 * 1024


class HubOptions(msgspec.Struct, frozen=True):
    """Bounds and times of a hub.

    Attributes:
        tail: what each feed keeps in the process.
        limits: bounds that no deployment sets.
        send_timeout: seconds a reader may take nothing before it is closed.
        warning: seconds before the end of its token that a reader is warned, at most.
        retry_ms: milliseconds an EventSource waits before it reconnects;
            jittered from this to twice this, per reader.
        max_readers: readers of the process; 0 is no limit.
        max_readers_per_client: those from one address; 0 is no limit.
        max_readers_per_subject: those of one subject; 0 is no limit.
        max_topics_per_subject: topics of all these together; 0 is no limit.
        io_uring: whether to send to many readers with one system call, where
            the kernel lets us.
    """

    tail: TailLimits = TailLimits()
    limits: HubLimits = HubLimits()
    send_timeout: float = 30.0
    warning: float = 60.0
    retry_ms: int = 2000
    max_readers: int = 0
    max_readers_per_client: int = 0
    max_readers_per_subject: int = 0
    max_topics_per_subject: int = 0
    io_uring: bool = True
