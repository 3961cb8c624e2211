from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
    await load.flows(random.randint(1, 10), deadline=40)
    return names


async def _round(
    stage: Stage, end: float, drawn: Iterator[Fault], injected: Counter[str]
) -> Verdict:
    rate = stage.random.choice([20, 60])
    async with stage.load(readers=2, rate=rate, crowd=True) as load:
        for _ in range(ROUND):
            injected.update(await _break_something(load, drawn))
            if time.monotonic() >= end:
                break
        return await load.settle(keeps_all=load.keeps_all)


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("kind", LOGS)
async def test_whatever_breaks_in_whatever_order_nothing_is_lost_untold(
    seed: int, short_dir: Path, kind: str, record_property: Callable[[str, object], None]
) -> None:
    """Faults drawn at random, one or two at a time, for as long as is asked for."""
    redis = QuotaRedis(short_dir, "--maxmemory-policy", "noeviction")
    redis.start()
    total, injected = Verdict(), Counter[str]()
    end = time.monotonic() + SECONDS
    try:
        with staged(redis, seed, short_dir, **LOGS[kind], **_LIMIT) as stage:
            stage.long = SECONDS >= 60
            drawn = _drawn(stage)
            while time.monotonic() < end:
                total.add(await _round(stage, end, drawn, injected))
    finally:
        redis.stop()
    # Printed by conftest.py when all is over: what a long run is for.
    totals = (
        f"A log that {kind}, {SECONDS:g} s, seed {seed}: {total.events} events, "
        f"{total.delivered} deliveries, {injected.total()} faults; lost {len(total.lost)}, "
        f"doubled {len(total.doubled)}, undeclared gaps {len(total.undeclared)}, "
        f"declared as lost {total.declared}"
    )
    record_property("totals", totals)
    record_property("totals", f"Faults: {dict(injected.most_common())}")
    total.check()
