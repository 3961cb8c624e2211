"""A hundred thousand readers of one process: what each takes of it and of the kernel."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from streamer.server.descriptors import room_in

from .. import machine
from ..arena import Arena, whole
from ..outcome import Figures, Requirement
from .base import Plan
from .storm import READS

#: Readers that come and go before the memory is first looked at.
_WARM_UP = 200
#: Events, of which each is awaited by itself.
_EVENTS = 5
#: Events that every reader is behind when all of them come back.
_BEHIND = 3


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Idle readers, one event to all of them, and a reconnect of all at once.

    They come from several addresses of the loopback, for each has 28,000 ports. Where a
    process may not have so many open files there are as many as there is room for: what
    each takes is the same, and the time of an event is that of 100,000, by proportion.
    """

    name: str = "crowd-sse"
    title: str = "100,000 idle SSE readers of one process"
    servers: tuple[str, ...] = ("streamer",)
    readers: int = 100_000
    requirements: tuple[Requirement, ...] = (
        Requirement(says="kB each", figure="kilobytes_each", factor=4.5, at_least=False),
        Requirement(
            says="s for one event to 100,000", figure="event_seconds", factor=0.6, at_least=False
        ),
        Requirement(
            says="reads of Redis for each reconnect",
            figure="redis_reads",
            factor=0.001,  # a server looks for new rules every few seconds, whoever comes
            at_least=False,
        ),
        Requirement(says="lost", figure="faults", factor=0, at_least=False),
    )
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "readers": "readers",
            "kilobytes_each": "kB each",
            "kernel_each": "kB each of the kernel, both ends",
            "attach_cpu_us": "server CPU µs per connection",
            "idle_cpu": "server CPU, idle",
            "event_seconds": "s for one event to 100,000",
            "event_cpu": "server CPU s for it",
            "storm_cpu_us": "server CPU µs per reconnect",
            "redis_reads": "reads of Redis for each",
            "faults": "lost or doubled",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        wanted = plan.readers(self.readers)
        readers = min(wanted, room_in(machine.raise_file_limit(), 0).readers)
        share = self.readers / readers
        with arena.load("sse", min(_WARM_UP, readers)) as load:
            load.attach()
        time.sleep(0.5)  # for the server to notice that they are gone
        process, kernel = arena.process.resident_bytes(), machine.kernel_bytes()
        cpu = arena.process.cpu_seconds()
        with arena.load("sse", readers, inflight=1000) as load:
            load.attach()
            attach_cpu = arena.process.cpu_seconds() - cpu
            time.sleep(plan.seconds / 3)
            process = arena.process.resident_bytes() - process
            kernel = machine.kernel_bytes() - kernel
            cpu = arena.process.cpu_seconds()
            time.sleep(plan.seconds)
            idle_cpu = (arena.process.cpu_seconds() - cpu) / plan.seconds
            load.open_publishers(1)
            cpu = arena.process.cpu_seconds()
            told = [whole(load.publish(seconds=0.1, per_second=10)) for _ in range(_EVENTS)]
            event_cpu = (arena.process.cpu_seconds() - cpu) / told[-1].published_total
            calls = arena.redis.calls() if arena.redis else {}
            cpu = arena.process.cpu_seconds()
            storm = load.storm(told[-1].published_total - _BEHIND)
            storm_cpu = arena.process.cpu_seconds() - cpu
            called = arena.redis.calls() if arena.redis else {}
            after = whole(load.publish(seconds=0.1, per_second=10))
        faults = sum(t.lost + t.duplicated + t.missing + t.refused for t in (*told, storm, after))
        return {
            "readers": readers,
            "kilobytes_each": process / readers / 1000,
            "kernel_each": kernel / readers / 1000,
            "attach_cpu_us": attach_cpu / readers * 1e6,
            "idle_cpu": idle_cpu,
            # Of those that are timed, one in twenty, the last.
            "event_seconds": statistics.median(t.max_ms for t in told) / 1000 * share,
            "event_cpu": event_cpu * share,
            "storm_cpu_us": storm_cpu / readers * 1e6,
            "redis_reads": sum(called.get(n, 0) - calls.get(n, 0) for n in READS) / readers,
            "faults": float(abs(readers * _BEHIND - storm.delivered) + faults),
        }
