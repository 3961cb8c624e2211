"""One flood against one server, started anew: what it costs, and what it gets."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .. import machine
from ..process import Process, free_port, python
from ..redis import Redis
from . import Flood
from .line import ADDRESS
from .others import Others

_BENCHMARKS = Path(__file__).parents[2]
#: So short that a run of seconds shows what they do.
_TIMEOUT = "3"
#: A state in /proc/net/tcp.
_ESTABLISHED = "01"
#: Connections that the flooder holds, in what it reports.
_HELD = "held at the end"


@dataclass(frozen=True)
class Size:
    """How much is measured, and how long."""

    seconds: float = 3.5
    readers: int = 50
    per_second: float = 200.0
    fresh: int = 20
    share: float = 1.0  #: of each flood's own count


SMOKE = Size(seconds=0.4, readers=5, per_second=50.0, fresh=2, share=0.02)


class Cost(msgspec.Struct):
    """Of a flood: rates are deliveries a second of the others, memory is in bytes."""

    alone: float  #: the others' rate before the flood
    flooded: float
    wait_alone: float  #: of their publishes, 99 of 100, in seconds
    wait_flooded: float
    failed: int  #: publishes
    closed: int  #: readers
    fresh: int  #: readers that were connected, of `fresh_of`
    fresh_of: int
    memory: int  #: how much the server's peak grew
    cpu_alone: float  #: seconds of CPU a second, of the server
    cpu_flooded: float
    load_cpu: float  #: seconds of CPU a second, of all that share the load's core
    got: dict[str, int]  #: by the flooder

    @property
    def ratio(self) -> float:
        return self.flooded / self.alone if self.alone else 0.0


def measure(flood: Flood, source: Path, layout: machine.Layout, size: Size = Size()) -> Cost:
    """Start a Redis, the server of `source` and the flooder; stop all of it at the end."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flood-")))
        redis = stack.enter_context(Redis(cores=layout.redis, directory=directory))
        port = free_port()
        server = stack.enter_context(
            Process(
                [python(), "-m", "streamer", "serve"],
                cores=layout.server,
                directory=directory,
                environ=_environ(port, redis.url, directory, source) | flood.environ,
            )
        )
        server.wait_until_ready(port, "GET", "/readyz")
        flooder = stack.enter_context(
            Process(
                [
                    *(python(), "-m", "bench.floods.flooder"),
                    *(flood.name, str(port), str(max(1, int(flood.count * size.share)))),
                ],
                cores=layout.load,
                directory=directory,
                environ={"PYTHONPATH": str(_BENCHMARKS)},
                pipes=True,
            )
        )
        _expect(flooder, "ready")
        others = stack.enter_context(Others(port, readers=size.readers, per_second=size.per_second))
        others.attach()
        others.run(size.seconds / 4)
        return _cost(flood, server, [redis, flooder], others, size)


def _cost(flood: Flood, server: Process, beside: list[Process], others: Others, size: Size) -> Cost:
    flooder = beside[-1]
    start = server.cpu_seconds()
    alone = others.run(size.seconds)
    cpu_alone = server.cpu_seconds() - start
    memory = _peak(server)
    # From its first moment on: what it delays and what is made up for later both show.
    _command(flooder)
    start = server.cpu_seconds()
    start_load = time.process_time() + sum(one.cpu_seconds() for one in beside)
    flooded = others.run(size.seconds)
    cpu_flooded = server.cpu_seconds() - start
    load_cpu = time.process_time() + sum(one.cpu_seconds() for one in beside) - start_load
    fresh = others.fresh(size.fresh)
    if flood.finish:
        assert flooder.popen.stdout is not None
        others.run(flood.finish, until=flooder.popen.stdout.fileno())
    held = _held(others.port)
    _command(flooder)
    got = Counter[str](json.loads(_last_line(flooder)))
    if thought := got.pop(_HELD, 0):
        # Who does not read is not told: the server's side of its connection is gone.
        got["cut"] += max(0, thought - held)
        got[_HELD] = held
    return Cost(
        alone=alone.rate,
        flooded=flooded.rate,
        wait_alone=alone.p99,
        wait_flooded=flooded.p99,
        failed=flooded.failed,
        closed=flooded.closed,
        fresh=fresh,
        fresh_of=size.fresh,
        memory=max(0, _peak(server) - memory),
        cpu_alone=cpu_alone / alone.seconds,
        cpu_flooded=cpu_flooded / flooded.seconds,
        load_cpu=load_cpu / flooded.seconds,
        got=dict(got),
    )


def _environ(port: int, redis_url: str, directory: Path, source: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(source),
        "STREAMER_HOST": "127.0.0.1",
        "STREAMER_PORT": str(port),
        "STREAMER_REDIS_URL": redis_url,
        "STREAMER_DATA_DIR": str(directory),
        "STREAMER_DRAIN_SECONDS": "0",
        "STREAMER_LOG_LEVEL": "error",
        "STREAMER_HEAD_TIMEOUT": _TIMEOUT,
        "STREAMER_BODY_TIMEOUT": _TIMEOUT,
        "STREAMER_SEND_TIMEOUT": _TIMEOUT,
    }


def _held(port: int) -> int:
    """Connections of the flooder that the server on `port` has."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    host = "".join(f"{int(part):02X}" for part in reversed(ADDRESS.split(".")))
    return sum(
        fields[1].endswith(f":{port:04X}")
        and fields[2].startswith(f"{host}:")
        and fields[3] == _ESTABLISHED
        for fields in lines
    )


def _peak(process: Process) -> int:
    """The most memory that a process and its descendants had at once, each, in bytes."""
    total = 0
    for pid in machine.family(process.pid):
        status = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        total += int(found[1]) * 1024 if found else 0
    return total


def _command(flooder: Process) -> None:
    assert flooder.popen.stdin is not None
    flooder.popen.stdin.write("\n")
    flooder.popen.stdin.flush()


def _expect(flooder: Process, line: str) -> None:
    assert flooder.popen.stdout is not None
    if flooder.popen.stdout.readline().strip() != line:
        raise RuntimeError(f"the flooder is not {line}:\n{flooder.log()}")


def _last_line(flooder: Process) -> str:
    assert flooder.popen.stdout is not None
    line = ""
    while not line.startswith("{"):
        line = flooder.popen.stdout.readline()
        if not line:
            raise RuntimeError(f"the flooder ended:\n{flooder.log()}")
    return line
