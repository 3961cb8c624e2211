"""What an older Streamer kept is read whole, and gone on with, by this one.

It was kept by `support.older.COMMIT`: fixtures/older/make.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.live import Live, StartLive
from support.servers import Server
from support.waiting import wait_until

KEPT: Final = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "older" / "kept.json").read_text("utf-8")
)
SAID: Final = KEPT["said"]
PREFIX: Final = "older-log"
#: What the older one said of what it did not know.
NOT_KNOWN: Final = (None, "1970-01-01T00:00:00.000Z")


@pytest.fixture
def kept(redis_server: Server) -> None:
    """Put what the older one kept into Redis."""
    with redis_server.client() as client:
        for name in client.scan_iter(f"{{{PREFIX}}}*", 1000):
            client.delete(name)
        for name, (dumped, left) in KEPT["keys"].items():
            client.restore(name, left, base64.b64decode(dumped))


@pytest.fixture
async def log(redis_server: Server, kept: None) -> AsyncIterator[RedisEventLog]:
    log = RedisEventLog(redis_server.url, prefix=PREFIX)
    yield log
    await log.close()


@pytest.fixture
def server(start_live: StartLive, kept: None) -> Live:
    """A server of it."""
    return start_live(STREAMER_PREFIX=PREFIX, STREAMER_LEASE_SECONDS="2")


def has(today: Any, older: Any) -> bool:  # noqa: ANN401 - anything of JSON
    """Whether `today` says all that `older` did; it may say more, and has a later position."""
    if older in NOT_KNOWN:
        return True
    if isinstance(older, dict):
        return isinstance(today, dict) and all(
            name == "cursor" or (name in today and has(today[name], value))
            for name, value in older.items()
        )
    if isinstance(older, list):
        return len(today) == len(older) and all(map(has, today, older))
    return bool(today == older)


async def test_readers_of_an_older_log_are_given_all_that_the_older_one_gave(server: Live) -> None:
    """Events, gaps, snapshots and jobs; then what is new, with ids above."""
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:

        async def get(path: str, **query: str) -> Any:  # noqa: ANN401
            return (await client.get(path, params=query)).raise_for_status().json()

        for topic, older in SAID["events"].items():
            page = await get("/api/v1/events", topic=topic, after="0-0")
            assert has(page, older), topic
            assert has(await get("/api/v1/status", topic=topic), SAID["status"][topic]), topic
        behind, older = SAID["behind"]
        assert older["gap"]["reason"] == "trimmed"
        assert has(await get("/api/v1/events", topic="shop/orders", after=behind), older)
        for job in ("done", "failed"):
            assert has(await get(f"/api/v1/jobs/{job}"), SAID["jobs"][job]), job

        async def is_stalled() -> bool:
            return bool((await get("/api/v1/jobs/cut-off"))["status"] == "stalled")

        assert SAID["jobs"]["cut-off"]["status"] == "running"
        await wait_until(is_stalled, "the lease of the older worker did not lapse")
        listed = (await get("/api/v1/jobs"))["jobs"]
        assert {job["job_id"] for job in listed} == set(SAID["jobs"])

        key = KEPT["key"]
        body = {"topics": [key["topic"], "chats/42"], "type": "invited", "by": "ada"}
        answer = await client.post(
            "/api/v1/events", json=body, headers={"Idempotency-Key": key["Idempotency-Key"]}
        )
        assert answer.json()["id"] == key["id"]
        body = {"topic": "projects/p1", "type": "note"}
        new = (await client.post("/api/v1/events", json=body)).json()["id"]
        last = SAID["events"]["projects/p1"]["cursor"]
        assert Cursor.parse(new) > Cursor.parse(last)
        page = await get("/api/v1/events", topic="projects/p1", after=last)
        assert ([event["id"] for event in page["events"]], page["gap"]) == ([new], None)


async def test_what_an_older_log_knows_of_subjects_is_known(log: RedisEventLog) -> None:
    """How far each has read, what is unread, what was revoked, who is pushed, the key."""
    reading = await log.reader_cursors.states(list(SAID["unread"]), "7")
    states = {topic: state.to_fields() for topic, state in reading.states.items()}
    assert states == SAID["unread"]
    assert states["users/7"]["unread"] == 1
    await log.append(new_event("users/7", "said", {}))
    reading = await log.reader_cursors.states(["users/7"], "7")
    assert reading.states["users/7"].unread == 2
    _, revoked = await log.access.revocations()
    assert [[one.kind, one.value, one.at] for one in revoked] == SAID["revoked"] != []
    assert (await log.access.signing_key()).hex() == SAID["signing_key"]
    pushed = [one.endpoint for one in await log.pushes.subscriptions("7")]
    assert pushed == SAID["pushed"] != []
