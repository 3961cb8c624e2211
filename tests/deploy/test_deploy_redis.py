"""Redis with the files of deploy/redis: a master that dies under three Sentinels, a cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import pytest
import redis

from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.eventlog.base import EventLog
from streamer.eventlog.open import open_event_log
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from support.documents import ROOT
from support.ports import free_ports
from support.requirements import needs
from support.waiting import wait_until, wait_until_blocking

CONF: Final = ROOT / "deploy" / "redis"
PASSWORD: Final = "hunter2"
#: Milliseconds of silence, instead of the five seconds that a test cannot wait for.
SOON: Final = "400"


class Machine:
    """One process with a file of deploy/redis, on this machine and on a port of the test's."""

    def __init__(self, directory: Path, port: int, conf: str, *more: str, **other: str) -> None:
        directory.mkdir()
        self.port: Final = port
        (directory / "password.conf").write_text(f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\n")
        elsewhere = {"/etc/redis/": f"{directory}/", "PASSWORD": PASSWORD, **other}
        for path in CONF.iterdir():
            text = path.read_text()
            for there, here in elsewhere.items():
                text = text.replace(there, here)
            (directory / path.name).write_text(text)
        self._command: Final = [
            *(needs("redis-server"), str(directory / conf), "--port", str(port)),
            *("--bind", "127.0.0.1", "--dir", str(directory), "--logfile", "log", *more),
        ]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """As a crash would: no last words."""
        self._process.kill()
        self._process.wait()

    def ask(self, *command: str) -> Any:  # noqa: ANN401 - a reply of Redis
        """Its reply to one command; None if it gives none."""
        try:
            with redis.Redis(port=self.port, password=PASSWORD, decode_responses=True) as client:
                return client.execute_command(*command)
        except redis.ConnectionError:
            return None


async def append(log: EventLog) -> Cursor | None:
    """Append an event; None while the log takes none."""
    try:
        return await log.append(new_event("projects/p1", "note"))
    except LogUnavailable:
        return None


def form(addresses: list[str]) -> None:
    """Make a cluster of them."""
    create = ["--cluster", "create", *addresses, "--cluster-yes"]
    subprocess.run([needs("redis-cli"), "-a", PASSWORD, *create], check=True, capture_output=True)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Start a process that ends with the test."""
    with ExitStack() as stack:

        def start(port: int, conf: str, *more: str, **other: str) -> Machine:
            machine = Machine(tmp_path / str(port), port, conf, *more, **other)
            return stack.enter_context(machine)

        yield start


async def test_what_two_have_outlives_the_master_under_three_sentinels(
    machines: Callable[..., Machine],
) -> None:
    first, *ports = free_ports(6)
    master = machines(first, "server.conf", "--repl-diskless-sync-delay", "0")
    for port in ports[:2]:
        machines(port, "server.conf", "--replicaof", "127.0.0.1", str(first))
    sentinels = [
        machines(
            port,
            "sentinel.conf",
            "--sentinel",
            **{"10.0.0.1 6379": f"127.0.0.1 {first}", "events 5000": f"events {SOON}"},
        )
        for port in ports[2:]
    ]

    def known() -> bool:
        found = [sentinel.ask("SENTINEL", "MASTER", "events") or {} for sentinel in sentinels]
        wanted = ("2", "2")
        return all(
            (str(it.get("num-slaves")), str(it.get("num-other-sentinels"))) == wanted
            for it in found
        )

    wait_until_blocking(known, "the Sentinels did not find each other and the replicas")
    listed = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
    url = f"redis+sentinel://:{PASSWORD}@{listed}/events?sentinel_password={PASSWORD}"
    log = open_event_log(
        Settings.from_env({"STREAMER_REDIS_URL": url, "STREAMER_REDIS_WAIT_REPLICAS": "1"})
    )

    try:
        before = await wait_until(lambda: append(log), "no replica followed the master")
        master.kill()
        assert await wait_until(lambda: append(log), "no other became the master")
        page = await log.read(["projects/p1"], ORIGIN, 10)
    finally:
        await log.close()
    assert page.events[0].id == before


async def test_a_cluster_of_such_nodes_keeps_a_log(machines: Callable[..., Machine]) -> None:
    ports = free_ports(6)
    nodes = [
        machines(port, "cluster.conf", "--cluster-port", str(bus))
        for port, bus in zip(ports[:3], ports[3:], strict=True)
    ]
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    wait_until_blocking(lambda: all(node.ask("PING") for node in nodes), "a node did not come up")
    for node in nodes:
        # There are no replicas here, to be quick.
        node.ask("CONFIG", "SET", "min-replicas-to-write", "0")
    form(addresses)
    url = f"redis+cluster://:{PASSWORD}@{','.join(addresses)}"
    log = open_event_log(Settings.from_env({"STREAMER_REDIS_URL": url}))

    try:
        first = await wait_until(lambda: append(log), "the cluster took no event")
        page = await log.read(["projects/p1"], ORIGIN, 10)
    finally:
        await log.close()
    assert page.events[0].id == first
