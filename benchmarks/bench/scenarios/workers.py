"""Two server processes on one port."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena
from ..outcome import Figures, Requirement
from .base import Plan
from .fan_out import FanOut


@dataclass(frozen=True, kw_only=True)
class Workers:
    """One and two processes, compared by what a CPU second of theirs delivers.

    With two cores in all, the load generator and Redis take part of the second
    one; what the processes could do with cores to themselves is therefore taken
    as deliveries per server CPU second times the number of processes.
    """

    name: str = "workers"
    title: str = "1,000 SSE readers, --workers 2 on two cores"
    servers: tuple[str, ...] = ("streamer", "streamer-2-workers")
    requirements: tuple[Requirement, ...] = (
        Requirement(
            says="of one worker's capacity",
            figure="capacity",
            factor=1.6,
            server="streamer-2-workers",
            against="streamer",
        ),
    )
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "capacity": "deliveries/s, capacity",
            "per_second": "deliveries/s, measured",
            "server_cpu": "server CPU",
            "load_cpu": "load CPU",
            "faults": "lost or doubled",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        fan_out = FanOut(name=self.name, title=self.title, servers=self.servers)
        figures = fan_out.measure(arena, plan)
        return figures | {"capacity": figures["per_cpu_second"] * arena.server.cores}
