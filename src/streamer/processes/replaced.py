"""A child that is to run for as long as we do, and is replaced when its code changes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from ..backoff import grown
from .child import Child, Leash, how_it_ended
from .keeper import FIRST_PAUSE

#: The exit code of a child whose code cannot be loaded as it is.
UNUSABLE: Final = 2
#: Seconds that one gets to end, such as a worker to hand back its jobs and flush what they said.
GRACE: Final = 15.0
#: Seconds between a death and the next start, at most, and how old a worker is that starts over.
_LONGEST_PAUSE: Final = 30.0
_HEALTHY_LIFE: Final = 60.0
#: Files that are named when they change; a version control may change hundreds.
_FEW: Final = 3


class Replaced:
    """Runs one command of ours, whatever becomes of one of its processes.

    A new one takes the place of another only once it has loaded its code, which it says by a
    byte into its ``--turn-socket``: with a mistake in the code, all goes on as it was. The other
    one then ends as if it were stopped, and only then is the new one given its turn, by a byte
    of ours: of two at once, the old one would take what only the new one knows.

    Args:
        name: what it is to a person.
        environ: what the children are given beside our environment.
        say: reports to a person.
        watched: whether `changed` may be called.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        leash: Leash,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        *,
        watched: bool = False,
    ) -> None:
        self.name: Final = name
        self._arguments: Final = arguments
        self._leash: Final = leash
        self._environ: Final = environ
        self._say: Final = say
        self._watched: Final = watched
        self._change: Final = asyncio.Event()
        self._child: Child | None = None
        self._started: list[Child] = []
        self._replacing: Final[set[asyncio.Task[None]]] = set()

    def changed(self, files: Sequence[str]) -> None:
        """Replace it, for these have changed."""
        self._say(f"{_few(files)} changed; loading the {self.name} again.")
        self._change.set()

    async def keep(self, stop: asyncio.Event) -> bool:
        """Run it until `stop` is set, and end it then; False if its code cannot be loaded.

        That is asked once: what could be loaded is started again, and what is watched waits
        for a change.
        """
        loop = asyncio.get_running_loop()
        deaths, first = 0, True
        while not stop.is_set():
            began = loop.time()
            self._change.clear()
            code = await self._start(stop)
            if code == UNUSABLE and first and not self._watched:
                return False
            first = False
            if code == UNUSABLE and self._watched:
                await self._wait_for_change(stop)
                code = None if self._child is None else await self._wait(stop)
            elif code is None:
                code = await self._wait(stop)
            if code is None or stop.is_set():
                continue
            if loop.time() - began > _HEALTHY_LIFE:
                deaths = 0
            pause = grown(deaths, FIRST_PAUSE, _LONGEST_PAUSE)
            deaths += 1
            ended = how_it_ended(code)
            self._say(f"The {self.name} ended ({ended}); starting it again in {pause:g} s.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await _first_of(stop.wait(), self._change.wait())
        await self.stop(GRACE)  # also one that was just being started
        return True

    @property
    def running(self) -> bool:
        """Whether any of its processes is."""
        return bool(self._running())

    async def stop(self, grace: float) -> bool:
        """Ask all to end, and end them after `grace` seconds; whether they ended by themselves."""
        return all(await asyncio.gather(*(child.stop(grace) for child in self._running())))

    async def kill(self) -> None:
        """End all as they are."""
        await asyncio.gather(*(child.kill() for child in self._running()))

    def _running(self) -> list[Child]:
        self._started = [child for child in self._started if child.running]
        return self._started

    async def _start(self, stop: asyncio.Event) -> int | None:
        """Start one, and let it take the place of the other once it is ready.

        Return the exit code if it ended before; None also where it is to be replaced or
        stopped itself.
        """
        ours, theirs = socket.socketpair()
        child = Child(
            self.name,
            [*self._arguments, "--turn-socket", str(theirs.fileno())],
            self._leash,
            self._environ,
            fds=[theirs.fileno()],
        )
        with ours:
            with theirs:
                try:
                    await child.start()
                except OSError as error:  # no memory, no more processes
                    self._say(f"The {self.name} cannot be started: {error.strerror or error}.")
                    return 1
            self._running().append(child)
            ours.setblocking(False)  # noqa: FBT003
            ready = asyncio.ensure_future(_is_ready(ours))
            await _first_of(asyncio.shield(ready), self._change.wait(), stop.wait())
            if not ready.done():  # what hangs as it is loaded is not waited for
                ready.cancel()
                await asyncio.wait({ready})
                await child.kill()
                return None
            if not ready.result():
                return await child.wait()
            before, self._child = self._child, child
            turn = ours.dup()
        earlier = tuple(self._replacing)
        task = asyncio.create_task(self._hand_over(before, earlier, turn))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)
        return None

    async def _hand_over(
        self, before: Child | None, earlier: Sequence[asyncio.Task[None]], turn: socket.socket
    ) -> None:
        """Give a new one its turn, when `before` and all that came earlier have ended."""
        with turn:
            if before is not None and not await before.stop(GRACE):
                self._say(
                    f"The {self.name} that was replaced did not end within {GRACE:g} s "
                    "and was killed."
                )
            await asyncio.gather(*earlier)
            with contextlib.suppress(OSError):  # it has ended itself
                turn.send(b"1")

    async def _wait_for_change(self, stop: asyncio.Event) -> None:
        """Say what holds until the mistake is corrected, and wait if there is nothing else."""
        if self._child is not None and self._child.running:
            self._say(f"The {self.name} goes on with what it had, until a file changes.")
            return
        self._child = None
        self._say(f"The {self.name} is not running; it is started once a file changes.")
        await _first_of(stop.wait(), self._change.wait())

    async def _wait(self, stop: asyncio.Event) -> int | None:
        """Return the exit code of the one that runs, or None if it is to be replaced or stopped."""
        if self._child is None:
            return None
        ended = asyncio.ensure_future(self._child.wait())
        await _first_of(stop.wait(), self._change.wait(), asyncio.shield(ended))
        if not ended.done():
            ended.cancel()
            return None
        self._child = None
        return ended.result()


async def _is_ready(turn: socket.socket) -> bool:
    """Whether the child said so before it closed its end."""
    try:
        return bool(await asyncio.get_running_loop().sock_recv(turn, 1))
    except OSError:
        return False


def _few(files: Sequence[str]) -> str:
    """The files, or how many they are."""
    return ", ".join(files) if len(files) <= _FEW else f"{files[0]} and {len(files) - 1} more files"


async def _first_of(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
