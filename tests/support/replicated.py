"""Real Redis in several processes: a master under three Sentinels, and a cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .ports import free_ports
from .requirements import needs
from .waiting import DEADLINE, wait_until_blocking

#: Seconds that a server may take to answer a test before it counts as away.
_PATIENCE: Final = 1.0
#: What the Sentinels call the master.
SERVICE: Final = "events"
#: Milliseconds of silence after which a master or a node counts as dead: none of a test that
#: kills nobody does, however slow the machine is, and one that is killed soon.
_PATIENT: Final = 30_000
_DOWN_AFTER: Final = 400
#: Milliseconds that one failover may take before it is tried again; twice that
#: lie between two.
FAILOVER_TIMEOUT: Final = 1000


def _found(node: Node | None) -> Node:
    assert node is not None
    return node


class Node:
    """One process of Redis on a port, which a test may kill, freeze and start again."""

    def __init__(self, directory: Path, port: int, *arguments: str) -> None:
        directory.mkdir()
        self.port: Final = port
        self.address: Final = f"127.0.0.1:{port}"
        self._command: Final = (
            *(needs("redis-server"), *arguments, "--port", str(port), "--bind", "127.0.0.1"),
            *("--dir", str(directory), "--logfile", str(directory / "log")),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        self._process = subprocess.Popen((*self._command, *more), stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """As a crash would: no last words."""
        self.thaw()
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.running:
            self.kill()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask(self, *command: str | int) -> Any:  # noqa: ANN401 - a reply of Redis
        """Its reply to one command; None if it gives none."""
        try:
            with redis.Redis(
                port=self.port,
                socket_timeout=_PATIENCE,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
                protocol=2,
            ) as client:
                client.response_callbacks.clear()
                return client.execute_command(*command)
        except (redis.ConnectionError, redis.TimeoutError):
            return None

    def role(self) -> str | None:
        answer = self.ask("ROLE")
        return answer[0] if answer else None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


class SentinelTrio:
    """Two servers, one of them the master, under three Sentinels with a quorum of two."""

    def __init__(self, directory: Path) -> None:
        ports = free_ports(5)
        plain = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
        self.servers: Final = [
            Node(directory / f"server{n}", port, *plain, "--repl-timeout", "5")
            for n, port in enumerate(ports[:2])
        ]
        self._sentinels: Final = []
        for n, port in enumerate(ports[2:]):
            file = directory / f"sentinel{n}.conf"
            file.write_text(
                f"sentinel monitor {SERVICE} 127.0.0.1 {ports[0]} 2\n"
                f"sentinel down-after-milliseconds {SERVICE} {_PATIENT}\n"
                f"sentinel failover-timeout {SERVICE} {FAILOVER_TIMEOUT}\n"
            )
            self._sentinels.append(Node(directory / f"s{n}", port, str(file), "--sentinel"))
        listed = ",".join(sentinel.address for sentinel in self._sentinels)
        self.url: Final = f"redis+sentinel://{listed}/{SERVICE}"

    def start(self) -> None:
        first, second = self.servers
        first.start()
        wait_until_blocking(lambda: first.role() == "master", "the master did not come up")
        second.start("--replicaof", "127.0.0.1", str(first.port))
        wait_until_blocking(self._replicated, "the replica did not follow")
        for sentinel in self._sentinels:
            sentinel.start()
        self.heal()

    def stop(self) -> None:
        for node in (*self._sentinels, *self.servers):
            node.stop()

    @property
    def master(self) -> Node:
        """The server that the Sentinels agree on."""
        return _found(wait_until_blocking(self._agreed, "the Sentinels did not agree on a master"))

    @property
    def replica(self) -> Node:
        master = self.master
        return next(server for server in self.servers if server is not master)

    def wait_for_failover(self, old: Node) -> Node:
        """The server that has taken over from `old`."""

        def successor() -> Node | None:
            agreed = self._agreed()
            return agreed if agreed is not old else None

        return _found(wait_until_blocking(successor, "nobody took over"))

    def heal(self) -> None:
        """Everybody runs, one is the master, the other follows, and the Sentinels know."""
        for server in self.servers:
            if server.running:
                server.thaw()
            else:
                server.start()
        master = self.master
        other = next(server for server in self.servers if server is not master)
        wait_until_blocking(other.role, "the old master did not come back")
        # The Sentinels would do the same, after eight seconds.
        other.ask("REPLICAOF", "127.0.0.1", str(master.port))
        wait_until_blocking(self._replicated, "the replica did not follow")
        wait_until_blocking(self._steady, "the Sentinels did not see all of it")

    def hold_for_dead_after(self, milliseconds: int) -> None:
        for sentinel in self._sentinels:
            sentinel.ask("SENTINEL", "SET", SERVICE, "down-after-milliseconds", milliseconds)

    def fail_over(self) -> Node:
        """Let the replica take over in good order; return it."""
        old = self.master
        self._sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)
        return self.wait_for_failover(old)

    def _agreed(self) -> Node | None:
        told = {
            tuple(answer)
            for sentinel in self._sentinels
            if (answer := sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE))
        }
        if len(told) != 1:
            return None
        port = int(told.pop()[1])
        found = next(server for server in self.servers if server.port == port)
        return found if found.role() == "master" else None

    def _replicated(self) -> bool:
        answers = [server.ask("ROLE") for server in self.servers]
        return any(
            answer and answer[0] == "slave" and answer[3] == "connected" for answer in answers
        )

    def _steady(self) -> bool:
        for sentinel in self._sentinels:
            try:
                sentinel.ask("SENTINEL", "CKQUORUM", SERVICE)
            except redis.ResponseError:
                return False
            flat = sentinel.ask("SENTINEL", "MASTER", SERVICE)
            state = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
            if (state.get("flags"), state.get("num-other-sentinels")) != ("master", "2"):
                return False
            replicas = sentinel.ask("SENTINEL", "REPLICAS", SERVICE) or []
            if [dict(zip(r[::2], r[1::2], strict=True))["flags"] for r in replicas] != ["slave"]:
                return False
        return True


class Cluster:
    """Three masters with a third of the slots each."""

    def __init__(self, directory: Path) -> None:
        ports = free_ports(6)
        self.nodes: Final = [
            Node(
                directory / f"node{n}",
                port,
                *("--cluster-enabled", "yes", "--cluster-node-timeout", str(_PATIENT)),
                *("--cluster-port", str(bus), "--appendonly", "yes", "--save", ""),
                *("--cluster-allow-replica-migration", "no"),
            )
            for n, (port, bus) in enumerate(zip(ports[:3], ports[3:], strict=True))
        ]
        self.url: Final = f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            wait_until_blocking(node.role, "a node did not come up")
        self.cli("create", *(node.address for node in self.nodes), "--cluster-yes")
        self.wait_until_ok()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def wait_until_ok(self) -> None:
        """Until every node holds the cluster for whole."""
        wait_until_blocking(
            lambda: all("cluster_state:ok" in (n.ask("CLUSTER", "INFO") or "") for n in self.nodes),
            "the cluster did not become whole",
        )

    def hold_for_dead_after(self, milliseconds: int) -> None:
        for node in self.nodes:
            node.ask("CONFIG", "SET", "cluster-node-timeout", milliseconds)

    def cli(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [needs("redis-cli"), "--cluster", command, *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def owner(self, key: str) -> Node:
        """The node that serves the slot of `key`."""
        slot = self.slot(key)
        for first, last, address, *_ in self.nodes[0].ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == address[1])
        raise AssertionError(f"slot {slot} is served by nobody")

    def slot(self, key: str) -> int:
        return int(self.nodes[0].ask("CLUSTER", "KEYSLOT", key))

    def begin_migration(self, key: str, source: Node, target: Node) -> None:
        """From now on the keys of the slot of `key` may move, one by one."""
        slot = self.slot(key)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID"))

    def migrate(self, key: str, source: Node, target: Node, count: int) -> int:
        """Move up to `count` keys of the slot of `key`; return how many there were."""
        keys: Sequence[str] = source.ask("CLUSTER", "GETKEYSINSLOT", self.slot(key), count)
        if keys:
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 2000, "KEYS", *keys)
        return len(keys)

    def end_migration(self, key: str, source: Node, target: Node) -> None:
        """The slot of `key` is the target's."""
        owner = target.ask("CLUSTER", "MYID")
        others = [node for node in self.nodes if node not in {source, target}]
        for node in (target, source, *others):
            node.ask("CLUSTER", "SETSLOT", self.slot(key), "NODE", owner)


@pytest.fixture(scope="session")
def _sentinel_trio() -> Iterator[SentinelTrio]:
    needs("redis-server")
    directory = Path(tempfile.mkdtemp(prefix="st-"))
    trio = SentinelTrio(directory)
    try:
        trio.start()
        yield trio
    finally:
        trio.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def sentinel_trio(_sentinel_trio: SentinelTrio) -> Iterator[SentinelTrio]:
    """The trio of the whole session, in a hurry, and whole whatever the last test did to it."""
    _sentinel_trio.hold_for_dead_after(_DOWN_AFTER)
    _sentinel_trio.heal()
    yield _sentinel_trio
    _sentinel_trio.hold_for_dead_after(_PATIENT)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of the whole session; leave it whole."""
    needs("redis-cli")
    directory = Path(tempfile.mkdtemp(prefix="st-"))
    running = Cluster(directory)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def hasty_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The same, in which whoever dies counts as dead soon."""
    cluster.hold_for_dead_after(_DOWN_AFTER)
    yield cluster
    cluster.hold_for_dead_after(_PATIENT)
