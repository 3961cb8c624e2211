"""Our own commands as child processes: started, waited for, and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self


class Leash:
    """A pipe whose far end children hold: when this process dies, they notice."""

    def __init__(self) -> None:
        self.child_end, self._own_end = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        os.close(self.child_end)
        os.close(self._own_end)


class Child:
    """One command of ours, running as a child."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        leash: Leash,
        environ: Mapping[str, str],
        fds: Sequence[int] = (),
    ) -> None:
        self.name: Final = name
        self._arguments: Final = [*arguments, "--parent-pipe", str(leash.child_end)]
        self._environ: Final = {**os.environ, **environ}
        self._fds: Final = (leash.child_end, *fds)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, in a process group of its own: a Ctrl-C is for us to hand on, in order."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "streamer",
            *self._arguments,
            env=self._environ,
            pass_fds=self._fds,
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
        )

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> int:
        """Return its exit code; below zero it is the signal that ended it."""
        if self._process is None:
            return 0
        return await self._process.wait()

    def hang_up(self) -> None:
        """Have it read its certificate again, if it is a server that has one."""
        self._signal(signal.SIGHUP)

    async def stop(self, grace: float) -> bool:
        """Ask it to end, and end it after `grace` seconds; whether it ended by itself."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            await self.kill()
            return False
        return True

    async def kill(self) -> None:
        """End it as it is."""
        self._signal(signal.SIGKILL)
        await self.wait()

    def _signal(self, number: int) -> None:
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def how_it_ended(code: int) -> str:
    """Say an exit code: "exit code 3", "killed by SIGKILL"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
