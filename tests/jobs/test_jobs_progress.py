"""The progress of a job: what is sent, when, and what never is."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Mapping
from typing import Any

import pytest

import streamer
from streamer.errors import InvalidFields
from streamer.jobs.progress import INTERVAL, JobCancelled, Progress, set_progress


class Bench:
    """A progress whose clock and audience are the test's."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, str | None, Mapping[str, Any]]] = []
        self.progress = Progress(lambda *told: self.sent.append(told), clock=lambda: self.now)

    @property
    def fractions(self) -> list[float]:
        return [fraction for fraction, _, _ in self.sent]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_and_the_last_update_are_sent_and_ten_a_second_between(bench: Bench) -> None:
    for step in range(1, 1001):
        bench.progress.update(step / 1000)
        bench.now += 0.001
    assert bench.fractions[0] == 0.001
    assert bench.fractions[-1] == 1.0
    assert 10 <= len(bench.sent) <= 12


def test_a_change_of_message_is_sent_at_once_and_its_repetition_is_not(bench: Bench) -> None:
    bench.progress.update(0.1, "reading")
    bench.progress.update(0.2, "reading")
    bench.progress.update(0.3, "writing")
    bench.progress.update(0.4)
    assert [told[:2] for told in bench.sent] == [(0.1, "reading"), (0.3, "writing")]


def test_an_update_that_was_held_is_sent_when_asked_for_and_only_once(bench: Bench) -> None:
    bench.progress.update(0.1)
    bench.progress.update(0.2, frame=7)
    bench.progress.send_held()
    bench.progress.send_held()
    assert bench.sent == [(0.1, None, {}), (0.2, None, {"frame": 7})]


def test_an_update_after_the_interval_is_sent(bench: Bench) -> None:
    bench.progress.update(0.1)
    bench.now += INTERVAL
    bench.progress.update(0.2)
    assert bench.fractions == [0.1, 0.2]


def test_progress_never_goes_back(bench: Bench) -> None:
    for fraction in (0.5, 0.2, 0.6, 0.1):
        bench.now += 1
        bench.progress.update(fraction)
    assert bench.fractions == [0.5, 0.6]


def test_an_update_that_says_nothing_new_is_not_sent(bench: Bench) -> None:
    for _ in range(3):
        bench.progress.update(0.5, "working", frame=1)
        bench.now += 1
    bench.progress.send_held()
    assert len(bench.sent) == 1


def test_nothing_is_sent_of_a_job_that_tells_nothing(bench: Bench) -> None:
    bench.progress.send_held()
    assert bench.sent == []


def test_the_end_is_sent_once(bench: Bench) -> None:
    bench.progress.update(1.0)
    bench.progress.update(1.0)
    assert bench.fractions == [1.0]


@pytest.mark.parametrize("fraction", [-0.1, 1.1, math.nan, math.inf, "half", None])
def test_what_is_no_fraction_is_refused_even_if_it_would_not_be_sent(
    bench: Bench,
    fraction: Any,  # noqa: ANN401
) -> None:
    bench.progress.update(0.5)
    with pytest.raises(InvalidFields, match=r"0\.0 to 1\.0"):
        bench.progress.update(fraction)


def test_tracking_tells_the_start_each_item_and_the_end(bench: Bench) -> None:
    for item in bench.progress.track(["a", "b"], message="working"):
        assert item in "ab"
        bench.now += 1
    assert [told[:2] for told in bench.sent] == [
        (0.0, "working"),
        (0.5, "working"),
        (1.0, "working"),
    ]


def test_tracking_what_has_no_length_tells_the_start_and_the_end(bench: Bench) -> None:
    for _ in bench.progress.track(letter for letter in "abc"):
        bench.now += 1
    assert bench.fractions == [0.0, 1.0]


def test_tracking_more_than_was_said_stays_at_the_end(bench: Bench) -> None:
    for _ in bench.progress.track(range(4), total=2):
        bench.now += 1
    assert bench.fractions == [0.0, 0.5, 1.0]


def test_a_silenced_progress_sends_nothing_more(bench: Bench) -> None:
    bench.progress.update(0.1)
    bench.progress.update(0.2)
    bench.progress.silence()
    bench.progress.update(1.0)
    bench.progress.send_held()
    assert bench.fractions == [0.1]


def test_a_cancelled_job_learns_of_it_where_it_asks(bench: Bench) -> None:
    bench.progress.raise_if_cancelled()
    bench.progress.cancel()
    assert bench.progress.cancelled
    with pytest.raises(JobCancelled):
        bench.progress.raise_if_cancelled()


def test_outside_of_a_job_progress_is_silent_and_remembers_nothing() -> None:
    streamer.progress().update(0.9, "nobody hears this", frame=1)
    assert streamer.progress().fraction == 0.0
    assert list(streamer.track([1, 2, 3])) == [1, 2, 3]
    streamer.progress().raise_if_cancelled()


async def test_a_task_sees_the_progress_of_the_job_that_started_it(bench: Bench) -> None:
    async def work() -> None:
        streamer.progress().update(0.5)

    context = contextvars.copy_context()
    context.run(set_progress, bench.progress)
    await asyncio.get_running_loop().create_task(work(), context=context)
    await work()
    assert bench.fractions == [0.5]
