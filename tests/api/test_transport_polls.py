"""Polls are bounded: in bytes, in time, and in how many there are."""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest

from streamer.api.poll_answer import PollAnswer
from streamer.errors import TooManyConnections
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from streamer.events.snapshot_size import SNAPSHOT_BYTES
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions
from streamer.hub.writer import EXTENSION
from support.live import Live, StartLive
from support.readers import sse, websocket
from support.waiting import DEADLINE, wait_until

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])
LARGE = "x" * 50_000
LIMITS = HubLimits()


async def publish_large(url: str, topics: list[str], count: int) -> list[str]:
    """Publish large events to each topic in turn; return their ids."""
    async with httpx.AsyncClient(base_url=url) as client:
        ids = []
        for n in range(count):
            body = {"type": "note", "topic": topics[n % len(topics)], "text": LARGE, "n": n}
            ids.append((await client.post("/api/v1/events", json=body)).json()["id"])
    return ids


def connect(live: Live, target: str) -> socket.socket:
    """Ask for `target` and read nothing, with little room for what comes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", live.port))
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("topics", [1, 3])
async def test_an_answer_is_bounded_in_bytes_and_polling_on_loses_nothing(
    live: Live, project: str, topics: int
) -> None:
    """However many events are asked for: the cursor says where to go on."""
    names = [f"{project}/{n}" for n in range(topics)]
    ids = await publish_large(live.url, names, 45)
    query = "&".join(f"topic={name}" for name in names)
    seen: list[str] = []
    sizes, after = [], "0-0"
    async with httpx.AsyncClient(base_url=live.url) as client:
        while True:
            answer = await client.get(f"/api/v1/events?{query}&limit=1000&after={after}")
            sizes.append(int(answer.headers["content-length"]))
            page = answer.json()
            assert page["gap"] is None
            if not page["events"]:
                break
            seen += [event["id"] for event in page["events"]]
            after = page["cursor"]
            assert after >= seen[-1]
    assert seen == ids
    assert max(sizes) < LIMITS.answer_bytes + 2 * len(LARGE)
    assert sizes[0] > LIMITS.answer_bytes / 2, "an answer is not smaller than it need be"
    assert len(sizes) == 4, "two and a half answers, and an empty one"


async def test_an_answer_has_as_many_small_events_as_were_asked_for(
    live: Live, project: str
) -> None:
    """From the log and from the tail, whatever the pages that they are read by."""
    path = f"/api/v1/projects/{project}/events"
    stream = f"/api/v1/projects/{project}/stream?from=earliest"
    async with httpx.AsyncClient(base_url=live.url) as client:
        for n in range(300):
            await client.post(path, json={"type": "note", "text": "x" * 1000, "n": n})
        for _ in range(2):
            page = (await client.get(f"{path}?limit=299")).json()
            assert [event["n"] for event in page["events"]] == list(range(299))
            assert page["cursor"] == page["events"][-1]["id"]
            async with client.stream("GET", stream) as s:
                async for line in s.aiter_lines():
                    if line == "event: caught_up":
                        break


@PATHS
async def test_polls_that_wait_count_as_readers(start_live: StartLive, path: str) -> None:
    """Of the process and of their client; one that was answered, or left, does not."""
    live = start_live(path, STREAMER_MAX_CONNECTIONS_PER_CLIENT="3", STREAMER_MAX_CONNECTIONS="4")
    async with httpx.AsyncClient(base_url=live.url) as client:
        cursor = (await client.get("/api/v1/status?topic=a")).json()["cursor"]
        with ExitStack() as stack:
            target = f"/api/v1/events?topic=a&wait=60&after={cursor}"
            held = [stack.enter_context(closing(connect(live, target))) for _ in range(3)]

            async def refusal() -> dict[str, Any] | None:
                for number, poll in enumerate(held):
                    # Asked for while this very question was counted, it was refused.
                    if poll.fileno() >= 0 and select.select([poll], [], [], 0)[0]:
                        held[number] = stack.enter_context(closing(connect(live, target)))
                answer = await client.get("/api/v1/events?topic=a&limit=1")
                if answer.status_code == httpx.codes.OK:
                    return None
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
                assert int(answer.headers["retry-after"]) >= 1
                problem: dict[str, Any] = answer.json()
                return problem

            problem = await wait_until(refusal, "the polls were not counted")
            assert problem is not None
            assert problem["code"] == "too_many_connections"
            assert "127.0.0.1 has 3 connections" in problem["detail"]
            stream = (await client.get("/api/v1/stream?topic=a")).text
            assert '"code":"too_many_connections"' in stream
            held[0].close()

            async def is_served() -> bool:
                return await refusal() is None

            await wait_until(is_served, "a poll whose client left was still counted")
        await wait_until(is_served, "polls that are over were still counted")


class Slow:
    """An ASGI server whose client takes so many pieces of the answer, and then no more."""

    def __init__(self, takes: int = 0) -> None:
        self.sent = bytearray()
        self.is_cut = False
        self._takes = takes
        self._more = asyncio.Event()
        self._gone = asyncio.Event()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - an ASGI message
        if self._takes <= 0 and message["type"] == "http.response.body":
            await self._more.wait()
        self._takes -= message["type"] == "http.response.body"
        self.sent += message.get("body", b"")

    async def receive(self) -> Any:  # noqa: ANN401 - an ASGI message
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def take_all(self) -> None:
        self._takes = 10_000
        self._more.set()

    def leave(self) -> None:
        self._gone.set()

    def abort(self) -> None:
        """As the writer of our own server does."""
        self.is_cut = True

    def poll(self, hub: Hub, *, send_timeout: float = 60.0) -> asyncio.Task[None]:
        """Poll all that is kept of the topic ``a``."""
        attach = Attach(("a",), client="c")
        answer = PollAnswer(hub, attach, ORIGIN, 1000, 0.0, send_timeout=send_timeout)
        scope: Any = {"type": "http", "extensions": {EXTENSION: self}}
        return asyncio.create_task(answer(scope, self.receive, self.send))


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """A hub that takes 100 readers of one client, over a topic ``a`` of 1.5 MB."""
    log = MemoryEventLog()
    for n in range(30):
        await log.append(new_event("a", "note", {"text": LARGE, "n": n}))
    opened = Hub(log, HubOptions(max_readers_per_client=100))
    opened.start()
    yield opened
    await opened.close()


def may_come(hub: Hub) -> bool:
    """Whether one more reader of the client is taken."""
    try:
        hub._quotas.refuse_if_full(Attach(("a",), client="c"), 1, 1.0)
    except TooManyConnections:
        return False
    return True


async def test_a_poll_counts_until_its_answer_was_taken(hub: Hub) -> None:
    """Or its client has left; who takes it slowly is given all of it."""
    polls = [Slow(takes=n % 3) for n in range(100)]
    tasks = [poll.poll(hub) for poll in polls]
    await wait_until(lambda: not may_come(hub), "the polls were not counted")
    polls[0].leave()
    await tasks[0]
    assert may_come(hub)
    for poll in polls[1:]:
        poll.take_all()
    await asyncio.gather(*tasks)
    assert [bytes(poll.sent[-20:]).endswith(b"}") for poll in polls[1:]] == [True] * 99
    assert may_come(hub)


async def test_a_poll_that_is_not_read_is_cut(hub: Hub) -> None:
    """After the send timeout, in which not one piece of its answer was taken."""
    poll = Slow(takes=2)
    await asyncio.wait_for(poll.poll(hub, send_timeout=0.01), DEADLINE)
    assert poll.is_cut
    assert len(poll.sent) == 2 * 64 * 1024
    whole = Slow(takes=1000)
    await whole.poll(hub)
    assert not whole.is_cut


async def test_many_polls_that_do_not_read_hold_little_memory(hub: Hub) -> None:
    """So many answers may be large at a time; those beyond are small, and lose nothing."""
    held = [Slow() for _ in range(LIMITS.large_answers)]
    tasks = [poll.poll(hub) for poll in held]
    small = Slow(takes=1000)

    async def is_small() -> bool:
        small.sent.clear()
        await small.poll(hub)
        return len(small.sent) < LIMITS.small_answer_bytes + 2 * len(LARGE)

    await wait_until(is_small, "answers are as large as before")
    page = json.loads(small.sent)
    assert page["cursor"] == page["events"][-1]["id"]
    for poll in held:
        poll.take_all()
    await asyncio.gather(*tasks)
    assert not await is_small()


async def test_large_snapshots_are_sent_in_part(live: Live, project: str) -> None:
    """In `connected` over both transports, a status and a list of jobs; each says so."""
    topics = [f"jobs/{project}-{n}" for n in range(4)]
    async with httpx.AsyncClient(base_url=live.url) as client:
        for topic in topics:
            for n in range(7):
                body = {"topic": topic, "type": "progress", "progress": 0.5, "task_name": f"t{n}"}
                large = {**body, "metadata": {"text": LARGE}}
                assert (await client.post("/api/v1/events", json=large)).status_code == 201
        answer = await client.get(f"/api/v1/status?topic={topics[0]}")
        assert len(answer.content) <= SNAPSHOT_BYTES + 1000
        assert answer.json()["truncated"] is True
        assert list(answer.json()["tasks"])[-1] == "t6", "the newest are kept"
        listed = await client.get("/api/v1/jobs?limit=200")
        assert len(listed.content) <= 1024 * 1024 + 200 * 1000
        assert {job["job_id"] for job in listed.json()["jobs"]} >= {t[5:] for t in topics}
    path = "/api/v1/stream?" + "&".join(f"topic={topic}" for topic in topics)
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        assert len(socket.frames[0]) <= 60_000, "r3labs/sse reads no frame of 65,536 bytes"
        bodies: list[Any] = [stream.events[0].body, socket.bodies[0]]
        for body in bodies:
            for topic in topics:
                snapshot = body["snapshots"][topic]
                assert (snapshot["truncated"], snapshot["progress"]) == (True, 0.5)


async def test_forty_large_polls_leave_the_log_to_others(live: Live, project: str) -> None:
    """Publishers and small readers are served meanwhile, and so are the polls."""
    await publish_large(live.url, [project], 60)
    async with httpx.AsyncClient(base_url=live.url) as client:
        polls = [
            asyncio.create_task(client.get(f"/api/v1/events?topic={project}&limit=1000"))
            for _ in range(40)
        ]
        published = [
            await client.post("/api/v1/events", json={"topic": "o/t", "type": "x"})
            for _ in range(20)
        ]
        assert [answer.status_code for answer in published] == [201] * 20
        answers = await asyncio.gather(*polls)
    assert [answer.status_code for answer in answers] == [200] * 40
    assert len({json.dumps(answer.json()["cursor"]) for answer in answers}) == 1
