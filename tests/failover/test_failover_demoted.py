"""A master that is made a replica while its connections live on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from streamer.errors import LogUnavailable
from streamer.eventlog.redis.link.route import Address, Route
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import NewEvent, new_event
from support.listening import RecordingListener
from support.ports import free_ports
from support.reading import ids_of, read_all
from support.replicated import Node
from support.waiting import wait_until_blocking

pytestmark = pytest.mark.faults


class KnownMaster:
    """Knows where the master is because a test says so."""

    def __init__(self, master: Node) -> None:
        self.master = master

    async def ask(self) -> Address:
        return Address("127.0.0.1", self.master.port)


@pytest.fixture
def servers(short_dir: Path) -> Iterator[list[Node]]:
    """A master and its replica, with nobody to watch over them."""
    nodes = [
        Node(short_dir / str(port), port, "--save", "", "--repl-diskless-sync-delay", "0")
        for port in free_ports(2)
    ]
    first, second = nodes
    try:
        first.start()
        second.start("--replicaof", "127.0.0.1", str(first.port))
        wait_until_blocking(lambda: is_following(second), "the replica did not follow")
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def is_following(node: Node) -> bool:
    answer = node.ask("ROLE")
    return bool(answer) and answer[0] == "slave" and answer[3] == "connected"


def change_places(old: Node, new: Node) -> None:
    """Without a word to their clients, as Sentinel would give them; nothing is lost."""
    wait_until_blocking(
        lambda: new.ask("ROLE")[4] == old.ask("ROLE")[1], "the replica did not catch up"
    )
    new.ask("REPLICAOF", "NO", "ONE")
    old.ask("REPLICAOF", "127.0.0.1", str(new.port))
    wait_until_blocking(lambda: is_following(old), "the old master did not follow")


@pytest.fixture
def known(servers: list[Node]) -> KnownMaster:
    return KnownMaster(servers[0])


@pytest.fixture
async def log(
    known: KnownMaster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RedisEventLog]:
    monkeypatch.setattr("streamer.eventlog.redis.log.open_route", lambda *_: Route(known))
    log = RedisEventLog(
        "redis+sentinel://unused/unused", prefix=prefix, timeout=1.0, probe_interval=0.1
    )
    yield log
    await log.close()


def tick(*, ephemeral: bool = False) -> NewEvent:
    return new_event("chats/1", "tick", ephemeral=ephemeral)


async def test_an_append_that_a_demoted_master_refuses_goes_to_the_new_one(
    log: RedisEventLog, known: KnownMaster, servers: list[Node]
) -> None:
    """It was not stored, so it is safe to send it again, once, without a key."""
    first = await log.append(tick())
    change_places(*servers)
    known.master = servers[1]
    second = await log.append(tick())
    assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [first, second]


async def test_a_demoted_master_that_nobody_has_replaced_refuses(
    log: RedisEventLog, servers: list[Node]
) -> None:
    """Nothing is acknowledged, and an ephemeral event is not sent to nobody."""
    await log.append(tick())
    change_places(*servers)
    with pytest.raises(LogUnavailable, match="READONLY"):
        await log.append(tick())
    with pytest.raises(LogUnavailable, match="has become a replica"):
        await log.append(tick(ephemeral=True))


async def test_a_subscription_follows_although_it_is_still_heard(
    log: RedisEventLog, known: KnownMaster, servers: list[Node]
) -> None:
    """The old master hands on what it replicates; when it is cut off it would be deaf."""
    listener = RecordingListener()
    await log.listen(listener).subscribe(["chats/1"])
    change_places(*servers)
    known.master = servers[1]
    await listener.told("interrupted", "resumed")
    assert f"is at 127.0.0.1:{servers[1].port} now" in listener.reasons[0]
    id_ = await log.append(tick())
    await listener.heard(id_)


async def test_nobody_subscribes_at_a_replica(
    log: RedisEventLog, known: KnownMaster, servers: list[Node]
) -> None:
    """A Sentinel may name one that has just been demoted."""
    known.master = servers[1]
    with pytest.raises(LogUnavailable):
        await log.listen(RecordingListener()).subscribe(["chats/1"])
    listener = RecordingListener()
    notifications = log.listen(listener)
    await listener.told("interrupted")
    assert "has become a replica" in listener.reasons[0]
    known.master = servers[0]
    await listener.told("interrupted", "resumed")
    assert notifications.healthy
