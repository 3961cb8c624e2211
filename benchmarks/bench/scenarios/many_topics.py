"""A thousand topics with a reader each, fed by one worker process."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from ..arena import EVENT_BYTES, Arena
from ..load import LoadGenerator, Tally
from ..outcome import Figures, Requirement
from ..process import Process, python
from .base import Plan

_WORKER = Path(__file__).parents[2] / "peers" / "sync_worker.py"

#: Events a second, end to end, that must be reached; latency is taken at half.
WANTED = 20_000
#: About what Streamer's own fields and SSE frame add to a body.
_FRAME_BYTES = 210


@dataclass(frozen=True, kw_only=True)
class ManyTopics:
    name: str = "many-topics"
    title: str = "1,000 topics with one SSE reader each, published by a worker (SyncPublisher)"
    servers: tuple[str, ...] = ("streamer", "streamer-portable")
    topics: int = 1000
    requirements: tuple[Requirement, ...] = (
        Requirement(says="events a second, end to end", figure="per_second", factor=WANTED),
        Requirement(
            says="ms p99 at half that rate", figure="half_p99_ms", factor=50.0, at_least=False
        ),
    )
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "per_second": "events/s",
            "half_per_second": "events/s, paced",
            "half_p50_ms": "p50 ms, paced",
            "half_p99_ms": "p99 ms, paced",
            "server_cpu": "server CPU",
            "worker_cpu": "worker CPU",
            "load_cpu": "load CPU",
            "event_bytes": "event bytes",
            "faults": "lost or doubled",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        topics = plan.readers(self.topics)
        with arena.load("sse", topics, topics=topics, sample_every=1) as load:
            load.attach()
            rounds = self._publish(arena, load, topics, 0, seconds=plan.seconds / 3)[0]  # warm-up
            before = arena.process.cpu_seconds()
            rounds, tally, told = self._publish(arena, load, topics, rounds, seconds=plan.seconds)
            server_cpu = arena.process.cpu_seconds() - before
            rounds, half, _ = self._publish(
                arena, load, topics, rounds, seconds=plan.seconds, per_second=WANTED / 2
            )
        return {
            "per_second": tally.delivered / tally.span_seconds,
            "per_cpu_second": tally.delivered / server_cpu if server_cpu else 0.0,
            "server_cpu": server_cpu / tally.span_seconds,
            "worker_cpu": told["cpu_seconds"] / told["seconds"],
            "load_cpu": tally.load_cpu_seconds / tally.seconds,
            "event_bytes": tally.event_bytes,
            "half_per_second": half.delivered / half.span_seconds,
            "half_p50_ms": half.p50_ms,
            "half_p99_ms": half.p99_ms,
            "faults": float(sum(t.lost + t.duplicated + t.closed for t in (tally, half))),
        }

    def _publish(
        self,
        arena: Arena,
        load: LoadGenerator,
        topics: int,
        before: int,
        *,
        seconds: float,
        per_second: float = 0.0,
    ) -> tuple[int, Tally, dict[str, float]]:
        """Run a worker after `before` rounds; return the rounds so far, the tally, what it told.

        Raises:
            RuntimeError: the worker failed, or not all it published arrived.
        """
        if arena.redis is None:
            raise RuntimeError("a worker publishes through Redis")
        command = [
            *(python(), str(_WORKER), "--redis", arena.redis.url, "--topics", str(topics)),
            *("--seconds", str(seconds), "--per-second", str(per_second)),
            *("--first", str(before + 1), "--pad", str(EVENT_BYTES - _FRAME_BYTES)),
        ]
        load.reset()
        with Process(
            command, cores=arena.layout.load, directory=arena.directory, pipes=True
        ) as worker:
            out = worker.popen.stdout
            line = out.readline() if out else ""
            if not line:
                worker.popen.wait()
                raise RuntimeError(f"the worker failed: {worker.log()}")
            told: dict[str, float] = json.loads(line)
        published = int(told["published"])
        tally = load.settle(published)
        if tally.delivered != published:
            raise RuntimeError(f"{tally.delivered} of {published} arrived: {tally.faults()}")
        return before + published // topics, tally, told
