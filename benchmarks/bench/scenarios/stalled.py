"""Some readers do not read at all: what the others and the server's memory notice of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena, padding, whole
from ..load import LoadGenerator
from ..outcome import Figures, Requirement
from .base import Plan

#: Bytes that a transport may hold for a reader before it is lagging (`STREAMER_HIGH_WATER`),
#: and one event more, for it is over the mark when it is noticed.
_TRANSPORT_BUFFER = 64 * 1024 + 1024


@dataclass(frozen=True, kw_only=True)
class Stalled:
    name: str = "stalled"
    title: str = "100 of 1,000 SSE readers do not read at all"
    servers: tuple[str, ...] = ("streamer", "streamer-portable", "nchan")
    readers: int = 1000
    requirements: tuple[Requirement, ...] = (
        Requirement(
            says="of their rate, for the others", figure="kept", factor=0.9, per_cpu="kept_cpu"
        ),
        Requirement(
            says="of the transport buffers, growth of memory",
            figure="growth",
            factor=1.0,
            at_least=False,
        ),
    )
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "rate_before": "events/s each, before",
            "rate": "events/s each, with 100 stalled",
            "kept": "rate kept",
            "kept_cpu": "per server CPU s",
            "grown_mb": "memory grown, MB",
            "load_cpu": "load CPU",
            "faults": "lost or doubled (others)",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        readers = plan.readers(self.readers)
        stalled = readers // 10
        with arena.load("sse", readers, stalled=stalled) as load:
            load.attach()
            load.open_publishers(1)
            pad = padding(load)
            self._fill(load)  # the server's tail of this topic, and a warm-up
            cpu = arena.process.cpu_seconds()
            before = whole(load.publish(seconds=plan.seconds, pad=pad))
            cpu_before = arena.process.cpu_seconds() - cpu
            memory = arena.process.resident_bytes()
            load.stall()
            self._fill(load)  # every buffer on the way to those that do not read
            cpu = arena.process.cpu_seconds()
            during = whole(load.publish(seconds=plan.seconds, pad=pad))
            cpu = arena.process.cpu_seconds() - cpu
            grown = arena.process.resident_bytes() - memory
        faults = during.lost + during.duplicated + during.missing + during.closed
        others = readers - stalled
        rate_before, rate = before.per_second / readers, during.per_second / others
        each_before, each = before.delivered_total / readers, during.delivered_total / others
        return {
            "rate_before": rate_before,
            "rate": rate,
            "kept": rate / rate_before,
            "kept_cpu": (each / cpu) / (each_before / cpu_before),
            "grown_mb": grown / 1e6,
            "growth": grown / (stalled * _TRANSPORT_BUFFER),
            "load_cpu": during.load_cpu_seconds / during.seconds,
            "faults": float(faults),
        }

    def _fill(self, load: LoadGenerator) -> None:
        """Publish 90 events of 4 kB: more than a socket and a transport hold for one reader."""
        whole(load.publish(seconds=1.5, per_second=60, pad=4000))
