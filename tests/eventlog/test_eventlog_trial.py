"""Which rights the log needs: the list in the docs is enough, and each of it is missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streamer.config.retention import Retention, RetentionPolicy
from streamer.errors import LogForbidden
from streamer.eventlog.access import Renewal, Revocation
from streamer.eventlog.base import BatchKey
from streamer.eventlog.leases import Lease
from streamer.eventlog.push import Subscription
from streamer.eventlog.redis.log import RedisEventLog
from streamer.eventlog.redis.trial import missing_rights
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from support.listening import RecordingListener
from support.rollback import Rollback
from support.servers import Server
from support.waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs" / "REDIS.md"
USER = "least"


def rules_of_the_docs(prefix: str) -> list[str]:
    """The least that is enough, as the docs have it."""
    found = re.search(
        r"ACL SETUSER streamer on >password (.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    return found[1].replace("{streamer}", f"{{{prefix}}}").split()


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def admin(server: Server) -> Iterator[redis.Redis]:
    with server.client() as client:
        yield client
        client.acl_deluser(USER)


def allow(admin: redis.Redis, *rules: str) -> None:
    admin.execute_command("ACL", "SETUSER", USER, "reset", "on", ">pw", *rules)  # type: ignore[no-untyped-call]


def url_of(server: Server) -> str:
    return f"unix://{USER}:pw@{server.url.removeprefix('unix://')}"


async def test_with_the_least_rights_everything_works(
    server: Server, admin: redis.Redis, prefix: str
) -> None:
    """Nothing that the log does is denied, in its ordinary life and when it was lost."""
    allow(admin, *rules_of_the_docs(prefix))
    admin.acl_log_reset()
    assert await missing_rights(url_of(server), prefix=prefix, wait_replicas=1) == []
    log = RedisEventLog(
        url_of(server), prefix=prefix, retention=RetentionPolicy(Retention(max_length=2))
    )
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe(["jobs/j"])
    past = Rollback(server, prefix)
    for n in range(80):
        job = {"task_name": f"t{n}", "progress": 0.5, "attempt": 1}
        events = [
            new_event("jobs/j", "progress", job, idempotency_key=str(n // 2)),
            new_event("chats/1", "note", {}, ephemeral=True),
        ]
        await log.append_all(events, BatchKey("w", n))
    last = await log.append(new_event("jobs/j", "completed", {"task_name": "t"}))
    await listener.heard(last)
    assert (await log.read(["jobs/j"], ORIGIN, 10)).events
    assert (await log.snapshots(["jobs/j"]))["jobs/j"].status == "completed"
    assert list(await log.topics("", 10)) == ["jobs/j"]
    lease = Lease("j", ("jobs/j",), 1)
    await log.leases.renew([lease], 0.3)
    await wait_until(lambda: log.leases.lapsed(0.3), "no lease lapsed")
    await log.leases.release(lease)
    await log.access.signing_key()
    await log.access.revoke([Revocation("jti", "a", 2e9)])
    assert len((await log.access.revocations())[1]) == 1
    await log.access.send("p", Renewal("one", "p.s", b""))
    assert len(await log.access.take("p")) == 1
    await log.access.answer("one", "renewed")
    assert await log.access.answer_to("one") == "renewed"
    assert await log.known_keys("jobs/j", ["0"]) == {"0"}
    await push(log)
    await log.workers.announce("w", ["default"])
    assert len(await log.workers.queues()) == 1
    await log.workers.withdraw("w")
    await log.report_connections("p", {"jobs/j": 1})
    assert await log.connections(but="q") == {"jobs/j": 1}
    notifications.unsubscribe(["jobs/j"])
    past.flush()
    assert last is not None
    assert await log.head() > last
    await log.close()
    assert [entry["object"] for entry in admin.acl_log() if entry["username"] == USER] == []


async def push(log: RedisEventLog) -> None:
    """All that becomes of a push."""
    browser = Subscription("https://push.example/7", "p", "a", "k")
    await log.pushes.subscribe("7", browser)
    for n in range(3):
        await log.append(new_event("users/7", "invited", {}))
        await log.pushes.spread(0)
        [send] = await log.pushes.take(60)
        await log.pushes.later(send, 0, failed=True)
        [send] = await log.pushes.take(60)
        await (log.pushes.drop(send) if n else log.pushes.done(send, None))
        await log.pushes.subscribe("7", browser)
    assert await log.pushes.subscriptions("7") == [browser]
    assert await log.pushes.unsubscribe("7", browser.endpoint)


async def test_a_name_wants_one_right_more(server: Server, admin: redis.Redis, prefix: str) -> None:
    """Without it no connection is taken, and why is said; `check` says it too."""
    url = f"{url_of(server)}?client_name=streamer-7"
    allow(admin, *rules_of_the_docs(prefix))
    log = RedisEventLog(url, prefix=prefix)
    with pytest.raises(LogForbidden, match="client"):
        await log.head()
    with pytest.raises(LogForbidden, match="client"):
        await missing_rights(url, prefix=prefix)
    allow(admin, *rules_of_the_docs(prefix), "+client|setname")
    assert await missing_rights(url, prefix=prefix) == []
    await log.head()
    await log.close()


async def test_each_right_that_is_missing_is_named(
    server: Server, admin: redis.Redis, prefix: str
) -> None:
    """Each command of the list; a user without channels, without keys, with read-only keys."""
    least = rules_of_the_docs(prefix)
    url = url_of(server)
    for rule in least:
        if not rule.startswith("+") or rule in {"+eval", "+evalsha", "+select"}:
            continue  # without those nothing could be asked
        allow(admin, *(other for other in least if other != rule))
        missing = await missing_rights(url, prefix=prefix, wait_replicas=1)
        name = rule[1:].upper().replace("|", " ")
        assert missing, f"{rule} is not missed"
        assert {text[: len(name)] for text in missing} == {name}, missing
    allow(admin, *least, "resetchannels")
    named = await missing_rights(url, prefix=prefix)
    assert {text.split()[0] for text in named} == {"PUBLISH", "SUBSCRIBE"}
    allow(admin, *least, "resetkeys", f"%R~{{{prefix}}}:*")
    named = await missing_rights(url, prefix=prefix)
    assert f"SET {{{prefix}}}:clock" in named
    assert f"GET {{{prefix}}}:clock" not in named
