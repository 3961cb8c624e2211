"""A child is started again when it dies, and not for ever."""

from __future__ import annotations

import asyncio
from typing import Final

from streamer.processes.keeper import keep


class Mortal:
    """Dies as often as it is told to, and then lives until it is stopped."""

    def __init__(self, *codes: int, stop: asyncio.Event, unstartable: bool = False) -> None:
        self.name: Final = "server"
        self._codes: Final = list(codes)
        self._stop: Final = stop
        self._unstartable: Final = unstartable
        self.starts = 0
        self.killed = False

    async def start(self) -> None:
        self.starts += 1
        if self._unstartable:
            raise OSError(12, "Cannot allocate memory")

    async def kill(self) -> None:
        self.killed = True

    async def wait(self) -> int:
        if self._codes:
            return self._codes.pop(0)
        self._stop.set()
        return 0


async def test_it_is_started_again_ever_later_until_it_is_asked_to_stop() -> None:
    stop = asyncio.Event()
    said: list[str] = []
    child = Mortal(3, -9, stop=stop)
    assert await keep(child, stop, said.append, first_pause=0.001)
    assert child.starts == 3
    assert said == [
        "The server ended (exit code 3); starting it again in 0.001 s.",
        "The server ended (killed by SIGKILL); starting it again in 0.002 s.",
    ]


async def test_a_crash_loop_ends_with_what_happened() -> None:
    stop = asyncio.Event()
    said: list[str] = []
    child = Mortal(*[1] * 10, stop=stop)
    assert not await keep(child, stop, said.append, gives_up_after=3, first_pause=0.001)
    assert child.starts == 3
    assert said[-1] == (
        "The server ended 3 times in a row soon after its start (exit code 1); "
        "its own output is above. It is not started again."
    )


async def test_what_cannot_be_started_is_tried_as_often() -> None:
    stop = asyncio.Event()
    said: list[str] = []
    child = Mortal(stop=stop, unstartable=True)
    assert not await keep(child, stop, said.append, gives_up_after=2, first_pause=0.001)
    assert said[0] == "The server cannot be started: Cannot allocate memory."


async def test_a_stop_ends_the_pause() -> None:
    stop = asyncio.Event()
    said: list[str] = []
    child = Mortal(1, stop=stop)

    def say(text: str) -> None:
        said.append(text)
        stop.set()

    assert await keep(child, stop, say, first_pause=60)
    assert child.starts == 1


async def test_a_child_that_starts_while_all_is_stopped_does_not_outlive_it() -> None:
    """Nobody saw it run, so nobody would end it, and its end would be waited for for ever."""

    class Late(Mortal):
        async def start(self) -> None:
            await super().start()
            stop.set()

    stop = asyncio.Event()
    child = Late(stop=stop)
    assert await keep(child, stop, print)
    assert child.killed
