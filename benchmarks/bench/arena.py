"""Start one server, fresh and on its own core, with its Redis and its load generator."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .load import LoadGenerator, Tally, Transport
from .machine import Layout
from .process import Process, free_port
from .redis import Redis
from .servers import Face, Place, Server

#: Bytes of one delivered event, frame included: what the scenarios call a 250-byte event.
EVENT_BYTES = 250


@dataclass
class Arena:
    """A running server and everything a scenario needs around it."""

    server: Server
    process: Process
    redis: Redis | None
    layout: Layout
    directory: Path
    port: int
    tokens: Path | None

    def face(self, transport: Transport) -> Face:
        face = self.server.face(transport)
        if face is None:
            raise RuntimeError(f"{self.server.title} does not speak {transport}")
        return face

    def load(
        self,
        transport: Transport,
        readers: int,
        *,
        topics: int = 1,
        stalled: int = 0,
        sample_every: int = 20,
        inflight: int = 200,
        face: Face | None = None,
        tokens: Path | None = None,
        churn: int = 0,
        progress: bool = False,
    ) -> LoadGenerator:
        """Readers and publishers; by `face` and `tokens` where not as the server's own."""
        face = face or self.face(transport)
        return LoadGenerator(
            port=self.port,
            transport=transport,
            read_path=face.read_path,
            publish_path=face.publish_path,
            greeting=face.greeting,
            hello=face.hello,
            first_path=face.first_path,
            publish_topic=face.publish_topic,
            tokens=tokens or self.tokens,
            readers=readers,
            topics=topics,
            stalled=stalled,
            sample_every=sample_every,
            inflight=inflight,
            coding=face.coding,
            churn=churn,
            progress=progress,
            envelope=face.as_published,
            cores=self.layout.load,
            directory=self.directory,
        )


@contextlib.contextmanager
def arena(server: Server, layout: Layout) -> Iterator[Arena]:
    """Start `server` in a directory of its own; stop all of it at the end."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        redis = None
        if server.needs_redis:
            redis = stack.enter_context(Redis(cores=layout.redis, directory=directory))
        port = free_port()
        launch = server.launch(
            Place(port=port, directory=directory, redis_port=redis.port if redis else None)
        )
        cores = layout.server if server.cores == 1 else layout.server | layout.load
        process = stack.enter_context(
            Process(launch.command, cores=cores, directory=directory, environ=launch.environ)
        )
        process.wait_for_port(port)
        if launch.ready is not None:
            process.wait_until_ready(port, *launch.ready)
        try:
            yield Arena(server, process, redis, layout, directory, port, launch.tokens)
        except RuntimeError as error:
            if process.popen.poll() is None:
                raise
            raise RuntimeError(f"{server.title} ended: {process.log()}") from error


def padding(load: LoadGenerator) -> int:
    """How much to pad a body so that this server delivers it in `EVENT_BYTES`.

    Raises:
        RuntimeError: nothing was delivered.
    """
    bare = whole(load.publish(seconds=0.3, per_second=20, pad=0))
    return max(0, round(EVENT_BYTES - bare.event_bytes))


def whole(tally: Tally) -> Tally:
    """Return `tally` if events were delivered and none was refused.

    Raises:
        RuntimeError: with what the load generator saw.
    """
    if tally.delivered_total == 0 or tally.publish_errors:
        raise RuntimeError(f"nothing was delivered: {'; '.join(tally.faults())}")
    return tally
