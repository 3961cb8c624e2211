"""An event loop that a test turns by hand, with a clock that only the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from .waiting import DEADLINE

T = TypeVar("T")


class TurningLoop(asyncio.SelectorEventLoop):
    """Nothing happens but what a test lets happen: `turn` by `turn`, in a given order."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__()
        #: Faults in tasks and callbacks that nobody waits for.
        self.faults: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _loop, context: self.faults.append(context))

    def time(self) -> float:
        return self._now

    def turn(self, count: int = 1) -> None:
        """Run what is ready, `count` times."""
        self.run_until_complete(_turns(count))

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due runs at the next turns."""
        self._now += seconds
        self.turn(2)

    def spend(self, seconds: float) -> None:
        """Let time pass while something runs, as what takes long does."""
        self._now += seconds

    def run(self, work: Coroutine[Any, Any, T], turns: int = 100) -> T:
        """Return what `work` returns, which must need no more than `turns`."""
        task = self.create_task(work)
        for _ in range(turns):
            if task.done():
                return task.result()
            self.turn()
        raise AssertionError(f"{work} did not end within {turns} turns")

    def inside(self, work: Callable[[], object]) -> None:
        """Call `work` where callbacks are called: on the running loop."""

        async def call() -> None:
            work()

        self.run_until_complete(call())

    def finish(self) -> None:
        """Cancel what still runs, close, and tell of faults that nobody has seen."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.turn(5)
        self.close()


class WaitingLoop(TurningLoop):
    """The same for a log that is another process: each turn gives it a little time."""

    #: Seconds; a reply of a server on this machine takes less.
    _TURN: Final = 0.001

    def time(self) -> float:
        return asyncio.SelectorEventLoop.time(self)

    def turn(self, count: int = 1) -> None:
        future = self.create_future()
        self.call_later(count * self._TURN, future.set_result, None)
        self.run_until_complete(future)

    def advance(self, seconds: float) -> None:
        self.turn(5)

    def run(self, work: Coroutine[Any, Any, T], turns: int = 100) -> T:
        return self.run_until_complete(asyncio.wait_for(work, DEADLINE))


async def _turns(count: int) -> None:
    # Each of these lets every callback run that is ready now, once.
    for _ in range(count):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await future
