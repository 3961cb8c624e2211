"""Ten thousand readers reconnect at once, as after a deploy or a network's hiccup."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena, padding, whole
from ..outcome import Figures, Requirement
from .base import Plan

#: Events that every reader is behind when it comes back.
BEHIND = 100
#: Publishes a second before the storm, at 10,000 readers: less than any server can.
_RATE = 10
#: Commands of Redis that read a log, or the state of a topic; those of scripts count too.
#: (Scripts themselves are no measure: one looks for stalled jobs every few seconds.)
READS = ("xrange", "xrevrange", "xread", "xreadgroup", "lrange", "hgetall", "hmget")


@dataclass(frozen=True, kw_only=True)
class Storm:
    name: str = "storm"
    title: str = "10,000 SSE readers reconnect at once, each resuming 100 events back"
    servers: tuple[str, ...] = ("streamer", "streamer-portable", "nchan")
    readers: int = 10_000
    requirements: tuple[Requirement, ...] = (
        Requirement(says="lost", figure="faults", factor=0, at_least=False),
        Requirement(says="reads of Redis", figure="redis_reads", factor=0, at_least=False),
        Requirement(says="s of server CPU", figure="cpu_seconds", factor=4.0, at_least=False),
    )
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "cpu_seconds": "server CPU s",
            "seconds": "s until all live",
            "replayed_per_second": "events/s replayed",
            "redis_reads": "reads of Redis",
            "redis_calls": "calls of Redis",
            "load_cpu": "load CPU",
            "faults": "lost or doubled",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        readers = plan.readers(self.readers)
        with arena.load("sse", readers, inflight=1000) as load:
            load.attach()
            load.open_publishers(1)
            pad = padding(load)
            rate = _RATE * self.readers / readers
            published = whole(
                load.publish(seconds=(BEHIND + 5) / rate, per_second=rate, pad=pad)
            ).published_total
            calls = arena.redis.calls() if arena.redis else {}
            cpu = arena.process.cpu_seconds()
            storm = load.storm(published - BEHIND)
            cpu = arena.process.cpu_seconds() - cpu
            called = arena.redis.calls() if arena.redis else {}
            made = {name: n - calls.get(name, 0) for name, n in called.items()}
            after = whole(load.publish(seconds=0.5, per_second=rate, pad=pad))
        figures = {
            "cpu_seconds": cpu,
            "seconds": storm.seconds,
            "replayed_per_second": storm.delivered / storm.seconds,
            "load_cpu": storm.load_cpu_seconds / storm.seconds,
            "faults": float(
                abs(readers * BEHIND - storm.delivered)
                + sum(t.lost + t.duplicated + t.missing + t.refused for t in (storm, after))
            ),
        }
        if arena.redis:
            figures["redis_reads"] = float(sum(made.get(name, 0) for name in READS))
            figures["redis_calls"] = float(sum(made.values()) - made.get("info", 0))
        return figures
