"""Work that repeats goes on whatever becomes of one time, and its errors are reported."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading

import pytest

from streamer.backoff import Backoff
from streamer.errors import LogUnavailable
from streamer.every import every, every_until
from support.turning import TurningLoop
from support.waiting import wait_until

LOGGER = logging.getLogger("test.every")


class Work:
    """Raises its errors one by one, and then stops whoever repeats it."""

    def __init__(self, *errors: Exception | None) -> None:
        self.left = list(errors)
        self.stopped = threading.Event()

    def __call__(self) -> None:
        if not self.left:
            self.stopped.set()
        elif (error := self.left.pop(0)) is not None:
            raise error

    async def on_a_loop(self) -> None:
        self()


async def repeat_on_a_loop(work: Work) -> None:
    task = asyncio.create_task(every(0.001, work.on_a_loop, "counting", logger=LOGGER))
    await wait_until(work.stopped.is_set, "the work was not done again")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def repeat_in_a_thread(work: Work) -> None:
    await asyncio.to_thread(every_until, work.stopped, 0.001, work, "counting", logger=LOGGER)


@pytest.mark.parametrize("repeat", [repeat_on_a_loop, repeat_in_a_thread])
@pytest.mark.parametrize(
    ("errors", "logged"),
    [
        pytest.param([None, None], 0, id="nothing failed"),
        pytest.param([OSError("a")], 1, id="a failure is logged"),
        pytest.param([OSError("a"), OSError("a"), OSError("a")], 1, id="not each repetition of it"),
        pytest.param([OSError("a"), OSError("b")], 2, id="another failure is"),
        pytest.param([OSError("a"), None, OSError("a")], 2, id="and the same one, after a success"),
        pytest.param([LogUnavailable("away")], 0, id="a log that is away is reported elsewhere"),
    ],
)
async def test_work_goes_on_after_an_error_which_is_logged_when_it_begins(
    repeat: object,
    errors: list[Exception | None],
    logged: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert callable(repeat)
    await repeat(Work(*errors))
    said = [record.getMessage() for record in caplog.records if record.name == LOGGER.name]
    assert said == ["counting failed"] * logged
    assert all(record.exc_info for record in caplog.records if record.name == LOGGER.name)


def test_failures_in_a_row_are_further_and_further_apart() -> None:
    """And after a success it is as before."""
    loop = TurningLoop()
    outcomes: list[Exception | None] = [OSError("a"), OSError("a"), None, OSError("a"), None]
    times: list[float] = []

    async def work() -> None:
        times.append(loop.time())
        if outcomes and (error := outcomes.pop(0)) is not None:
            raise error

    task = loop.create_task(
        every(1.0, work, "counting", logger=LOGGER, backoff=Backoff(10.0, 100.0))
    )
    while len(times) < 6:
        loop.advance(0.125)
    task.cancel()
    loop.finish()
    waits = [after - before for before, after in itertools.pairwise(times)]
    for wait, longest in zip(waits, (10.0, 20.0, 1.0, 10.0, 1.0), strict=True):
        assert longest / 2 <= wait <= longest + 0.25
