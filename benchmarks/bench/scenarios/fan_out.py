"""One topic, many readers, publishers that wait for their answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arena import Arena, padding, whole
from ..load import Transport
from ..outcome import Figures, Requirement
from .base import Plan

#: Publishes a second of the paced window; all that can are compared at the same rate.
PACED_DELIVERIES = 100_000

COLUMNS = {
    "per_second": "deliveries/s",
    "per_cpu_second": "per server CPU s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "paced_p99_ms": "p99 ms, paced",
    "server_cpu": "server CPU",
    "load_cpu": "load CPU",
    "event_bytes": "event bytes",
    "faults": "lost or doubled",
}


@dataclass(frozen=True, kw_only=True)
class FanOut:
    """`readers` on one topic, `publishers` each publishing its next when answered."""

    name: str
    title: str
    servers: tuple[str, ...]
    requirements: tuple[Requirement, ...] = ()
    transport: Transport = "sse"
    readers: int = 1000
    publishers: int = 1
    columns: dict[str, str] = field(default_factory=lambda: COLUMNS)

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        readers = plan.readers(self.readers)
        with arena.load(self.transport, readers) as load:
            load.attach()
            load.open_publishers(self.publishers)
            pad = padding(load)
            load.publish(seconds=plan.seconds / 3, publishers=self.publishers, pad=pad)  # warm-up
            before = arena.process.cpu_seconds()
            tally = whole(load.publish(seconds=plan.seconds, publishers=self.publishers, pad=pad))
            cpu = arena.process.cpu_seconds() - before
            figures = {
                "per_second": tally.per_second,
                "publishes_per_second": tally.published / tally.seconds,
                "per_cpu_second": tally.delivered_total / cpu if cpu else 0.0,
                "p50_ms": tally.p50_ms,
                "p99_ms": tally.p99_ms,
                "server_cpu": cpu / (tally.seconds + tally.settle_seconds),
                "load_cpu": tally.load_cpu_seconds / tally.seconds,
                "event_bytes": tally.event_bytes,
                "faults": float(tally.lost + tally.duplicated + tally.missing + tally.closed),
            }
            if self.publishers == 1:
                rate = PACED_DELIVERIES / readers
                paced = whole(load.publish(seconds=plan.seconds, per_second=rate, pad=pad))
                figures["paced_p50_ms"] = paced.p50_ms
                figures["paced_p99_ms"] = paced.p99_ms
        return figures


def _ratio(says: str, factor: float, against: str, server: str = "streamer") -> Requirement:
    return Requirement(
        says=says,
        figure="per_second",
        factor=factor,
        server=server,
        against=against,
        per_cpu="per_cpu_second",
    )


SSE_1000 = FanOut(
    name="sse",
    title="1,000 SSE readers, one topic, one publish at a time",
    servers=(
        *("streamer", "streamer-writes", "streamer-portable"),
        *("nchan", "nchan-redis", "nchan-nagle", "queue-per-reader", "bare"),
    ),
    requirements=(
        _ratio("of Nchan without Redis", 1.5, "nchan"),
        _ratio("of Nchan with Redis", 1.25, "nchan-redis"),
        _ratio("of Nchan without Redis, Nagle on", 1.25, "nchan-nagle"),
        _ratio("of the bare send() loop", 0.7, "bare"),
        Requirement(
            says="of Nchan's p99 latency",
            figure="p99_ms",
            factor=1.0,
            against="nchan",
            at_least=False,
        ),
        Requirement(
            says="of Nchan's p99 latency, both at 100 publishes/s",
            figure="paced_p99_ms",
            factor=1.0,
            against="nchan",
            at_least=False,
        ),
        Requirement(
            says="of Nchan's p99 latency with Nagle on, both at 100 publishes/s",
            figure="paced_p99_ms",
            factor=1.0,
            against="nchan-nagle",
            at_least=False,
        ),
    ),
)
WEBSOCKET_1000 = FanOut(
    name="websocket",
    title="1,000 WebSocket readers, one topic, one publish at a time",
    transport="websocket",
    servers=(
        *("streamer", "streamer-portable", "nchan", "nchan-redis", "queue-per-reader"),
        *("socketio", "bare"),
    ),
    requirements=(_ratio("of Nchan over WebSocket", 1.0, "nchan"),),
)
ACCESS = FanOut(
    name="access",
    title="1,000 SSE readers, one topic, with and without tokens",
    servers=("streamer", "streamer-tokens", "streamer-grants"),
    requirements=(
        _ratio("of itself without tokens, by equal grants", 0.95, "streamer", "streamer-tokens"),
        _ratio("of itself without tokens, by different", 0.95, "streamer", "streamer-grants"),
    ),
)
SSE_5000 = FanOut(
    name="sse-5000",
    title="5,000 SSE readers, one topic, one publish at a time",
    readers=5000,
    servers=("streamer", "nchan", "nchan-redis", "bare"),
    requirements=(_ratio("of Nchan", 1.25, "nchan"),),
)
BURST = FanOut(
    name="burst",
    title="1,000 SSE readers, one topic, 100 publishers at once",
    publishers=100,
    servers=("streamer", "streamer-portable", "nchan", "nchan-redis", "queue-per-reader", "bare"),
    requirements=(_ratio("of Nchan's deliveries", 4.0, "nchan"),),
)
