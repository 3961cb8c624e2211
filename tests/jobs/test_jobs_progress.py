"""The progress of a job: what is sent, when, and what never is."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from dramatiq.middleware import Shutdown

import streamer
from streamer.events.new_event import new_event
from streamer.jobs.place import set_progress
from streamer.jobs.progress import Progress
from streamer.jobs.stops import JobCancelled
from streamer.jobs.telling import INTERVAL
from support.telling import Bench
from support.waiting import DEADLINE, wait_until_blocking


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_and_the_last_update_are_sent_and_ten_a_second_between(bench: Bench) -> None:
    for step in range(1, 1001):
        bench.progress.update(step / 1000)
        bench.now += 0.001
    assert bench.fractions[0] == 0.001
    assert bench.fractions[-1] == 1.0
    assert 9 <= len(bench.sent) <= 10


def test_no_more_are_sent_whatever_changes_and_the_last_one_always_is(bench: Bench) -> None:
    for step in range(1000):
        bench.progress.update(0.5, f"page {step}", page=step)
        bench.now += 0.001
    assert 9 <= len(bench.sent) <= 10
    bench.progress.send_held()
    assert bench.sent[-1] == (0.5, "page 999", {"page": 999})


def test_the_end_with_a_message_that_changes_is_throttled_too(bench: Bench) -> None:
    for step in range(100):
        bench.progress.update(1.0, f"tidying {step}")
    bench.progress.send_held()
    assert [told[1] for told in bench.sent] == ["tidying 0", "tidying 99"]


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


class Weird:
    """What nobody should report, and somebody does."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __float__(self) -> float:
        raise RuntimeError("no number")


@pytest.mark.parametrize("throttled", [False, True])
@pytest.mark.parametrize(
    "fraction", [-0.1, 1.1, 1.00001, math.nan, math.inf, "half", "0.7", None, 10**400, [], Weird()]
)
def test_what_is_no_fraction_is_logged_once_and_the_rest_of_the_update_is_sent(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    fraction: Any,  # noqa: ANN401
    throttled: bool,
) -> None:
    bench.progress.update(0.5)
    bench.now += 0 if throttled else 1
    bench.progress.update(fraction, "on page 3", page=3)
    bench.progress.update(fraction, "on page 4", page=4)
    bench.progress.send_held()
    assert bench.sent[-1] == (0.5, "on page 4", {"page": 4})
    (record,) = caplog.records
    assert "a number from 0.0 to 1.0" in record.getMessage()


def test_what_rounding_makes_of_the_ends_is_the_ends(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.progress.update(-1e-9)
    fraction = 0.0
    for _ in range(20):
        fraction += 0.05
        bench.progress.update(fraction)
    assert fraction > 1.0
    assert (bench.fractions[0], bench.fractions[-1]) == (0.0, 1.0)
    assert not caplog.records


@pytest.mark.parametrize("fraction", [Decimal("0.25"), Fraction(1, 4), 0.25])
def test_any_number_is_a_fraction(bench: Bench, fraction: Any) -> None:  # noqa: ANN401
    bench.progress.update(fraction)
    assert bench.fractions == [0.25]


UNPUBLISHABLE: list[tuple[dict[str, Any], tuple[str | None, dict[str, Any]], str]] = [
    ({"message": "\udce4.mp4"}, ("?.mp4", {}), "surrogates"),
    ({"message": 7}, ("7", {}), "must be text"),
    ({"message": Weird()}, (None, {}), "must be text"),
    ({"name": "\udce4"}, (None, {"name": "?"}), "surrogates"),
    ({"names": [{"\udce4": "\udce4"}]}, (None, {"names": [{"?": "?"}]}), "surrogates"),
    ({"what": object(), "page": 3}, (None, {"page": 3}), "'what' is left out"),
    ({"what": Weird(), "page": 3}, (None, {"page": 3}), "'what' is left out"),
    ({"huge": "x" * 70_000, "page": 3}, (None, {"page": 3}), "'huge' is left out"),
    ({"message": "ok", "huge": list(range(50_000))}, ("ok", {}), "'huge' is left out"),
    ({"loss": math.nan}, (None, {"loss": None}), ""),
]


@pytest.mark.parametrize("throttled", [False, True])
@pytest.mark.parametrize("case", UNPUBLISHABLE, ids=lambda case: str(list(case[0])))
def test_of_an_update_that_cannot_be_published_what_can_be_is(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    case: tuple[dict[str, Any], tuple[str | None, dict[str, Any]], str],
    throttled: bool,
) -> None:
    given, sent, reason = case
    bench.progress.update(0.1)
    bench.now += 0 if throttled else 1
    for fraction in (0.2, 0.3):
        bench.progress.update(fraction, **given)
    bench.progress.send_held()
    assert bench.sent[-1] == (0.3, *sent)
    assert [reason in record.getMessage() for record in caplog.records] == [True] * bool(reason)


@pytest.mark.parametrize("letter", ["x", "\0", "\u00e4", "\u2028", "\U0001f600"])
def test_a_message_is_cut_to_what_fits_into_an_event(bench: Bench, letter: str) -> None:
    bench.progress.update(0.5, letter * 70_000, page=3)
    fraction, message, metadata = bench.sent[-1]
    assert message is not None
    assert message.startswith(letter * 3000)
    assert message.endswith("...")
    event = new_event(
        "jobs/j", "progress", {"progress": fraction, "message": message, "metadata": metadata}
    )
    assert len(event.fields) > 25_000


def test_metadata_that_refers_to_itself_is_left_out(bench: Bench) -> None:
    loop: list[object] = []
    loop.append(loop)
    bench.progress.update(0.5, loop=loop, page=3)
    assert bench.sent == [(0.5, None, {"page": 3})]


def test_metadata_is_sent_as_it_was_when_it_was_given(bench: Bench) -> None:
    pages = [1]
    bench.progress.update(0.1)
    bench.progress.update(0.2, pages=pages)
    pages.append(2)
    bench.progress.send_held()
    assert bench.sent[-1] == (0.2, None, {"pages": [1]})


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


def test_a_track_in_a_track_reports_within_the_step_of_the_outer_one(bench: Bench) -> None:
    for page in bench.progress.track(["a", "b"], message="pages"):
        for _ in bench.progress.track(range(2), message=page):
            bench.now += 1
        for _ in bench.progress.track(range(5)):
            bench.now += 1
        bench.now += 1
    assert bench.fractions == sorted(bench.fractions)
    assert [told[:2] for told in bench.sent if told[0] in {0.0, 0.25, 0.5, 0.75, 1.0}] == [
        *[(0.0, "pages"), (0.25, "a"), (0.5, "a"), (0.5, "pages")],
        *[(0.75, "b"), (1.0, "b"), (1.0, "pages")],
    ]


@pytest.mark.parametrize("leave", ["break", "raise"])
def test_a_track_that_is_left_early_leaves_the_outer_one_as_it_was(
    bench: Bench, leave: str
) -> None:
    for _ in bench.progress.track(range(4)):
        with contextlib.suppress(KeyError):
            for _ in bench.progress.track(range(4)):
                bench.now += 1
                if leave == "break":
                    break
                raise KeyError
    assert bench.fractions == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_track_in_one_whose_length_nobody_knows_does_not_report_its_end(bench: Bench) -> None:
    for _ in bench.progress.track(letter for letter in "abc"):
        for _ in bench.progress.track(range(4)):
            bench.now += 1
        assert bench.progress.fraction == 0.0
    assert bench.fractions[-1] == 1.0


class NoLength:
    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])


@pytest.mark.parametrize("total", [0, -2, math.nan, "two", None])
def test_tracking_with_a_length_that_is_none_fails_nothing(
    bench: Bench,
    total: Any,  # noqa: ANN401
) -> None:
    assert list(bench.progress.track(NoLength(), total)) == [1, 2]
    assert bench.fractions == [0.0, 1.0]


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


@pytest.fixture
def in_the_job(bench: Bench) -> Iterator[Bench]:
    """The bench's progress is that of the job which this thread runs."""
    set_progress(bench.progress)
    yield bench
    set_progress(None)


def test_each_step_of_a_track_and_each_update_stop_a_cancelled_job(in_the_job: Bench) -> None:
    items = streamer.track(iter(range(5)))
    assert next(items) == 0
    in_the_job.progress.cancel()
    with pytest.raises(JobCancelled):
        next(items)
    with pytest.raises(JobCancelled):
        streamer.progress().update(0.5)


def test_what_a_job_reports_about_being_cancelled_does_not_stop_it_again(in_the_job: Bench) -> None:
    def work() -> None:
        try:
            streamer.progress().update(0.5)
        finally:
            streamer.progress().update(0.6, "cleaning up")

    in_the_job.progress.cancel()
    with pytest.raises(JobCancelled):
        work()
    assert in_the_job.sent == [(0.6, "cleaning up", {})]


def test_a_thread_that_helps_a_cancelled_job_is_not_what_is_stopped(in_the_job: Bench) -> None:
    in_the_job.progress.cancel()
    with ThreadPoolExecutor(1) as helper:
        helper.submit(in_the_job.progress.update, 0.5).result()
    assert in_the_job.fractions == [0.5]


def test_a_stopping_worker_does_not_interrupt_a_job_that_does_not_ask(in_the_job: Bench) -> None:
    in_the_job.progress.interrupt()
    assert list(streamer.track([1, 2])) == [1, 2]
    with pytest.raises(Shutdown):
        streamer.progress().raise_if_cancelled()


def test_a_child_that_is_forked_while_an_update_is_sent_can_send_its_own() -> None:
    sending, finish = threading.Event(), threading.Event()

    def send(*_: object) -> None:
        sending.set()
        finish.wait(DEADLINE)

    progress = Progress(send)
    other = threading.Thread(target=progress.update, args=(0.5,))
    other.start()
    sending.wait(DEADLINE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if child == 0:
        finish.set()
        progress.update(1.0)
        os._exit(0)
    finish.set()
    other.join()
    ended = []

    def over() -> bool:
        ended.append(os.waitpid(child, os.WNOHANG))
        return ended[-1][0] == child

    try:
        wait_until_blocking(over, "the child hangs")
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    assert ended[-1][1] == 0


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
