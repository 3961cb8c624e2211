"""What else a job tells: its log, facts, partial results, checkpoints, and what it prints."""

# ruff: noqa: T201 - what is printed is what is tested

from __future__ import annotations

import contextvars
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import streamer
from streamer.errors import LogUnavailable
from streamer.jobs.place import set_progress
from streamer.jobs.progress import Progress
from streamer.jobs.publishable import MAX_CHECKPOINT_BYTES, MAX_LINE_BYTES
from streamer.jobs.telling import INTERVAL, MAX_LINES
from streamer.jobs.told import Lines, Told, Update
from support.telling import Bench
from support.waiting import DEADLINE


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def in_the_job(bench: Bench) -> Iterator[Bench]:
    """The bench's progress is that of the job which this thread runs."""
    set_progress(bench.progress)
    yield bench
    set_progress(None)


# At most so often.


def test_of_all_that_is_told_ten_events_in_any_second_are_sent_and_the_newest_of_each(
    bench: Bench,
) -> None:
    with bench.progress.task("encode", total=3000) as task:
        for step in range(3000):
            bench.now += 0.001
            task.advance()
            bench.progress.log(f"line {step}")
            bench.progress.partial(step)
            bench.progress.meta(step=step)
            bench.progress.checkpoint(step)
    bench.progress.send_held()
    times = bench.times
    assert len(times) > 20
    assert all(
        len([each for each in times if start <= each < start + 1]) <= 10
        # The last ones, which a worker sends once, at the end.
        for start in times[:-13]
    )
    assert bench.updates[-1].fraction == 1.0
    assert bench.updates[-1].metadata == {"step": 2999}
    assert bench.partials[-1] == 2999
    assert bench.lines[-1].text == "line 2999"
    assert bench.progress.last_checkpoint == 2999


def test_the_end_waits_for_nothing_and_does_so_once(bench: Bench) -> None:
    for _ in range(5):
        with bench.progress.task("part", total=2) as task:
            task.advance(2)
    assert bench.fractions == [0.0, 1.0]


def test_a_hundred_thousand_updates_in_a_second_are_ten_events() -> None:
    """By a real clock, from four threads at once; what each costs a benchmark measures."""
    told: list[Told] = []
    progress = Progress(told.append, job_id="j", clock=lambda: 0.0)
    task = progress.task("encode", total=100_000)

    def work() -> None:
        for _ in range(25_000):
            task.advance()

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(work) for _ in range(4)]:
            each.result()
    assert task.done == 100_000
    assert len(told) <= 2
    assert isinstance(told[-1], Update)
    assert told[-1].fraction == 1.0


# The log.


def test_lines_are_told_in_order_those_of_a_moment_at_once(bench: Bench) -> None:
    for number in range(5):
        bench.progress.log(f"line {number}", "warning" if number == 3 else "info")
    bench.now += INTERVAL
    bench.progress.log("last", level="error", source="ffmpeg")
    assert [
        [line.text for line in each.lines] for each in bench.told if isinstance(each, Lines)
    ] == [
        ["line 0"],
        ["line 1", "line 2", "line 3", "line 4", "last"],
    ]
    assert [line.level for line in bench.lines[2:]] == ["info", "warning", "info", "error"]
    assert (bench.lines[-1].source, bench.lines[0].source) == ("ffmpeg", None)
    assert bench.updates == []


@pytest.mark.parametrize("text", ["short", "\u00e4" * 1000, "x" * 10_000, '"' * 10_000])
def test_of_too_many_lines_the_newest_are_told_and_how_many_are_left_out(
    bench: Bench, text: str
) -> None:
    bench.progress.log("first")
    for number in range(3 * MAX_LINES):
        bench.progress.log(f"{number} {text}")
    bench.progress.send_held()
    last = bench.told[-1]
    assert isinstance(last, Lines)
    assert 3 <= len(last.lines) <= MAX_LINES
    assert last.left_out == 3 * MAX_LINES - len(last.lines)
    assert last.lines[-1].text.startswith(f"{3 * MAX_LINES - 1} ")
    assert sum(len(line.text.encode()) for line in last.lines) < 60_000


def test_a_line_may_be_anything_and_is_cut(bench: Bench) -> None:
    class Weird:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    for line in (7, Weird(), "\udce4", "x" * 100_000, "two\nlines"):
        bench.progress.log(line, level=9, source=3)  # type: ignore[arg-type]
    bench.progress.send_held()
    texts = [line.text for line in bench.lines]
    assert texts[:3] == ["7", "(a line that cannot be read: RuntimeError)", "?"]
    assert len(texts[3]) < MAX_LINE_BYTES
    assert texts[3].endswith("...")
    assert texts[4] == "two\nlines"
    assert (bench.lines[0].level, bench.lines[0].source) == ("9", "3")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("myapp.encode")
    handler = streamer.LogHandler(logging.INFO)
    logging.getLogger().addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger
    logging.getLogger().removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_what_a_job_logs_is_told_with_its_level_source_and_traceback(
    in_the_job: Bench, logger: logging.Logger
) -> None:
    logger.debug("too small")
    logger.info("page %d", 7)
    try:
        Path("/no/such/file").read_bytes()
    except OSError:
        logger.exception("failed")
    in_the_job.progress.send_held()
    one, other = in_the_job.lines
    assert (one.text, one.level, one.source) == ("page 7", "info", "myapp.encode")
    assert other.level == "error"
    assert other.text.startswith("failed\nTraceback")
    assert other.text.endswith("No such file or directory: '/no/such/file'")


def test_what_others_log_and_what_we_log_ourselves_is_not_told(
    in_the_job: Bench, logger: logging.Logger
) -> None:
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(logger.info, "of no job").result()
    in_the_job.progress.update("half")  # type: ignore[arg-type]
    in_the_job.progress.send_held()
    assert in_the_job.lines == []


def test_a_record_that_cannot_be_formatted_fails_nothing(
    in_the_job: Bench, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("%d", "seven")
    assert in_the_job.lines == []


# What is printed.


def test_what_a_job_prints_is_told_line_by_line_and_printed_as_ever(
    in_the_job: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    print("before")
    with streamer.progress().capture_stdout():
        print("one")
        print("t", "w", sep="", end="")
        print("o\nthree")
        sys.stdout.writelines(["\n", "10%\r20%\r", "30%\n", "no end"])
        assert sys.stdout.isatty() is False
    print("after")
    in_the_job.progress.send_held()
    assert [line.text for line in in_the_job.lines] == ["one", "two", "three", "30%", "no end"]
    assert {line.source for line in in_the_job.lines} == {"stdout"}
    assert capsys.readouterr().out == ("before\none\ntwo\nthree\n\n10%\r20%\r30%\nno endafter\n")


def test_what_two_jobs_print_at_once_is_each_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    before, met = sys.stdout, threading.Barrier(3)
    benches = [Bench(), Bench()]

    def work(bench: Bench, name: str) -> None:
        set_progress(bench.progress)
        with bench.progress.capture_stdout():
            met.wait(DEADLINE)
            print(name)
            met.wait(DEADLINE)
        bench.progress.send_held()

    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(contextvars.Context().run, work, bench, name)
            for bench, name in zip(benches, "ab", strict=True)
        ]
        met.wait(DEADLINE)
        print("of no job")
        met.wait(DEADLINE)
        for job in jobs:
            job.result()
    assert [[line.text for line in bench.lines] for bench in benches] == [["a"], ["b"]]
    assert sorted(capsys.readouterr().out.split("\n")) == ["", "a", "b", "of no job"]
    assert sys.stdout is before


def test_a_very_long_line_without_an_end_is_several(in_the_job: Bench) -> None:
    with in_the_job.progress.capture_stdout():
        print("x" * 4500, end="")
    in_the_job.progress.send_held()
    assert [len(line.text) for line in in_the_job.lines] == [2000, 2000, 500]


# Facts, partial results, checkpoints.


def test_facts_are_in_the_metadata_of_all_that_follows(bench: Bench) -> None:
    bench.progress.meta(codec="h264")
    bench.now += 1
    bench.progress.meta({"color space": "bt709"}, pages=[1, 2])
    bench.now += 1
    bench.progress.update(0.5, fps=24)
    bench.now += 1
    bench.progress.meta(codec="av1")
    bench.progress.update(0.6)
    assert [each.metadata for each in bench.updates] == [
        {"codec": "h264"},
        {"codec": "h264", "color space": "bt709", "pages": [1, 2]},
        {"codec": "h264", "color space": "bt709", "pages": [1, 2], "fps": 24},
        {"codec": "av1", "color space": "bt709", "pages": [1, 2], "fps": 24},
    ]


def test_facts_that_cannot_be_told_are_left_out_and_logged_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        bench.now += 1
        bench.progress.meta({"what": object(), "page": 1}, huge="x" * 70_000)
        bench.progress.meta("no mapping", page=2)  # type: ignore[arg-type]
    bench.progress.send_held()
    assert bench.updates[-1].metadata == {"page": 2}
    assert len(caplog.records) == 1


def test_what_a_job_has_come_to_so_far_is_told_the_newest_alone(bench: Bench) -> None:
    pages: list[int] = []
    for page in range(10):
        pages.append(page)
        bench.progress.partial(pages)
    pages.append(99)
    bench.progress.send_held()
    assert bench.partials == [[0], list(range(10))]


def test_a_checkpoint_is_known_at_once_and_is_as_it_was_then(bench: Bench) -> None:
    assert bench.progress.last_checkpoint is None
    done = {"frame": 7}
    bench.progress.checkpoint(done)
    done["frame"] = 8
    assert bench.progress.last_checkpoint == {"frame": 7}
    assert Bench(b'{"frame":3}').progress.last_checkpoint == {"frame": 3}
    assert bench.told == []


@pytest.mark.parametrize(
    "wrong", [object(), "x" * (MAX_CHECKPOINT_BYTES + 1), [[]] * 10**5, "\udce4"]
)
@pytest.mark.parametrize("what", ["partial", "checkpoint"])
def test_what_cannot_be_kept_or_told_is_logged_once_and_the_one_before_stays(
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    what: str,
    wrong: Any,  # noqa: ANN401
) -> None:
    tell: Callable[[object], None] = getattr(bench.progress, what)
    for value in (1, wrong, wrong):
        tell(value)
    bench.progress.send_held()
    assert bench.progress.last_checkpoint == (1 if what == "checkpoint" else None)
    assert bench.partials == ([1] if what == "partial" else [])
    (record,) = caplog.records
    assert what in record.getMessage()
    assert "is left out" in record.getMessage()


# Nothing of it fails a job.


@pytest.mark.parametrize("error", [LogUnavailable("away"), RuntimeError("ours")])
def test_a_publisher_that_raises_fails_no_job_and_is_logged(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def send(_: Told) -> None:
        raise error

    now = iter(range(10**6))
    progress = Progress(send, job_id="j", clock=lambda: float(next(now)))
    with progress.task("encode", total=3) as task:
        for _ in progress.track(range(3)):
            task.advance()
            progress.log("line")
            progress.meta(page=1)
            progress.partial(1)
            progress.checkpoint(1)
    assert caplog.records
    if isinstance(error, LogUnavailable):
        assert len(caplog.records) == 3  # an update, lines, a partial result: once each


def test_outside_of_a_job_all_of_it_is_silent_and_keeps_nothing() -> None:
    progress = streamer.progress()
    with progress.task("encode", total=2) as task, progress.capture_stdout():
        for _ in streamer.progress().track(range(2)):
            task.advance()
            print("printed")
        streamer.progress().log("line")
        streamer.progress().meta(page=1)
        streamer.progress().partial(1)
        streamer.progress().checkpoint(1)
    assert streamer.progress().last_checkpoint is None
    assert streamer.progress().job_id is None
    assert progress.environ().get("STREAMER_JOB") is None
    assert progress.wrap(len)("abc") == 3


def test_nobody_waits_for_whoever_is_sending() -> None:
    sending, finish = threading.Event(), threading.Event()
    told: list[Told] = []

    def send(what: Told) -> None:
        told.append(what)
        sending.set()
        assert finish.wait(DEADLINE)

    now = iter(range(10**6))
    progress = Progress(send, clock=lambda: float(next(now)))
    with ThreadPoolExecutor(1) as other:
        first = other.submit(progress.update, 0.1)
        assert sending.wait(DEADLINE)
        for step in range(2, 10):
            progress.update(step / 10)
            progress.log("line")
        assert len(told) == 1
        finish.set()
        first.result()
    progress.send_held()
    assert [each.fraction for each in told if isinstance(each, Update)] == [0.1, 0.9]
