"""Compressed streams: the bytes they save, and what that costs us and others."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena, whole
from ..load import LoadGenerator
from ..outcome import Figures, Requirement
from .base import Plan
from .fan_out import PACED_DELIVERIES

#: Those with whom ours are compared, that send the same events as they are.
_PLAIN = "streamer"


def _bytes(server: str, coding: str, factor: float) -> Requirement:
    return Requirement(
        says=f"of the plain bytes, {coding}",
        figure="wire_bytes",
        factor=factor,
        server=server,
        against=_PLAIN,
        at_least=False,
    )


def _deliveries(server: str, coding: str, factor: float) -> Requirement:
    return Requirement(
        says=f"of the plain deliveries, {coding}",
        figure="per_second",
        factor=factor,
        server=server,
        against=_PLAIN,
        per_cpu="per_cpu_second",
    )


def _latency(server: str, coding: str, factor: float) -> Requirement:
    return Requirement(
        says=f"of the plain p99 latency at 100 publishes/s, {coding}",
        figure="paced_p99_ms",
        factor=factor,
        server=server,
        against=_PLAIN,
        at_least=False,
    )


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """Readers of a job's progress, of which some come and go, and some are behind.

    In each window 3 % leave, one after the other, and come anew; and 5 % begin the first one
    behind, by more than a socket and a transport hold, and read slowly. The bytes are those of
    the others, with the chunks of HTTP/1.1 and without TCP's and IP's heads.
    """

    name: str = "compressed"
    title: str = "1,000 SSE readers of a job's progress, compressed; some come, some lag"
    servers: tuple[str, ...] = (
        *(_PLAIN, "streamer-gzip", "streamer-zstd", "streamer-nginx", "streamer-nginx-gzip"),
        *("nchan", "queue-per-reader", "queue-per-reader-gzip"),
    )
    readers: int = 1000
    requirements: tuple[Requirement, ...] = (
        _bytes("streamer-gzip", "gzip", 0.16),
        _bytes("streamer-zstd", "zstd", 0.16),
        _deliveries("streamer-gzip", "gzip", 0.9),
        _deliveries("streamer-zstd", "zstd", 0.9),
        _latency("streamer-gzip", "gzip", 1.2),
        _latency("streamer-zstd", "zstd", 1.2),
    )
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "wire_bytes": "bytes on the wire, an event",
            "event_bytes": "event bytes",
            "per_second": "deliveries/s",
            "per_cpu_second": "per server CPU s",
            "p99_ms": "p99 ms",
            "paced_p50_ms": "p50 ms, paced",
            "paced_p99_ms": "p99 ms, paced",
            "paced_cpu_us": "server CPU µs a delivery, paced",
            "kilobytes_each": "kB each",
            "load_cpu": "load CPU",
            "faults": "lost or doubled",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        readers = plan.readers(self.readers)
        memory = arena.process.resident_bytes()
        with arena.load(
            "sse", readers, stalled=readers // 20, churn=max(1, readers // 33), progress=True
        ) as load:
            load.attach()
            load.open_publishers(1)
            load.publish(seconds=plan.seconds / 3)  # warm-up
            memory = arena.process.resident_bytes() - memory
            self._let_some_lag(load)
            before = arena.process.cpu_seconds()
            tally = whole(load.publish(seconds=plan.seconds))
            cpu = arena.process.cpu_seconds() - before
            before = arena.process.cpu_seconds()
            rate = PACED_DELIVERIES / readers
            paced = whole(load.publish(seconds=plan.seconds, per_second=rate))
            paced_cpu = arena.process.cpu_seconds() - before
        faults = sum(t.lost + t.duplicated + t.missing + t.closed for t in (tally, paced))
        return {
            "wire_bytes": paced.wire_bytes,
            "event_bytes": paced.event_bytes,
            "per_second": tally.per_second,
            "publishes_per_second": tally.published / tally.seconds,
            "per_cpu_second": tally.delivered_total / cpu if cpu else 0.0,
            "p50_ms": tally.p50_ms,
            "p99_ms": tally.p99_ms,
            "wire_bytes_flat_out": tally.wire_bytes,
            "paced_p50_ms": paced.p50_ms,
            "paced_p99_ms": paced.p99_ms,
            "paced_cpu_us": 1e6 * paced_cpu / paced.delivered_total,
            "kilobytes_each": memory / readers / 1000,
            "load_cpu": tally.load_cpu_seconds / tally.seconds,
            "faults": float(faults),
        }

    def _let_some_lag(self, load: LoadGenerator) -> None:
        """Publish what no coding makes smaller, while they do not read; then they do again."""
        load.stall()
        whole(load.publish(seconds=1.5, per_second=60, pad=4000))
        load.unstall()
