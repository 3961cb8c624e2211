"""Long random runs of a hub, each with a taste of its own, and the shortest that fails.

A generator that draws every step with the same chance seldom does the same thing
often, or leaves something out; yet that is what most interleavings need that break
(Groce et al., "Swarm testing", ISSTA 2012). Here each run draws its chances first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from random import Random

from .steps import (
    Ask,
    Bounds,
    Change,
    Come,
    Delete,
    End,
    Go,
    LetOne,
    Log,
    Publish,
    Return,
    Step,
    Take,
    Tick,
    Turn,
    Wait,
    run,
)
from .world import TOPICS

_LOG = ("pause", "pause", "let all", "hold", "release", "interrupt", "resume", "fail", "work")
_SETS = (("a",), ("b",), ("a", "b"), ("b", "a", "jobs/j"), ("jobs/j",))
_PUBLISHED = (("a",), ("b",), ("a", "b"), ("jobs/j",), ("a", "jobs/j"))


def draw(seed: int) -> tuple[Bounds, list[Step]]:
    """The bounds and the steps that `seed` stands for."""
    random = Random(seed)
    one = random.choice
    bounds = Bounds(
        retention=one((1, 2, 3, 8, 1000)),
        tail_events=one((0, 1, 4, 1000)),
        slice=one((1, 2, 512)),
        page_events=one((1, 3, 100)),
        page_bytes=one((1, 65536)),
        unfolded=one((1, 256)),
        resting=one((0, 256)),
        held=one((0, 1, 10_000)),
        renewals=one((2, 10)),
        waiting=one((0, 2, 1000)),
        windows=one((0, 1, 2, 256)),
        windows_at_least=one((0.0, 5.0)),
    )
    kinds = ["note", "note", "progress", "typing", *one(([], ["completed"]))]
    kinds += one(([], ["ai_chunk"] * 3, ["progress"] * 3, ["ai_chunk", "progress"] * 3))
    codings = one((("",), ("gzip",), ("zstd",), ("deflate",), ("", "gzip", "zstd", "deflate")))
    rates = one(((0.0,), (0.0, 10.0), (10.0,), (10.0, 50.0)))

    def start() -> str | int:
        return one(("latest", "earliest", random.randrange(31), random.randrange(31)))

    def come() -> Step:
        high_water = one((1 << 20, 300, 1))
        until_end = random.random() < 0.3
        return Come(one(_SETS), start(), high_water, until_end, one(rates), one(codings))

    # The twice as likely are what moves the world on.
    often: list[Callable[[], Step]] = [
        lambda: Publish(one(_PUBLISHED), one(kinds), random.randint(1, 4)),
        lambda: Turn(random.randint(1, 4)),
        lambda: Take(random.randrange(6), one((1, 2, 3, 1000))),
        lambda: LetOne(random.randrange(6)),
        lambda: Change(random.randrange(6), one(TOPICS), start()),
        come,
    ]
    seldom: list[Callable[[], Step]] = [
        lambda: Go(random.randrange(6)),
        lambda: End(random.randrange(6)),
        lambda: Ask(random.randrange(6)),
        lambda: Return(random.randrange(6)),
        lambda: Log(one(_LOG)),
        lambda: Delete(one(TOPICS)),
        Tick,
        Wait,
    ]
    steps = often * 2 + seldom
    chances = [random.random() ** 2 + 0.02 for _ in steps]
    count = random.randint(20, 120)
    return bounds, [come(), *(step() for step in random.choices(steps, chances, k=count))]


def hunt(
    seeds: Iterable[int], draw: Callable[[int], tuple[Bounds, list[Step]]] = draw
) -> str | None:
    """Run every seed, as `draw` has it; what the first that fails comes down to, or None."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # thousands of silences of the log
    try:
        for seed in seeds:
            bounds, steps = draw(seed)
            fault = _fault(bounds, steps)
            if fault is not None:
                return _told(seed, bounds, _shortest(bounds, steps))
    finally:
        logging.disable(before)
    return None


def _fault(bounds: Bounds, steps: list[Step]) -> str | None:
    try:
        run(bounds, steps)
    except AssertionError as error:
        return str(error)
    return None


def _shortest(bounds: Bounds, steps: list[Step]) -> list[Step]:
    """Leave out whatever can be left out, large parts first."""
    size = len(steps) // 2
    while size:
        place = 0
        while place < len(steps):
            fewer = steps[:place] + steps[place + size :]
            if _fault(bounds, fewer) is None:
                place += size
            else:
                steps = fewer
        size //= 2
    return steps


def _told(seed: int, bounds: Bounds, steps: list[Step]) -> str:
    lines = [f"seed {seed}: {_fault(bounds, steps)}", str(bounds), *map(str, steps)]
    return "\n  ".join(lines)
