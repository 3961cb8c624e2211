"""What a reader costs that waits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..arena import Arena
from ..load import Transport
from ..outcome import Figures, Requirement
from .base import Plan

#: Readers that come and go before the memory is first looked at.
_WARM_UP = 200


@dataclass(frozen=True, kw_only=True)
class Idle:
    """Memory of a server with `readers` idle readers, over what it had before."""

    name: str
    title: str
    requirements: tuple[Requirement, ...]
    transport: Transport = "sse"
    readers: int = 10_000
    servers: tuple[str, ...] = ("streamer", "streamer-portable", "nchan", "queue-per-reader")
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "kilobytes_each": "kB each",
            "attach_per_second": "connections/s",
            "attach_cpu_us": "server CPU µs per connection",
            "idle_cpu": "server CPU, idle",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        readers = plan.readers(self.readers)
        with arena.load(self.transport, min(_WARM_UP, readers)) as load:
            load.attach()
        time.sleep(0.5)  # for the server to notice that they are gone
        memory = arena.process.resident_bytes()
        cpu = arena.process.cpu_seconds()
        with arena.load(self.transport, readers) as load:
            attached = load.attach()
            attach_cpu = arena.process.cpu_seconds() - cpu
            time.sleep(plan.seconds / 3)
            cpu = arena.process.cpu_seconds()
            time.sleep(plan.seconds)
            idle_cpu = arena.process.cpu_seconds() - cpu
            load.check_attached()
            each = (arena.process.resident_bytes() - memory) / readers
        return {
            "kilobytes_each": each / 1000,
            "attach_per_second": readers / attached.seconds,
            "attach_cpu_us": attach_cpu / readers * 1e6,
            "idle_cpu": idle_cpu / plan.seconds,
        }


def _at_most(kilobytes: float) -> tuple[Requirement, ...]:
    return (Requirement(says="kB each", figure="kilobytes_each", factor=kilobytes, at_least=False),)


IDLE_SSE = Idle(name="idle-sse", title="10,000 idle SSE readers", requirements=_at_most(13))
IDLE_WEBSOCKET = Idle(
    name="idle-websocket",
    title="10,000 idle WebSocket readers",
    transport="websocket",
    requirements=_at_most(22),
)
