"""A child that is to run for as long as we do: started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from ..backoff import grown
from .child import how_it_ended

#: Seconds between the death of a child and its next start: the first, and the longest.
FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
#: Seconds after which a child that dies has lived long enough to start over at once.
_HEALTHY_LIFE: Final = 60.0
#: Deaths in a row, each before that age, after which a server is not worth another start:
#: with the pauses about eight seconds, in which whoever looks has read its output.
CRASH_LOOP: Final = 5


class Keepable(Protocol):
    """What is kept: a `child.Child`."""

    @property
    def name(self) -> str:
        """What it is called to a person."""

    async def start(self) -> None:
        """Start it."""

    async def wait(self) -> int:
        """Return its exit code."""

    async def kill(self) -> None:
        """End it as it is."""


async def keep(
    child: Keepable,
    stop: asyncio.Event,
    say: Callable[[str], None],
    *,
    gives_up_after: int | None = None,
    first_pause: float = FIRST_PAUSE,
) -> bool:
    """Run `child` until `stop` is set, and start it again when it dies, ever later.

    Return whether it was asked to stop; False if it died `gives_up_after` times
    in a row soon after its start, or cannot be started. `say` reports all of it.
    """
    loop = asyncio.get_running_loop()
    deaths = 0
    while not stop.is_set():
        began = loop.time()
        try:
            await child.start()
        except OSError as error:  # no memory, no more processes
            say(f"The {child.name} cannot be started: {error.strerror or error}.")
            ended = "not started"
        else:
            if stop.is_set():
                # Whoever stops us did not see it run, and it has not begun to do anything.
                await child.kill()
            ended = how_it_ended(await child.wait())
        if stop.is_set():
            return True
        if loop.time() - began > _HEALTHY_LIFE:
            deaths = 0
        # Not jittered: one process starts one child, and says when.
        pause = grown(deaths, first_pause, _LONGEST_PAUSE)
        deaths += 1
        if gives_up_after is not None and deaths >= gives_up_after:
            say(
                f"The {child.name} ended {deaths} times in a row soon after its start "
                f"({ended}); its own output is above. It is not started again."
            )
            return False
        say(f"The {child.name} ended ({ended}); starting it again in {pause:g} s.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
    return True
