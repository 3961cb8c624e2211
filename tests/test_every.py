"""Work that repeats goes on whatever becomes of one time, and its errors are reported."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from streamer.errors import LogUnavailable
from streamer.every import every, every_until
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
