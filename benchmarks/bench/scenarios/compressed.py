"""Compressed streams: the bytes they save, and what that costs us and others."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena, whole
from ..load import LoadGenerator, Transport
from ..outcome import Figures, Requirement
from .base import Plan
from .fan_out import PACED_DELIVERIES

#: Those whose readers come over WebSocket.
_WEBSOCKET = ("streamer-websocket", "streamer-deflate", "queue-per-reader-deflate")


def _of_plain(
    server: str, coding: str, *, size: float, deliveries: float, plain: str = "streamer"
) -> tuple[Requirement, ...]:
    """What `coding` must save and may cost, beside a server that sends the same as it is."""
    return (
        Requirement(
            says=f"of the plain bytes, {coding}",
            figure="wire_bytes",
            factor=size,
            server=server,
            against=plain,
            at_least=False,
        ),
        Requirement(
            says=f"of the plain deliveries, {coding}",
            figure="per_second",
            factor=deliveries,
            server=server,
            against=plain,
            per_cpu="per_cpu_second",
        ),
    )


def _latency(server: str, coding: str) -> Requirement:
    return Requirement(
        says=f"of the plain p99 latency at 100 publishes/s, {coding}",
        figure="paced_p99_ms",
        factor=1.2,
        server=server,
        against="streamer",
        at_least=False,
    )


def _of_each(against: str, whose: str) -> tuple[Requirement, ...]:
    """Once for all, beside a compressor for each reader, where the bytes are about the same."""
    return (
        Requirement(
            says=f"of the deliveries of {whose}, for a CPU second of all its processes",
            figure="per_cpu_second",
            factor=15,
            server="streamer-gzip",
            against=against,
        ),
        Requirement(
            says=f"of the bytes of {whose}, at which that is compared",
            figure="wire_bytes",
            factor=1.1,
            server="streamer-gzip",
            against=against,
            at_least=False,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """Readers of a job's progress, of which some come and go, and some are behind.

    In each window 3 % leave, one after the other, and come anew; and 5 % begin the first one
    behind, by more than a socket and a transport hold, and read slowly. The bytes are those of
    the others, with the chunks of HTTP/1.1 or the heads of frames, and without TCP's and IP's.
    """

    name: str = "compressed"
    title: str = "1,000 readers of a job's progress, compressed; some come, some lag"
    servers: tuple[str, ...] = (
        *("streamer", "streamer-gzip", "streamer-zstd", "streamer-nginx", "nginx-gzip"),
        *("nchan", "queue-per-reader", "queue-per-reader-gzip", *_WEBSOCKET),
    )
    readers: int = 1000
    requirements: tuple[Requirement, ...] = (
        *_of_plain("streamer-gzip", "gzip", size=0.16, deliveries=0.9),
        _latency("streamer-gzip", "gzip"),
        *_of_plain("streamer-zstd", "zstd", size=0.16, deliveries=0.9),
        _latency("streamer-zstd", "zstd"),
        *_of_plain(
            *("streamer-deflate", "permessage-deflate"),
            size=0.18,
            deliveries=0.85,
            plain="streamer-websocket",
        ),
        *_of_each("nginx-gzip", "nginx's gzip in front"),
        *_of_each("queue-per-reader-gzip", "a gzip per reader in Python"),
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
        transport: Transport = "websocket" if arena.server.name in _WEBSOCKET else "sse"
        with arena.load(
            transport, readers, stalled=readers // 20, churn=max(1, readers // 33), progress=True
        ) as load:
            load.attach()
            load.open_publishers(1)
            load.publish(seconds=plan.seconds / 3)  # warm-up
            memory = arena.process.resident_bytes() - memory
            self._let_some_lag(load)
            before = arena.process.cpu_seconds()
            tally = whole(load.publish(seconds=plan.seconds))
            cpu = arena.process.cpu_seconds() - before
            rate = PACED_DELIVERIES / readers
            # What was held is decoded before this, for as long as that takes. After such a
            # rest the first publishes are slower, whoever is measured.
            whole(load.publish(seconds=plan.seconds / 3, per_second=rate))
            before = arena.process.cpu_seconds()
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
