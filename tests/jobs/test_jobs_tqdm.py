"""``streamer.patch_tqdm()``: bars of the real tqdm are tasks of the job that makes them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tqdm import tqdm, trange  # type: ignore[import-untyped]
from tqdm.asyncio import tqdm_asyncio  # type: ignore[import-untyped]
from tqdm.std import tqdm as standard  # type: ignore[import-untyped]

import streamer
from streamer.jobs import tqdm_bars
from streamer.jobs.place import set_progress
from streamer.jobs.stops import JobCancelled
from support.telling import Bench
from support.waiting import DEADLINE

PATCHED = ("__init__", "__iter__", "update", "close", "reset")


@pytest.fixture
def patched() -> Iterator[None]:
    """Bars are tasks, until the end of the test."""
    before = {name: standard.__dict__[name] for name in PATCHED}
    streamer.patch_tqdm()
    streamer.patch_tqdm()
    yield
    for name, value in before.items():
        setattr(standard, name, value)
    tqdm_bars._patched.discard(standard)


@pytest.fixture
def bench(patched: None) -> Iterator[Bench]:
    """The bench's progress is that of the job which this thread runs."""
    bench = Bench()
    set_progress(bench.progress)
    yield bench
    set_progress(None)


def quiet(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - tqdm's own
    return {"file": io.StringIO(), **more}


@pytest.mark.parametrize("disable", [False, True])
def test_a_loop_over_a_bar_is_a_task_drawn_or_not(bench: Bench, disable: bool) -> None:
    seen = []
    for _ in tqdm(range(4), desc="pages", unit="page", **quiet(disable=disable)):
        bench.now += 1
        seen.append(bench.progress.fraction)
    assert seen == [0.0, 0.25, 0.5, 0.75]
    assert bench.progress.fraction == 1.0
    bench.progress.send_held()
    listed = [each for update in bench.updates for each in update.tasks]
    assert {(each.name, each.unit, each.total) for each in listed} == {("pages", "page", 4)}
    assert bench.updates[-1].tasks == ()


@pytest.mark.parametrize("disable", [False, True])
def test_a_bar_that_is_counted_by_hand_is_a_task(bench: Bench, disable: bool) -> None:
    with tqdm(total=10, desc="bytes", initial=2, **quiet(disable=disable)) as bar:
        assert bench.progress.fraction == 0.2
        bar.update(3)
        assert bench.progress.fraction == 0.5
        bar.update(5)
    assert bench.progress.fraction == 1.0


def test_a_bar_that_is_closed_early_stays_at_what_it_came_to(bench: Bench) -> None:
    other = bench.progress.task("other")
    bar = tqdm(total=4, **quiet())
    bar.update(2)
    bar.close()
    bar.close()
    assert bench.progress.fraction == 0.25
    with other:
        pass
    assert bench.progress.fraction == 0.75


def test_a_bar_may_be_begun_anew_with_another_total(bench: Bench) -> None:
    bar = tqdm(total=4, **quiet())
    bar.update(2)
    bar.reset(total=8)
    assert bench.progress.fraction == 0.0
    bar.update(2)
    assert bench.progress.fraction == 0.25
    bar.close()


def test_a_bar_within_a_bar_is_within_its_step(bench: Bench) -> None:
    seen = []
    for _ in trange(2, **quiet()):
        for _ in tqdm_asyncio(range(2), **quiet()):
            pass
        seen.append(bench.progress.fraction)
        with bench.progress.task("rest"):
            pass
    assert seen == [0.5, 1.0]
    assert bench.progress.fraction == 1.0


def test_a_bar_of_a_job_that_is_cancelled_stops(bench: Bench) -> None:
    done = []

    def work() -> None:
        for page in tqdm(range(9), **quiet()):
            done.append(page)
            if page == 2:
                bench.progress.cancel()

    with pytest.raises(JobCancelled):
        work()
    assert done == [0, 1, 2]


def test_a_bar_without_a_length_is_told_of_by_what_it_counts(bench: Bench) -> None:
    for _ in tqdm(iter(range(3)), desc="lines", **quiet()):
        bench.now += 1
    assert [each.done for update in bench.updates for each in update.tasks][-1] >= 2
    assert bench.progress.fraction == 1.0


def test_outside_of_a_job_a_bar_is_what_it_was(patched: None) -> None:
    drawn = io.StringIO()
    assert list(tqdm(range(3), desc="pages", file=drawn)) == [0, 1, 2]
    assert "pages: 100%" in drawn.getvalue()


def test_without_tqdm_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["tqdm"] = None
import streamer
try:
    streamer.patch_tqdm()
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=DEADLINE
    )
    assert done.stdout == "patch_tqdm needs tqdm: pip install tqdm\n"
