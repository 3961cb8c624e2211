from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from support.fault_load import CROWD_LIMIT, Load
from support.fault_schedule import AT_THE_SAME_TIME, FAULTS, FIRST, Fault
from support.fault_stage import Stage, staged
from support.quota_redis import QuotaRedis
from support.verdict import Verdict

#: Seconds of faults of each kind of log; `make faults` sets minutes.
SECONDS: Final = float(os.environ.get("STREAMER_FAULT_SECONDS", "5"))
#: Faults between two verdicts.
ROUND: Final = 6

#: A log that keeps everything, and one that keeps next to nothing.
LOGS: Final = {
    "keeps all": {},
    "keeps 40": {"STREAMER_RETENTION_LENGTH": "40", "STREAMER_TAIL_EVENTS": "10"},
}
_LIMIT: Final = {"STREAMER_MAX_CONNECTIONS_PER_CLIENT": str(CROWD_LIMIT)}


def _drawn(stage: Stage) -> Iterator[Fault]:
    """Every fault in turn, again and again, each time in another order."""
    yield from FIRST
    while True:
        yield from stage.random.sample(FAULTS, len(FAULTS))


async def _break_something(load: Load, drawn: Iterator[Fault]) -> list[str]:
    random = load.stage.random
    faults = [next(drawn)]
    if random.random() < 0.4:
        faults.insert(random.randint(0, 1), random.choice(AT_THE_SAME_TIME))
    names = [fault.__name__ for fault in faults]
    print(f"{time.monotonic():.2f} {', '.join(names)}", file=sys.stderr)  # noqa: T201
    for fault in faults:
        await fault(load)
    await load.flows(random.randint(1, 10))
    return names


@dataclass
class Run:
    """What a run has come to, over all of its rounds."""

    verdict: Verdict = field(default_factory=Verdict)
    injected: Counter[str] = field(default_factory=Counter)
    leavers: int = 0
    silence: float = 0.0

    def __str__(self) -> str:
        found = self.verdict
        return (
            f"{found.events} events, {found.delivered} deliveries, {self.injected.total()} faults, "
            f"{self.leavers} clients that left at once; lost {len(found.lost)}, doubled "
            f"{len(found.doubled)}, undeclared gaps {len(found.undeclared)}, declared as lost "
            f"{found.declared}; the longest silence of a heartbeat a second {self.silence:.1f} s"
        )


async def _round(stage: Stage, end: float, drawn: Iterator[Fault], run: Run) -> None:
    rate = stage.random.choice([20, 60])
    async with stage.load(readers=2, rate=rate, crowd=True) as load:
        for _ in range(ROUND):
            run.injected.update(await _break_something(load, drawn))
            if time.monotonic() >= end:
                break
        run.verdict.add(await load.settle(keeps_all=load.keeps_all))
        assert load.crowd is not None
        run.leavers += load.crowd.leavers.came
        run.silence = max(run.silence, *(one.longest for one in load.crowd.bystanders))


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("kind", LOGS)
async def test_whatever_breaks_in_whatever_order_nothing_is_lost_untold(
    seed: int, short_dir: Path, kind: str, record_property: Callable[[str, object], None]
) -> None:
    """Faults drawn at random, one or two at a time, for as long as is asked for."""
    redis = QuotaRedis(short_dir, "--maxmemory-policy", "noeviction")
    redis.start()
    run = Run()
    end = time.monotonic() + SECONDS
    try:
        with staged(redis, seed, short_dir, **LOGS[kind], **_LIMIT) as stage:
            stage.long = SECONDS >= 60
            drawn = _drawn(stage)
            # A busy machine may deliver nothing in a short time: that would show nothing.
            while time.monotonic() < end or not run.verdict.delivered:
                await _round(stage, end, drawn, run)
    finally:
        redis.stop()
    # Printed by conftest.py when all is over: what a long run is for.
    record_property("totals", f"A log that {kind}, {SECONDS:g} s, seed {seed}: {run}")
    record_property("totals", f"Faults: {dict(run.injected.most_common())}")
    run.verdict.check()
