"""Whatever is used, each key in Redis expires, or is on the list of those with another bound."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from dramatiq.message import Message

from streamer.config.settings import Settings
from streamer.eventlog.access import Renewal, Revocation
from streamer.eventlog.base import BatchKey
from streamer.eventlog.leases import Lease
from streamer.eventlog.presence import Member
from streamer.eventlog.push import Subscription
from streamer.eventlog.redis.keys import Keys
from streamer.eventlog.redis.log import RedisEventLog
from streamer.eventlog.redis.trial import missing_rights
from streamer.eventlog.typing import Typist
from streamer.events.new_event import new_event
from streamer.jobs.broker import create_broker
from streamer.jobs.kept import KeptMessages
from streamer.jobs.offers import Offer, Offers
from support.servers import Server

CAPACITY: Final = (Path(__file__).parents[2] / "docs" / "CAPACITY.md").read_text("utf-8")
#: Of `Keys`: no key, or one of a script that looks whether it may write.
NO_KEYS: Final = {"notification", "notification_prefix", "probe_prefix", "database", "position"}


def listed() -> list[str]:
    """The keys that the document says are bounded otherwise, as it writes them."""
    table = CAPACITY.partition("### What has no time of its own")[2].partition("\n#")[0]
    return re.findall(r"`\{streamer\}:([^`]+)`", table)


def kind_of(name: str, prefix: str) -> str:
    """A key without what it is of: ``t:*`` of a topic's events."""
    rest = name.removeprefix(f"{{{prefix}}}:")
    return re.sub(r"\A((?:access:)?[a-z]{1,2}):.*\Z", r"\1:*", rest)


@pytest.fixture
async def log(redis_server: Server, prefix: str) -> AsyncIterator[RedisEventLog]:
    log = RedisEventLog(redis_server.url, prefix=prefix)
    yield log
    await log.close()


async def use_everything(log: RedisEventLog, url: str, prefix: str) -> None:
    """Do all that the log can."""
    await log.rules.uphold()
    first = await log.append(new_event("users/7", "said", {}, idempotency_key="k"))
    assert first is not None
    await log.append_all([new_event("projects/p", "note", {})], batch=BatchKey("publisher", 1))
    job = {"job_id": "j", "task_name": "encode"}
    for kind, more in (("progress", {"progress": 0.5}), ("completed", {"result": 1})):
        await log.append(new_event(("projects/p", "jobs/j"), kind, job | more))
    await log.append(new_event("chats/1", "ai_chunk", {"text": "a"}, part_of="x"))
    await log.append(new_event("chats/1", "typing", {}, ephemeral=True))
    await log.reader_cursors.move("users/7", "7", first)
    for user in ("ada", "bob"):
        await log.presence.enter(Member("chats/1", "c-" + user, user, user), 15.0)
    await log.presence.leave(Member("chats/1", "c-bob", "bob", "bob"))
    await log.presence.lapsed(15.0)
    await log.typists.begin(Typist("chats/1", "ada", "ada"), 6.0)
    await log.leases.renew([Lease("j2", ("jobs/j2",), 1, "encode")], 10.0)
    await log.leases.lapsed(10.0)
    await log.checkpoints.keep("j2", "", 1, b"{}", unless=("jobs/j2", "j2:end"))
    await log.workers.announce("w", ["default"])
    await log.report_connections("p", {"users/7": 1})
    await log.reports.say("p", b"{}")
    await log.access.signing_key()
    await log.access.revoke([Revocation("sub", "9", 1.0e9)])
    await log.access.send("p", Renewal("r", "s", b"g"))
    await log.access.answer("r", "ok")
    for name in ("1", "2"):
        push = Subscription(f"https://push.example/{name}", "k" * 87, "a" * 22, "s" * 87)
        await log.pushes.subscribe("7", push)
    await log.append(new_event("users/7", "said", {}))
    await log.pushes.spread(0.0)
    await log.append(new_event("users/7", "said", {}))
    assert await missing_rights(url, prefix=prefix) == []


def use_queues(settings: Settings) -> None:
    """Do all that is done beside Dramatiq's own."""
    broker = create_broker(settings)
    kept = KeptMessages(broker.client, broker.namespace, 60.0)
    message: Message[Any] = Message("default", "transcode", (), {}, {})
    kept.keep(message)
    kept.claim(message.message_id)
    broker.declare_queue("default")
    broker.enqueue(message)
    broker.enqueue(message.copy(options={"eta": 2**45}), delay=3_600_000)
    Offers(broker.client, broker.namespace).put("own.a", [Offer("a", "a", "default", {})], 1.0)
    broker.client.close()


async def test_each_key_expires_or_is_listed_with_its_bound(
    log: RedisEventLog, redis_server: Server, prefix: str
) -> None:
    await use_everything(log, redis_server.url, prefix)
    use_queues(Settings(redis_url=redis_server.url, prefix=prefix))
    with redis_server.client() as client:
        lasting, seen = set(), set()
        for name in client.scan_iter(f"{{{prefix}}}*", 1000):
            kind = kind_of(name.decode(), prefix)
            seen.add(kind)
            if client.pttl(name) < 0:
                lasting.add(kind)
    assert lasting == set(listed())
    assert seen >= all_kinds() - {"check"}, "not all was used"


def all_kinds() -> set[str]:
    """What `Keys` can name."""
    keys, found = Keys("p"), set()
    for name, member in inspect.getmembers(keys):
        if name.startswith("_") or name in NO_KEYS:
            continue
        if isinstance(member, str):
            found.add(kind_of(member, "p"))
        elif callable(member):
            found.add(kind_of(_made(member), "p"))
    return found


def _made(member: Callable[..., str]) -> str:
    return member(*("x" for _ in inspect.signature(member).parameters))


def test_the_document_names_every_key() -> None:
    table = CAPACITY.partition("## What is kept in Redis")[2].partition("\n## ")[0]
    named = set(re.findall(r"`\{streamer\}:([^`]+)`", table))
    assert all_kinds() - named == set()
