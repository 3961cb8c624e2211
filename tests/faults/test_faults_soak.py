"""A fleet under load, faults and deploys: nothing is lost, and nothing grows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from support.fault_load import Load
from support.fault_schedule import Fault
from support.requirements import needs
from support.soak_faults import DEPLOYS, FAULTS
from support.soak_plot import render
from support.soak_samples import MEASURES, Samples, grown, sampled
from support.soak_stage import SoakStage, soaking
from support.soak_visits import Visits
from support.verdict import Verdict

#: Seconds of it; `make soak` takes half an hour.
SECONDS: Final = float(os.environ.get("STREAMER_SOAK_SECONDS", "4"))
#: Where its picture goes.
PLOT: Final = Path(name) if (name := os.environ.get("STREAMER_SOAK_PLOT")) else None
#: Seconds from which on it is long enough to see whether anything grows: what is kept for two
#: minutes has gone many times over.
LONG: Final = 900.0
#: Faults between two verdicts.
ROUND: Final = 6


def _drawn(stage: SoakStage) -> Iterator[Fault]:
    """Every deploy and every fault in turn, again and again, each time in another order."""
    yield from DEPLOYS
    while True:
        faults = stage.random.sample(FAULTS, len(FAULTS))
        for fault in faults:
            yield fault
            yield stage.random.choice(DEPLOYS)


async def _round(stage: SoakStage, drawn: Iterator[Fault], samples: Samples, end: float) -> Verdict:
    async with stage.load(readers=3, rate=stage.random.choice([20, 60])) as load:
        for publisher in load.http:
            publisher.proxied = True
        for _ in range(ROUND):
            await _break_something(load, next(drawn), samples)
            if time.monotonic() >= end:
                break
        return await load.settle(keeps_all=False)


async def _break_something(load: Load, fault: Fault, samples: Samples) -> None:
    print(f"{samples.seconds:.1f} {fault.__name__}", file=sys.stderr)  # noqa: T201 - for a failure
    samples.note(fault.__name__)
    await fault(load)
    await load.flows(load.stage.random.randint(1, 10))


@pytest.mark.timeout(SECONDS * 1.2 + 300)
async def test_over_faults_and_deploys_nothing_is_lost_and_nothing_grows(
    seed: int, short_dir: Path, record_property: Callable[[str, object], None]
) -> None:
    needs("ffmpeg")
    needs("nginx")
    verdict = Verdict()
    with soaking(seed, short_dir) as stage:
        stage.long = SECONDS >= LONG
        drawn = _drawn(stage)
        async with sampled(stage) as samples:
            async with Visits(stage) as visits:
                end = time.monotonic() + SECONDS
                while time.monotonic() < end:
                    verdict.add(await _round(stage, drawn, samples, end))
                    visits.is_well()
                await visits.stop()
                await visits.all_ended()
            samples.take()
    record_property(
        "totals",
        f"A soak of {SECONDS:g} s, seed {seed}: {verdict.events} events, {verdict.delivered} "
        f"deliveries, {len(samples.faults)} faults and deploys, {visits.done}; lost "
        f"{len(verdict.lost)}, doubled {len(verdict.doubled)}, undeclared gaps "
        f"{len(verdict.undeclared)}, declared as lost {verdict.declared}",
    )
    if PLOT is not None:
        PLOT.write_text(render(samples), encoding="utf-8")
    verdict.check()
    assert all(samples.series.values()), "something was not measured"
    if SECONDS >= LONG:
        assert grown(samples.series, samples.seconds) == {}


#: Of a run of 300 s, a value each second that stays as it is once it has begun.
_FLAT: Final = {name: [(float(at), min(at, 50) * 2.0) for at in range(300)] for name in MEASURES}


def test_what_fills_up_at_the_start_and_stays_so_has_not_grown() -> None:
    assert grown(_FLAT, 300.0) == {}


@pytest.mark.parametrize("name", MEASURES)
def test_what_goes_on_growing_is_found(name: str) -> None:
    leak = [(float(at), 100.0 + at) for at in range(300)]
    assert list(grown({**_FLAT, name: leak}, 300.0)) == [name]


def test_memory_that_rises_ever_more_slowly_is_found() -> None:
    rise = [(float(at), 76 + 26 * (at / 300) ** 0.5) for at in range(300)]
    assert list(grown({**_FLAT, "memory": rise}, 300.0)) == ["memory"]
