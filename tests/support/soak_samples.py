"""What a soak measures every few seconds, and whether it stayed flat."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

from .processes import Program
from .soak_stage import SoakStage

#: Seconds between two samples.
EVERY: Final = 2.0


class Measure(NamedTuple):
    """One that is drawn, and may not grow from the second third of a run to the last.

    Attributes:
        title: above its line.
        unit: of its values.
        factor: how many times the second third's median the last third's may be.
        spare: what may come on top whatever its size, in its unit.
    """

    title: str
    unit: str
    factor: float
    spare: float


#: A server may have 3 % more, some 2 MB: after ten minutes two caches of a kilobyte an entry are
#: not full yet, of 1,024 parsed paths and 4,096 checked topics. All else that it keeps is.
MEASURES: Final = {
    "memory": Measure("Memory of the server that is never restarted", "MB", 1.03, 0.5),
    "descriptors": Measure("Its descriptors", "", 1.10, 12.0),
    "worker": Measure("Memory of the worker", "MB", 1.10, 6.0),
    "redis": Measure("Memory of Redis", "MB", 1.10, 1.0),
    "keys": Measure("Keys in Redis", "", 1.10, 40.0),
    "disk": Measure("Disk: the log's file, uploads, results", "MB", 1.10, 4.0),
}

_MB: Final = 1e6


class Samples:
    """A series of each measure; one that cannot be had at a moment is left out there.

    Attributes:
        series: by measure, pairs of seconds since the start and the value.
        faults: seconds since the start and what was broken then.
    """

    def __init__(self, stage: SoakStage) -> None:
        self._stage: Final = stage
        self._began: Final = time.monotonic()
        self.series: Final[dict[str, list[tuple[float, float]]]] = {name: [] for name in MEASURES}
        self.faults: Final[list[tuple[float, str]]] = []

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def note(self, fault: str) -> None:
        """Something was broken just now."""
        self.faults.append((self.seconds, fault))

    def take(self) -> None:
        """Measure everything that can be measured at this moment."""
        found: dict[str, Callable[[], float]] = {
            "memory": lambda: _resident(self._stage.elder.program),
            "descriptors": lambda: _descriptors(self._stage.elder.program),
            "worker": lambda: _resident(self._stage.worker),
            "redis": lambda: float(self._redis().info("memory")["used_memory"]) / _MB,
            "keys": lambda: float(self._redis().dbsize()),
            "disk": lambda: _size(self._stage.directory),
        }
        for name, measure in found.items():
            at = self.seconds
            # Redis may be away, and a process or a file gone between two looks.
            with suppress(redis.RedisError, OSError):
                self.series[name].append((at, measure()))

    def _redis(self) -> Any:  # noqa: ANN401 - what its commands return has no type
        return redis.Redis.from_url(self._stage.redis.url, socket_timeout=0.5)


def grown(series: Mapping[str, Sequence[tuple[float, float]]], end: float) -> dict[str, str]:
    """What grew, by measure: medians of the second and the last third of a run of `end` seconds.

    The first third is left out: what is kept for minutes, and caches, are filling.
    """
    found: dict[str, str] = {}
    for name, (_, unit, factor, spare) in MEASURES.items():
        second, last = (
            statistics.median([value for at, value in series[name] if low <= at / end <= high])
            for low, high in ((1 / 3, 2 / 3), (2 / 3, 1.0))
        )
        if last > second * factor + spare:
            found[name] = f"{second:.1f} to {last:.1f} {unit}".rstrip()
    return found


@asynccontextmanager
async def sampled(stage: SoakStage) -> AsyncIterator[Samples]:
    """Measure in the background."""
    samples = Samples(stage)

    async def run() -> None:
        while True:
            await asyncio.to_thread(samples.take)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), EVERY)

    task = asyncio.create_task(run())
    try:
        yield samples
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _resident(program: Program | None) -> float:
    """Megabytes of a program and its children, without what forked ones share.

    Pages of files are left out: which process they count for hangs on who else has them.
    """
    assert program is not None
    return sum(_anonymous(pid) for pid in _family(program.pid)) / _MB


def _anonymous(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return float(line.split()[1]) * 1024
    return 0.0


def _family(pid: int) -> list[int]:
    """A process and those of its session, but for programs that it runs for a job."""
    found = [pid]
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != pid:
            with suppress(OSError):
                name, rest = (directory / "stat").read_text().rsplit(")", 1)
                if int(rest.split()[3]) == pid and "ffmpeg" not in name and "ffprobe" not in name:
                    found.append(int(directory.name))
    return found


def _descriptors(program: Program | None) -> float:
    assert program is not None
    return float(sum(1 for _ in Path(f"/proc/{program.pid}/fd").iterdir()))


def _size(directory: Path) -> float:
    """Megabytes of all files beneath it."""
    total = 0
    for path in directory.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total / _MB
