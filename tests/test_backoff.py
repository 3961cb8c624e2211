"""Waits double up to a bound, and are spread over half their length."""

from __future__ import annotations

import pytest

from streamer.backoff import Backoff, grown, jittered
from streamer.eventlog.redis.notifications import RECONNECTING
from streamer.hub.feed_registry import REREADING
from streamer.publishing.sync_publisher import BACKOFF


def test_a_wait_doubles_up_to_its_bound() -> None:
    waits = [grown(attempt, 1.0, 30.0) for attempt in range(7)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_no_count_of_attempts_is_too_large() -> None:
    assert grown(10**9, 0.05, 2.0) == 2.0


def test_a_first_wait_beyond_the_bound_is_cut_to_it() -> None:
    assert grown(0, 60.0, 30.0) == 30.0


def test_jitter_spreads_a_wait_over_its_upper_half() -> None:
    assert jittered(8.0, lambda: 0.0) == 4.0
    assert jittered(8.0, lambda: 1.0) == 8.0
    assert len({jittered(8.0) for _ in range(100)}) > 1
    assert all(4.0 <= jittered(8.0) <= 8.0 for _ in range(100))


@pytest.mark.parametrize(
    ("backoff", "longest"),
    [
        (RECONNECTING, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]),
        (BACKOFF, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]),
        (REREADING, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]),
    ],
    ids=["notifications", "publisher", "replay"],
)
def test_whoever_lost_the_log_tries_again_within_seconds_and_never_in_step(
    backoff: Backoff, longest: list[float]
) -> None:
    assert [backoff(attempt, lambda: 1.0) for attempt in range(8)] == longest
    shortest = [backoff(attempt, lambda: 0.0) for attempt in range(8)]
    assert shortest == [seconds / 2 for seconds in longest]
    assert backoff(10_000) <= 2.0
