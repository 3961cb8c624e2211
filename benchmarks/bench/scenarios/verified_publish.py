"""What a publish costs the server whose token it verifies."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena, whole
from ..outcome import Figures, Requirement
from .base import Plan

COLUMNS = {
    "publish_us": "server CPU us a publish",
    "publishes_per_second": "publishes/s",
}


@dataclass(frozen=True, kw_only=True)
class VerifiedPublish:
    """One publisher that waits for its answers, and one reader."""

    name: str = "verified-publish"
    title: str = "one publish at a time, with and without a token"
    servers: tuple[str, ...] = ("streamer", "streamer-tokens")
    requirements: tuple[Requirement, ...] = ()
    columns: dict[str, str] = field(default_factory=lambda: COLUMNS)

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        with arena.load("sse", 1) as load:
            load.attach()
            load.open_publishers(1)
            load.publish(seconds=plan.seconds / 3)  # warm-up
            before = arena.process.cpu_seconds()
            tally = whole(load.publish(seconds=plan.seconds))
            cpu = arena.process.cpu_seconds() - before
        return {
            "publish_us": 1e6 * cpu / tally.published,
            "publishes_per_second": tally.published / tally.seconds,
        }
