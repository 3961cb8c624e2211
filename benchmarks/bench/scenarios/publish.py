"""What a publish over HTTP costs, where nobody reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import EVENT_BYTES, Arena
from ..outcome import Figures, Requirement
from .base import Plan

COLUMNS = {
    "publish_us": "server CPU us a publish",
    "per_second": "publishes/s",
    "server_cpu": "server CPU",
    "capacity": "publishes/s of so many cores",
}


@dataclass(frozen=True, kw_only=True)
class Publish:
    """Connections that each publish their next event when the last one was answered.

    `capacity` is what the processes could do with cores of their own, and with clients and a
    Redis as fast: publishes for each second of their CPU, times their number.
    """

    name: str
    title: str
    connections: int
    servers: tuple[str, ...] = (
        *("streamer", "streamer-framework", "streamer-before", "streamer-2-workers"),
        *("nchan", "nchan-redis"),
    )
    requirements: tuple[Requirement, ...] = ()
    columns: dict[str, str] = field(default_factory=lambda: COLUMNS)

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        # The one reader never comes.
        with arena.load("sse", 1) as load:
            load.open_publishers(self.connections)
            load.publish(seconds=plan.seconds / 3, publishers=self.connections, pad=EVENT_BYTES)
            before = arena.process.cpu_seconds()
            tally = load.publish(seconds=plan.seconds, publishers=self.connections, pad=EVENT_BYTES)
            cpu = arena.process.cpu_seconds() - before
        if not tally.published or tally.publish_errors:
            raise RuntimeError(f"nothing was published: {'; '.join(tally.faults())}")
        return {
            "publish_us": 1e6 * cpu / tally.published,
            "per_second": tally.published / tally.seconds,
            "per_cpu_second": tally.published / cpu if cpu else 0.0,
            "server_cpu": cpu / tally.seconds,
            "capacity": arena.server.cores * tally.published / cpu if cpu else 0.0,
        }


_REQUIREMENTS = (
    Requirement(
        says="of what it did at 277bfc0, all of it by the framework",
        figure="per_second",
        factor=2.2,
        against="streamer-before",
        per_cpu="per_cpu_second",
    ),
    Requirement(
        says="of Nchan with Redis",
        figure="per_second",
        factor=1.0,
        against="nchan-redis",
        per_cpu="per_cpu_second",
    ),
    Requirement(says="us of CPU a publish", figure="publish_us", factor=120, at_least=False),
)
PUBLISH_1 = Publish(
    name="publish",
    title="publishes over HTTP, no readers, one connection",
    connections=1,
    requirements=_REQUIREMENTS,
)
PUBLISH_100 = Publish(
    name="publish-100",
    title="publishes over HTTP, no readers, 100 connections",
    connections=100,
    requirements=(
        *_REQUIREMENTS,
        Requirement(
            says="of one worker's capacity",
            figure="capacity",
            factor=1.6,
            server="streamer-2-workers",
            against="streamer",
        ),
    ),
)
