"""How much the hub keeps, reads and writes at a time, whatever comes."""

from __future__ import annotations

import msgspec


class HubLimits(msgspec.Struct, frozen=True):
    """Bounds inside a hub, which no deployment needs to set; a test makes them small.

    Attributes:
        page_bytes: of events that are handed to a transport at a time, about: as
            much as one write to a socket usually takes. What a slow reader is handed
            stays small, however large its events are.
        page_events: events read from the log at a time.
        cohort_readers: readers that are written to before control returns to the event loop
            of: some three milliseconds at the 4 to 6 µs that a send takes. Smaller
            cohorts let publishes in between, and every event then waits for two passes.
        busy: part of its time that a feed's passes may take before events share packets
            (`Packing`); at 1.0 they never do.
        turn_readers: readers whose feeds are handed their events before the same; a
            notification to everybody is one to ten thousand feeds.
        unfolded_events: kept of a feed before its snapshots are read again instead.
        resting_feeds: feeds without readers that are kept, so that a reconnect finds
            its tail.
        resting_seconds: how long such a feed is kept: who comes back later reads the log.
        held_events: notified while a feed is read, and kept until it has been; beyond
            them it is read on instead. A log that is slow must not fill the memory.
        waiting_events: that wait for the next batch of readers with a rate. Beyond them they
            are merged before their time, and if that does not help, go out before it.
        waiting_bytes: the same, of their size.
        ended_readers: readers whose token has ended, or is soon to, that are served
            before the event loop is let go of: ten thousand may end in one second.
        renewals: times that snapshots are read for one reader that comes while so much
            happens that each answer is out of date when it arrives; then it is asked
            to come back.
        losses: gaps remembered for each reader. They matter to one that adds a topic
            with a cursor of its own, and only while the log keeps what is as old.
        answer_bytes: bytes of bodies in the answer to one poll, about: it ends with
            the event that reaches them.
        small_answer_bytes: the same, while `large_answers` larger ones are being sent.
        large_answers: answers under way beyond which others are small: whoever does
            not read holds its answer in our memory, which 64 MiB are enough of.
    """

    page_bytes: int = 64 * 1024
    page_events: int = 100
    cohort_readers: int = 512
    busy: float = 0.5
    turn_readers: int = 512
    unfolded_events: int = 256
    resting_feeds: int = 256
    resting_seconds: float = 120.0
    held_events: int = 10_000
    waiting_events: int = 1000
    waiting_bytes: int = 1024 * 1024
    ended_readers: int = 128
    renewals: int = 10
    losses: int = 1000
    answer_bytes: int = 1024 * 1024
    small_answer_bytes: int = 64 * 1024
    large_answers: int = 64
