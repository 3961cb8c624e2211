"""What a platform's notifications cost: to one, to all admins, to everybody."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..arena import Arena, padding, whole
from ..load import LoadGenerator, Transport
from ..outcome import Figures, Requirement
from ..servers import Face
from ..servers.tokens import admin, inbox, write_tokens
from .base import Plan

#: Readers that come and go before the memory is first looked at.
_WARM_UP = 200
#: Readers of the notifications of admins.
_ADMINS = 100
#: Times that somebody asks how much they have not read.
_ASKED = 500
#: What a reader is sent first, and last before anything new.
_GREETING = {"sse": '"type":"caught_up"', "websocket": '"type":"connected"'}


@dataclass(frozen=True, kw_only=True)
class Inboxes:
    """`readers` on one process, each with a token, of ``users/{id}`` and ``system``.

    One more reads a topic where nothing counts, while nobody else is there; then one more
    has an inbox, while all are there.
    """

    name: str
    title: str
    transport: Transport
    requirements: tuple[Requirement, ...]
    readers: int = 10_000
    servers: tuple[str, ...] = ("streamer-inboxes", "bare")
    columns: dict[str, str] = field(
        default_factory=lambda: {
            "kilobytes_each": "kB each",
            "attach_cpu_us": "CPU µs a connection",
            "alone_us": "CPU µs an event, alone",
            "one_us": "CPU µs, to one",
            "one_p99_ms": "p99 ms, to one",
            "one_redis_us": "Redis CPU µs, to one",
            "admins_us": f"CPU µs, to {_ADMINS} admins",
            "everybody_cpu_ms": "CPU ms, to everybody",
            "per_second": "deliveries/s, to everybody",
            "everybody_p99_ms": "p99 ms, to everybody",
            "unread_us": "CPU µs, to count the unread",
            "load_cpu": "load CPU",
            "faults": "lost or doubled",
        }
    )

    def measure(self, arena: Arena, plan: Plan) -> Figures:
        readers = plan.readers(self.readers)
        if arena.redis is None:
            with arena.load(self.transport, readers) as load:
                load.attach()
                figures = self._publish(arena, plan, load, "everybody")
            return figures | {"faults": figures.pop("everybody_faults")}
        users = write_tokens(inbox, arena.directory, range(readers))
        one = write_tokens(admin, arena.directory, [readers])
        admins = write_tokens(admin, arena.directory, range(readers, readers + _ADMINS))
        with arena.load(self.transport, 1, tokens=one, sample_every=1) as load:
            load.attach()
            figures = self._publish(arena, plan, load, "alone")
        with self._inboxes(arena, users, min(_WARM_UP, readers)) as load:
            load.attach()
        time.sleep(0.5)  # for the server to notice that they are gone
        memory, cpu = arena.process.resident_bytes(), arena.process.cpu_seconds()
        with self._inboxes(arena, users, readers) as crowd:
            crowd.attach()
            figures["attach_cpu_us"] = (arena.process.cpu_seconds() - cpu) / readers * 1e6
            time.sleep(plan.seconds / 3)
            grown = arena.process.resident_bytes() - memory
            figures["kilobytes_each"] = grown / readers / 1000
            with self._inboxes(arena, one, 1, f"users/u{readers}") as load:
                load.attach()
                figures |= self._publish(arena, plan, load, "one")
            with self._inboxes(arena, admins, plan.readers(_ADMINS), "admin", "/admin") as load:
                load.attach()
                figures |= self._publish(arena, plan, load, "admins")
            figures |= self._publish(arena, plan, crowd, "everybody")
            figures["unread_us"] = self._count(arena, one, f"users/u{readers}")
            crowd.check_attached()
        if figures["alone_us"]:  # a short window may be less than a tick of the clock
            figures["one_ratio"] = figures["one_us"] / figures["alone_us"]
        kinds = ("alone", "one", "admins", "everybody")
        return figures | {"faults": sum(figures.pop(f"{kind}_faults") for kind in kinds)}

    def _inboxes(
        self, arena: Arena, tokens: Path, readers: int, topic: str = "system", of: str = ""
    ) -> LoadGenerator:
        """Readers of notifications; they publish to `topic`."""
        face = Face(
            read_path=f"/api/v1/ws{of}",
            publish_path="/api/v1/events",
            publish_topic=topic,
            greeting=_GREETING[self.transport],
        )
        # Each of a few is timed; of thousands, some.
        every = 1 if readers <= _ADMINS else 20
        return arena.load(self.transport, readers, face=face, tokens=tokens, sample_every=every)

    def _publish(self, arena: Arena, plan: Plan, load: LoadGenerator, to: str) -> Figures:
        """Publish one at a time; each notification is delivered to all readers of `load`."""
        load.open_publishers(1)
        pad = padding(load)
        load.publish(seconds=plan.seconds / 3, pad=pad)  # warm-up
        cpu = arena.process.cpu_seconds()
        redis = arena.redis.cpu_seconds() if arena.redis else 0.0
        tally = whole(load.publish(seconds=plan.seconds, pad=pad))
        cpu = arena.process.cpu_seconds() - cpu
        # What is answered behind the window costs too, and so is counted.
        published = max(1, round(tally.delivered_total / tally.attached))
        figures = {
            f"{to}_us": cpu / published * 1e6,
            f"{to}_p99_ms": tally.p99_ms,
            f"{to}_faults": float(tally.lost + tally.duplicated + tally.missing + tally.closed),
        }
        if arena.redis:
            figures[f"{to}_redis_us"] = (arena.redis.cpu_seconds() - redis) / published * 1e6
        if to == "everybody":
            figures["everybody_cpu_ms"] = cpu / published * 1e3
            figures["per_second"] = tally.per_second
            figures["per_cpu_second"] = tally.delivered_total / cpu if cpu else 0.0
            figures["load_cpu"] = tally.load_cpu_seconds / tally.seconds
        return figures

    def _count(self, arena: Arena, token: Path, topic: str) -> float:
        """Microseconds of the server to say how much of a topic somebody has not read.

        Raises:
            RuntimeError: it did not say.
        """
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        connection = http.client.HTTPConnection("127.0.0.1", arena.port, timeout=5)
        cpu = arena.process.cpu_seconds()
        for _ in range(_ASKED):
            connection.request("GET", f"/api/v1/topics/{topic}/cursor", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK or b'"unread":0' in body:
                raise RuntimeError(f"{topic} was not counted: {answer.status} {body[:200]!r}")
        cpu = arena.process.cpu_seconds() - cpu
        connection.close()
        return cpu / _ASKED * 1e6


def _needed(kilobytes: float) -> tuple[Requirement, ...]:
    return (
        Requirement(
            says="kB each",
            figure="kilobytes_each",
            factor=kilobytes,
            server="streamer-inboxes",
            at_least=False,
        ),
        Requirement(
            says="of an event where nobody else is, to notify one",
            figure="one_ratio",
            factor=1.25,
            server="streamer-inboxes",
            at_least=False,
        ),
        Requirement(
            says="of the bare send() loop, for a CPU second, to notify everybody",
            figure="per_cpu_second",
            factor=0.3,
            server="streamer-inboxes",
            against="bare",
        ),
    )


INBOXES_SSE = Inboxes(
    name="inboxes-sse",
    title="10,000 inboxes with a reader each, over SSE",
    transport="sse",
    requirements=_needed(13),
)
INBOXES_WEBSOCKET = Inboxes(
    name="inboxes",
    title="10,000 inboxes with a reader each, over WebSocket",
    transport="websocket",
    requirements=_needed(30),
)
