"""Tasks of a job: how they add up, what is told of them, and how long they may still take."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamer
from streamer.jobs.estimate import Estimate
from streamer.jobs.place import set_progress
from streamer.jobs.share import MAX_DEPTH, MAX_PARTS
from streamer.jobs.stops import JobCancelled
from support.telling import Bench
from support.waiting import DEADLINE


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_task_counts_in_its_unit_and_is_the_job_while_it_is_alone(bench: Bench) -> None:
    with bench.progress.task("encode", total=240, unit="s", weight=8) as task:
        for _ in range(60):
            task.advance(1)
        bench.now += 1
        task.advance(60)
    assert bench.progress.fraction == 1.0
    (half,) = [each for each in bench.updates if each.fraction == 0.5]
    (listed,) = half.tasks
    assert (listed.name, listed.done, listed.total, listed.unit, listed.progress) == (
        *("encode", 120, 240),
        *("s", 0.5),
    )
    assert bench.updates[-1].tasks == ()


def test_tasks_add_up_by_their_weights(bench: Bench) -> None:
    probe, encode = bench.progress.task("probe"), bench.progress.task("encode", total=4, weight=8)
    upload = bench.progress.task("upload")
    seen = []
    with probe:
        pass
    seen.append(bench.progress.fraction)
    with encode as task:
        for _ in range(4):
            task.advance()
            seen.append(bench.progress.fraction)
    with upload:
        pass
    seen.append(bench.progress.fraction)
    assert seen == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    assert seen[-1] == 1.0


def test_what_is_made_within_a_task_is_a_part_of_it(bench: Bench) -> None:
    whole, other = bench.progress.task("whole"), bench.progress.task("other")
    with whole:
        first, second = bench.progress.task("first", total=2), bench.progress.task("second")
        with first as task:
            task.advance()
            assert (whole.fraction, bench.progress.fraction) == (0.25, 0.125)
        with second:
            pass
        assert whole.fraction == 1.0
    assert bench.progress.fraction == 0.5
    assert other.fraction == 0.0


def test_a_task_within_one_that_counts_is_a_part_of_the_unit_that_it_is_at(bench: Bench) -> None:
    seen = []
    with bench.progress.task("files", total=2) as files:
        for _ in range(2):
            with bench.progress.task("file", total=2) as file:
                for _ in range(2):
                    file.advance()
                    seen.append(bench.progress.fraction)
            files.advance()
            seen.append(bench.progress.fraction)
    assert seen == [0.25, 0.5, 0.5, 0.75, 1.0, 1.0]


def test_an_item_of_a_track_is_shared_by_the_tasks_in_its_body(bench: Bench) -> None:
    seen = []
    for _ in bench.progress.track(range(2)):
        draw, save = bench.progress.task("draw", weight=3), bench.progress.task("save")
        with draw:
            pass
        seen.append(bench.progress.fraction)
        with save:
            pass
        seen.append(bench.progress.fraction)
    assert seen == [0.375, 0.5, 0.875, 1.0]


def test_a_task_that_raises_stays_at_what_it_came_to(bench: Bench) -> None:
    bench.progress.task("other")
    task = bench.progress.task("encode", total=4)

    def work() -> None:
        with task:
            task.advance()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        work()
    task.advance(3)
    bench.progress.send_held()
    assert bench.progress.fraction == 0.125
    assert bench.updates[-1].tasks == ()


def test_progress_falls_where_a_total_is_raised_and_only_there(bench: Bench) -> None:
    with bench.progress.task("scan", total=10) as task:
        task.advance(5)
        assert bench.progress.fraction == 0.5
        task.total = 8
        assert bench.progress.fraction == 0.625
        task.total = 50
        assert bench.progress.fraction == 0.1
        bench.now += 1
        task.done = 4
        assert bench.progress.fraction == 0.1
        task.done = 10
        assert bench.progress.fraction == 0.2
    assert bench.fractions[-1] == 1.0


def test_a_task_that_is_made_later_raises_the_total_of_what_it_is_a_part_of(bench: Bench) -> None:
    with bench.progress.task("first"):
        pass
    assert bench.progress.fraction == 1.0
    with bench.progress.task("second", total=4, weight=3) as task:
        assert bench.progress.fraction == 0.25
        task.advance(2)
        assert bench.progress.fraction == 0.625
    assert bench.progress.fraction == 1.0


def test_what_update_says_is_a_floor_for_the_tasks(bench: Bench) -> None:
    task = bench.progress.task("encode", total=10)
    bench.progress.update(0.5)
    task.advance(2)
    assert bench.progress.fraction == 0.5
    task.advance(6)
    assert bench.progress.fraction == 0.8


def test_threads_tell_of_a_task_together(bench: Bench) -> None:
    task = bench.progress.task("pages", total=4000)

    def count() -> None:
        for _ in range(1000):
            task.advance()

    with task, ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(count) for _ in range(4)]:
            each.result()
        assert task.done == 4000
        with task.task("last", total=2) as inner:
            inner.advance()
    assert bench.progress.fraction == 1.0


async def test_coroutines_of_a_job_are_each_within_their_own_task(bench: Bench) -> None:
    set_progress(bench.progress)
    try:
        met = asyncio.Barrier(2)

        async def work(name: str) -> None:
            with streamer.progress().task(name, total=2):
                await met.wait()
                with streamer.progress().task(f"{name}/inner", total=4) as inner:
                    await met.wait()
                    inner.advance()
                    await met.wait()

        one, other = (bench.progress.task(name) for name in ("a", "b"))

        async def within(task: streamer.Task, name: str) -> None:
            with task:
                await work(name)

        async with asyncio.timeout(DEADLINE):
            async with asyncio.TaskGroup() as group:
                group.create_task(within(one, "one"))
                group.create_task(within(other, "other"))
        assert bench.progress.fraction == 1.0
    finally:
        set_progress(None)


def test_no_more_than_sixteen_tasks_are_listed_and_those_without_a_name_never(bench: Bench) -> None:
    for number in range(20):
        bench.progress.task(f"part {number}", total=2).advance()
    for _ in bench.progress.track(range(2)):
        bench.now += 1
    assert [each.name for each in bench.updates[-1].tasks] == [f"part {n}" for n in range(16)]


@pytest.mark.parametrize(
    "wrong", [0, -1, math.nan, math.inf, "many", [], object()], ids=lambda each: repr(each)[:8]
)
def test_what_is_no_total_weight_or_amount_is_logged_once_and_fails_nothing(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    wrong: Any,  # noqa: ANN401
) -> None:
    for _ in range(2):
        with bench.progress.task("encode", total=wrong, weight=wrong) as task:
            assert task.total is None
            task.advance(wrong)
            task.done = wrong
            task.total = wrong
        assert bench.progress.fraction == 1.0
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(set(said))
    assert any("total is" in each and "a number above 0" in each for each in said)
    assert any("weight is" in each for each in said)


@pytest.mark.parametrize("amount", [True, 2.5, Decimal("2.5")])
def test_any_number_is_an_amount(bench: Bench, amount: Any) -> None:  # noqa: ANN401
    task = bench.progress.task("encode", total=Decimal(10))  # type: ignore[arg-type]
    task.advance(amount)
    assert task.done == float(amount)


def test_a_name_that_is_none_is_its_text_and_cut(bench: Bench) -> None:
    task = bench.progress.task("n" * 1000, unit="u" * 1000)
    assert (len(task.name), len(task.unit or "")) == (256, 32)
    assert bench.progress.task(7).name == "7"  # type: ignore[arg-type]


def test_a_call_that_no_function_has_raises_as_any_function_does(bench: Bench) -> None:
    with pytest.raises(TypeError):
        bench.progress.task()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        bench.progress.task("encode", 240)  # type: ignore[call-arg]


def test_tasks_have_bounds_and_what_is_beyond_them_counts_for_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    task = bench.progress.task("0")
    for depth in range(10 * MAX_DEPTH):
        task = task.task(str(depth))
    task.advance()
    for number in range(MAX_PARTS + 10):
        bench.progress.task(str(number))
    assert bench.progress.fraction == 0.0
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith(f"at most {MAX_PARTS} open tasks, {MAX_DEPTH} deep")


def test_what_is_over_is_no_longer_kept(bench: Bench) -> None:
    for _ in range(3 * MAX_PARTS):
        with bench.progress.task("one of many"):
            pass
    assert bench.progress.fraction == 1.0
    assert not bench.progress.telling.open


def test_a_task_is_a_cancellation_point_of_the_job_and_of_no_thread_that_helps(
    bench: Bench,
) -> None:
    task = bench.progress.task("encode", total=9)

    def work() -> None:
        with task:
            task.advance()
            bench.progress.cancel()
            with ThreadPoolExecutor(1) as helper:
                helper.submit(task.advance).result()
            task.advance()

    set_progress(bench.progress)
    try:
        with pytest.raises(JobCancelled):
            work()
    finally:
        set_progress(None)
    assert task.done == 2


# Rate and time.


def test_rate_and_time_left_are_in_every_event_once_there_is_something_to_go_by(
    bench: Bench,
) -> None:
    with bench.progress.task("encode", total=100, unit="s") as task:
        for _ in range(50):
            bench.now += 0.5
            task.advance(1)
    first, *others = bench.updates[:-1]
    assert (first.rate, first.eta_seconds) == (None, None)
    assert all(each.rate == pytest.approx(0.02, rel=0.01) for each in others)
    assert others[-1].eta_seconds == pytest.approx(25, rel=0.01)
    (listed,) = others[-1].tasks
    assert listed.rate == pytest.approx(2.0, rel=0.01)
    assert listed.eta_seconds == pytest.approx(25, rel=0.01)
    assert bench.updates[-1].eta_seconds == 0.0


def test_a_change_of_pace_is_seen_within_a_minute_and_one_slow_item_is_no_alarm() -> None:
    estimate, now, value = Estimate(), 0.0, 0.0
    for _ in range(120):
        estimate.look(now, value)
        now, value = now + 1, value + 10
    assert estimate.rate == pytest.approx(10)
    estimate.look(now + 2, value)
    assert 8 < (estimate.rate or 0) < 10
    for _ in range(60):
        now, value = now + 1, value + 1
        estimate.look(now, value)
    assert 1 <= (estimate.rate or 0) < 1.5


def test_what_stands_still_has_no_time_and_what_fell_is_begun_anew() -> None:
    estimate = Estimate()
    for now in range(5):
        estimate.look(now, 3)
    assert (estimate.rate, estimate.seconds_until(9)) == (None, None)
    assert estimate.seconds_until(3) == 0.0
    estimate.look(5, 1)
    estimate.look(6, 2)
    assert (estimate.rate, estimate.seconds_until(4)) == (1.0, 2.0)


# For all trees of tasks.


class Node:
    """A task as docs/PROGRESS.md describes it: all its parts are kept, and asked each time."""

    def __init__(self, total: int | None, weight: int) -> None:
        self.total, self.weight = total, weight
        self.done = 0
        self.over: float | None = None
        self.parts: list[Node] = []
        self.best = 0.0

    def mean(self) -> float:
        weight = sum(part.weight for part in self.parts)
        return sum(part.weight * part.value() for part in self.parts) / weight if weight else 0.0

    def value(self) -> float:
        if self.over is not None:
            return self.over
        if self.total is None:
            return self.mean()
        self.best = max(self.best, self.mean())
        return min(1.0, (self.done + self.best) / self.total)

    def advance(self, amount: int) -> None:
        self.done += amount
        self.best = 0.0
        self.parts = [part for part in self.parts if part.over is None]


class Step(NamedTuple):
    """What is done to the task of a number, modulo how many there are; 0 is the job."""

    what: str
    at: int
    amount: int
    weight: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["count", "count", "count", "whole", "failed", "make", "raise"]),
        st.integers(0, 30),
        st.integers(1, 4),
        st.integers(1, 9),
    ),
    max_size=40,
)
#: Of each task what it is a part of (modulo those before it), its total (0: none), its weight.
TREES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=8
)


class Twins:
    """A job's tasks, and the same as the document describes them."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.root = Node(None, 1)
        self.pairs: list[tuple[Node, Any]] = [(self.root, None)]

    def make(self, parent: int, total: int, weight: int) -> bool:
        """Whether that raises a total."""
        node, task = self.pairs[parent % len(self.pairs)]
        own = Node(total or None, weight)
        of = self.bench.progress if task is None else task
        raises = node.over is None and node.total is None and node.mean() > 0
        self.pairs.append((own, of.task("t", total=total or None, weight=weight)))
        if node.over is None:
            node.parts.append(own)
        return raises

    def do(self, step: Step) -> bool:
        """Whether that raises a total."""
        node, task = self.pairs[step.at % len(self.pairs)]
        if step.what == "make":
            return self.make(step.at, step.amount, step.weight)
        if task is None:
            return False
        if step.what == "count":
            task.advance(step.amount)
            node.advance(step.amount)
        elif step.what == "raise":
            if node.total is not None:
                node.total += step.amount
                task.total = node.total
                return True
        elif node.over is None:
            node.over = 1.0 if step.what == "whole" else node.value()
            task.end(is_whole=step.what == "whole")
        return False


@settings(max_examples=150, deadline=None)
@given(TREES, STEPS)
def test_the_job_is_the_sum_of_its_tasks_and_falls_only_where_a_total_is_raised(
    tree: list[tuple[int, int, int]], steps: list[Step]
) -> None:
    twins, floor = Twins(), 0.0
    job = twins.bench.progress
    for each in tree:
        assert not twins.make(*each)
    for step in steps:
        before = 0.0 if twins.do(step) else floor
        floor = max(before, twins.root.value())
        assert job.fraction == pytest.approx(floor, abs=1e-9)
        assert before - 1e-9 <= job.fraction <= 1.0
        twins.bench.now += 1
    for _, task in reversed(twins.pairs[1:]):
        task.end()
    if all(node.over in {None, 1.0} for node, _ in twins.pairs):
        assert job.fraction == 1.0


@settings(max_examples=50, deadline=None)
@given(TREES, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60))
def test_what_is_told_never_falls_where_all_tasks_are_made_first(
    tree: list[tuple[int, int, int]], counts: list[tuple[int, int]]
) -> None:
    bench = Bench()
    tasks: list[Any] = []
    for parent, total, weight in tree:
        of = tasks[parent % len(tasks)] if tasks and parent % 3 else bench.progress
        tasks.append(of.task("t", total=total or None, weight=weight))
    for at, amount in counts:
        bench.now += 1
        tasks[at % len(tasks)].advance(amount)
    for task in reversed(tasks):
        bench.now += 1
        task.end()
    assert bench.fractions == sorted(bench.fractions)
    assert bench.fractions[-1] == 1.0
