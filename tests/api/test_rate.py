"""Rates and crowds: who may do how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.api import rate
from streamer.api.rate import Rate
from streamer.errors import TooManyConnections
from streamer.hub.quotas import Crowd


def test_a_burst_passes_and_the_next_must_wait_for_its_turn() -> None:
    """Ten a second and five at once: the sixth comes a tenth of a second later."""
    rule = Rate(10, burst=5)
    assert [rule.wait("a", 100.0) for _ in range(5)] == [0.0] * 5
    assert rule.wait("a", 100.0) == pytest.approx(0.1)
    assert rule.wait("a", 100.11) == 0.0


def test_a_try_that_is_refused_does_not_count() -> None:
    """Who keeps asking is not kept waiting for longer."""
    rule = Rate(1, burst=1)
    assert rule.wait("a", 0.0) == 0.0
    for _ in range(10):
        assert rule.wait("a", 0.5) == pytest.approx(0.5)
    assert rule.wait("a", 1.001) == 0.0


def test_clients_do_not_share_a_rate() -> None:
    """One that publishes too often does not slow another."""
    rule = Rate(1, burst=1)
    assert rule.wait("a", 0.0) == 0.0
    assert rule.wait("a", 0.0) > 0.0
    assert rule.wait("b", 0.0) == 0.0


def test_no_rate_is_no_limit() -> None:
    """0 a second switches it off."""
    rule = Rate(0, burst=1)
    assert not any(rule.wait("a", 0.0) for _ in range(1000))


def test_a_client_that_was_not_seen_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that made-up clients cannot fill the memory."""
    monkeypatch.setattr(rate, "MAX_CLIENTS", 2)
    rule = Rate(1, burst=1)
    for client in ("a", "b", "c"):
        assert rule.wait(client, 0.0) == 0.0
    assert rule.wait("b", 0.0) > 0.0, "remembered"
    assert rule.wait("a", 0.0) == 0.0, "forgotten: taken as new"


@given(
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
    st.floats(0.5, 100),
    st.integers(1, 20),
)
def test_never_more_than_the_burst_and_the_rate_allow(
    pauses: list[float], per_second: float, burst: int
) -> None:
    """Whatever the pauses between the tries are."""
    rule = Rate(per_second, burst)
    now = passed = 0.0
    for pause in pauses:
        now += pause
        passed += rule.wait("a", now) == 0.0
    assert passed <= burst + per_second * now + 1


def test_a_crowd_is_full_until_somebody_leaves() -> None:
    """And says how many it may have, and what to do instead."""
    crowd = Crowd(2, "address")
    for _ in range(2):
        crowd.refuse_if_full("10.0.0.1", 1.0)
        crowd.enter("10.0.0.1")
    with pytest.raises(TooManyConnections, match=r"10\.0\.0\.1 has 2 .* one connection") as told:
        crowd.refuse_if_full("10.0.0.1", 1.5)
    assert told.value.retry_after == 1.5
    assert (told.value.whose, told.value.most) == ("address", 2)
    crowd.refuse_if_full("10.0.0.2", 1.0)
    crowd.leave("10.0.0.1")
    crowd.refuse_if_full("10.0.0.1", 1.0)


def test_nobody_in_particular_is_never_too_many() -> None:
    """Readers without a token are no party; and 0 is no limit."""
    crowd, free = Crowd(1, "subject"), Crowd(0, "subject")
    for _ in range(3):
        crowd.refuse_if_full("", 1.0)
        crowd.enter("")
        free.refuse_if_full("a", 1.0)
        free.enter("a")
    crowd.leave("")
    crowd.refuse_if_full("", 1.0)


def test_several_at_once_count_as_many_and_never_more_than_a_burst() -> None:
    rate = Rate(1.0, burst=4)
    assert rate.wait("a", 0.0, 3) == 0.0
    assert rate.wait("a", 0.0, 3) == pytest.approx(2.0)
    assert rate.wait("a", 0.0) == 0.0
    assert rate.wait("a", 4.0, 100) == 0.0
    assert rate.wait("a", 4.0) == pytest.approx(1.0)


@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), max_size=50),
    st.floats(0.01, 100_000),
    st.integers(1, 50),
)
def test_what_is_left_is_what_is_allowed_at_once(
    tries: list[tuple[float, int]], per_second: float, burst: int
) -> None:
    """No fewer and no more, whatever came before."""
    rule = Rate(per_second, burst)
    now = 1000.0
    for pause, count in tries:
        now += pause
        rule.wait("a", now, count)
    left = rule.spend("a", now)[1]
    assert [rule.wait("a", now) for _ in range(left)] == [0.0] * left
    wait, none = rule.spend("a", now)
    assert wait > 0.0
    assert none == 0


def test_without_a_limit_all_is_left() -> None:
    assert Rate(0, burst=7).spend("a", 0.0) == (0.0, 7)
    assert Rate(1, burst=7).spend("a", 0.0) == (0.0, 6)


def test_what_is_refused_is_told_with_what_would_be_allowed() -> None:
    rule = Rate(1, burst=4)
    assert rule.spend("a", 0.0, 3) == (0.0, 1)
    assert rule.spend("a", 0.0, 3) == (2.0, 1)
