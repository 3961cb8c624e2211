"""A process has so many windows at most, which those have who write most recently."""

from __future__ import annotations

from streamer.wire.windows import Windows


class Owner:
    def __init__(self) -> None:
        self.renewed = 0

    def renew(self) -> None:
        self.renewed += 1


def test_there_are_never_more_than_that_many() -> None:
    now = 0.0
    windows = Windows(lambda: now, 3, at_least=0.0)
    owners = [Owner() for _ in range(10)]
    for owner in owners:
        assert windows.use(owner)
        now += 1.0
        assert len(windows) <= 3
    assert [owner.renewed for owner in owners] == [1] * 7 + [0] * 3


def test_the_one_that_wrote_longest_ago_gives_its_window() -> None:
    now = 0.0
    windows = Windows(lambda: now, 2, at_least=5.0)
    first, second, third = Owner(), Owner(), Owner()
    windows.use(first)
    windows.use(second)
    now = 4.0
    windows.use(first)
    now = 5.0
    assert windows.use(third)
    assert (first.renewed, second.renewed) == (0, 1)


def test_a_window_in_use_is_taken_from_nobody() -> None:
    """Of many who write in turn some have one, rather than all a new one each time."""
    now = 0.0
    windows = Windows(lambda: now, 1, at_least=5.0)
    first, second = Owner(), Owner()
    assert windows.use(first)
    now = 4.9
    assert not windows.use(second)
    assert windows.use(first)
    assert first.renewed == 0


def test_a_window_that_rests_is_given_up() -> None:
    now = 0.0
    windows = Windows(lambda: now, 256, rest=60.0)
    first, second = Owner(), Owner()
    windows.use(first)
    now = 60.0
    windows.use(second)
    assert (first.renewed, len(windows)) == (1, 1)


def test_what_is_given_up_is_free_at_once() -> None:
    windows = Windows(lambda: 0.0, 1)
    first, second = Owner(), Owner()
    windows.use(first)
    windows.give_up(first)
    assert windows.use(second)
