"""Long random runs of readers of one topic, compressed, of whom some wait for a window."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .steps import Ask, Bounds, Come, End, Go, Publish, Return, Step, Take, Turn, Wait

_TOPICS = ("a",)
#: Clients of a run: some wait for as many batches as others are in step.
_MOST = 14


def draw_waiting(seed: int) -> tuple[Bounds, list[Step]]:
    """The bounds and the steps that `seed` stands for; in the end everybody's stream ends.

    Most come at the start and stay, so that those who come then wait for several batches; and
    cohorts are small, so that much happens while a batch is under way.
    """
    random = Random(seed)
    one = random.choice
    bounds = Bounds(
        retention=1000,
        tail_events=one((4, 1000)),
        slice=one((1, 2, 3, 512)),
        page_events=100,
        page_bytes=65536,
        unfolded=256,
        resting=256,
        windows=one((1, 256)),
        windows_at_least=one((0.0, 5.0)),
    )
    coding = one(("gzip", "zstd", "deflate"))
    kinds = ["note", *one(([], ["typing"], ["typing"] * 3, ["ai_chunk"] * 2))]
    rate = one((0.0, 0.0, 0.0, 50.0))

    def come(until_end: float = 0.2) -> Step:
        high_water = one((1 << 20, 1 << 20, 300))
        return Come(_TOPICS, "latest", high_water, random.random() < until_end, rate, coding, _MOST)

    def publish() -> Step:
        return Publish(_TOPICS, one(kinds), random.randint(1, 2))

    often: list[Callable[[], Step]] = [
        publish,
        lambda: Turn(random.randint(1, 3)),
        lambda: Go(random.randrange(_MOST)),
        lambda: Return(random.randrange(_MOST)),
        come,
    ]
    seldom: list[Callable[[], Step]] = [
        lambda: Take(random.randrange(_MOST), one((1, 1000))),
        lambda: End(random.randrange(_MOST)),
        lambda: Ask(random.randrange(_MOST)),
        Wait,
    ]
    steps = often * 2 + seldom
    chances = [random.random() ** 2 + 0.02 for _ in steps]
    begin: list[Step] = [come(0.0) for _ in range(random.randint(2, 10))]
    begin += [Turn(4), Publish(_TOPICS, "note", 1), Turn(8)]
    middle = [step() for step in random.choices(steps, chances, k=random.randint(20, 60))]
    last = Publish(_TOPICS, "completed", 1) if random.random() < 0.3 else Turn(8)
    return bounds, [*begin, *middle, last, *(End(number) for number in range(_MOST))]
