"""The editor's WebSocket, over our own server and over any other: what its page sends and gets."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from streamer.access.issue import Issuer
from support.asking import grants
from support.live import Live, StartLive
from support.waiting import DEADLINE

ADDRESS: Final = "/api/v1/ws/videos"
#: What a request to trim says.
TRIM: Final = {"videoId": "v1", "inputPath": "sample", "startTime": 1, "endTime": 2}


class Page:
    """What the editor's page does with its one connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket: Final = socket

    async def say(self, **frame: object) -> None:
        await self.socket.send(msgspec.json.encode(frame).decode())

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            frame = await self.socket.recv()
        assert isinstance(frame, str)
        body: dict[str, Any] = msgspec.json.decode(frame)
        return body

    async def ping(self) -> None:
        await self.say(type="ping")
        assert await self.next() == {"type": "pong"}

    async def subscribe(self, video: str, **more: object) -> None:
        await self.say(type="subscribe", videoId=video, **more)
        assert await self.next() == {"type": "subscribed", "videoId": video}


@asynccontextmanager
async def page_of(live: Live, query: str = "", **options: Any) -> AsyncIterator[Page]:  # noqa: ANN401
    async with connect(f"{live.ws_url}{ADDRESS}{query}", proxy=None, **options) as socket:
        yield Page(socket)


@pytest.fixture
def video() -> str:
    """A video id that no other test has."""
    return f"v-{secrets.token_hex(6)}"


async def publish(live: Live, video: str, event_type: str, **fields: object) -> str:
    """Publish to the topic of a video; return the event's id."""
    body = {"type": event_type, "topic": f"videos/{video}", **fields}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{live.url}/api/v1/events", json=body)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["id"]
    return number


async def test_a_page_is_sent_what_it_knows_and_nothing_else(live: Live, video: str) -> None:
    async with page_of(live) as page:
        await page.subscribe(video)
        number = await publish(live, video, "progress", progress=0.45, message="Trimming")
        assert await page.next() == {
            "type": "progress",
            "videoId": video,
            "data": {"percent": 45, "message": "Trimming"},
            "id": number,
        }
        await publish(live, video, "note", text="of no interest")
        result = {"url": "/files/a.mp4", "poster": "/files/a.jpg"}
        await publish(live, video, "completed", result=result)
        done = await page.next()
        assert (done["type"], done["videoId"]) == ("complete", video)
        assert done["data"] == {"outputUrl": "/files/a.mp4", "posterUrl": "/files/a.jpg"}
        await publish(live, video, "error", error="no space", task_name="t")
        failed = await page.next()
        assert (failed["type"], failed["data"]) == ("error", {"error": "no space"})
        await publish(live, video, "status", status="cancelled", task_name="u")
        assert (await page.next())["data"] == {"error": "it was cancelled"}


async def test_a_page_reads_the_videos_that_it_subscribed_and_no_others(
    live: Live, video: str
) -> None:
    other, third = f"{video}-2", f"{video}-3"
    async with page_of(live) as page, page_of(live) as second:
        await page.subscribe(video)
        await second.subscribe(other)
        await page.subscribe(other)
        await publish(live, third, "progress", progress=0.1)
        await publish(live, other, "progress", progress=0.2)
        await publish(live, video, "progress", progress=0.3)
        got = [await page.next() for _ in range(2)]
        assert [(f["videoId"], f["data"]["percent"]) for f in got] == [(other, 20), (video, 30)]
        assert (await second.next())["videoId"] == other
        await page.say(type="unsubscribe", videoId=other)
        assert await page.next() == {"type": "unsubscribed", "videoId": other}
        await page.say(type="unsubscribe", videoId=video)
        assert (await page.next())["videoId"] == video
        await publish(live, video, "progress", progress=0.4)
        await page.ping()
        await page.subscribe(video)
        assert (await page.next())["data"]["percent"] == 40


async def test_two_pages_are_sent_the_same(live: Live, video: str) -> None:
    async with page_of(live) as first, page_of(live) as second:
        await first.subscribe(video)
        await second.subscribe(video)
        for n in range(1, 6):
            await publish(live, video, "progress", progress=n / 10)
        got = [[await page.next() for _ in range(5)] for page in (first, second)]
        assert got[0] == got[1]
        assert [frame["data"]["percent"] for frame in got[0]] == [10, 20, 30, 40, 50]


async def test_a_page_that_comes_late_is_told_how_the_video_stands(live: Live, video: str) -> None:
    """It knows no snapshot: a bar of what ended while it was away would stand for ever."""
    for n in range(1, 4):
        await publish(live, video, "progress", progress=n / 10, task_name="trim")
    await publish(live, video, "completed", result={"url": "/files/b.mp4"}, task_name="trim")
    async with page_of(live) as page:
        await page.subscribe(video)
        assert (await page.next())["data"] == {"outputUrl": "/files/b.mp4"}
        await page.ping()


async def test_a_page_that_has_learnt_it_resumes_where_it_was(live: Live, video: str) -> None:
    async with page_of(live) as page:
        await page.subscribe(video)
        await publish(live, video, "progress", progress=0.1)
        last = (await page.next())["id"]
    for n in range(2, 5):
        await publish(live, video, "progress", progress=n / 10)
    async with page_of(live) as page:
        await page.subscribe(video, lastEventId=last)
        got = [(await page.next())["data"]["percent"] for _ in range(3)]
        assert got == [20, 30, 40]
        await publish(live, video, "progress", progress=0.5)
        assert (await page.next())["data"]["percent"] == 50


async def test_what_was_lost_is_said(start_live: StartLive, video: str) -> None:
    live = start_live(STREAMER_RETENTION="videos=2:1h")
    first = await publish(live, video, "progress", progress=0.1)
    for n in range(2, 7):
        await publish(live, video, "progress", progress=n / 10)
    async with page_of(live) as page:
        await page.subscribe(video, lastEventId=first)
        gap = await page.next()
        assert (gap["type"], gap["videoId"]) == ("gap", video)
        assert gap["data"]["after"] == first
        rest = [await page.next() for _ in range(2)]
        assert [frame["data"]["percent"] for frame in rest] == [50, 60]


@pytest.mark.parametrize(
    ("frame", "wrong"),
    [
        ("nonsense", "not understood"),
        ("[]", "not understood"),
        ("null", "not understood"),
        ('{"videoId":"v1"}', "type"),
        ('{"type":"subscribe"}', "videoId"),
        ('{"type":"subscribe","videoId":7}', "videoId"),
        ('{"type":"publish","videoId":"v1"}', "publish"),
        ('{"type":"subscribe","videoId":"a/b"}', "videoId"),
        ('{"type":"subscribe","videoId":""}', "videos/"),
        ('{"type":"subscribe","videoId":"a b"}', "videos/a b"),
        ('{"type":"subscribe","videoId":"v1","lastEventId":"x"}', "event id"),
        ("[" * 10_000, "not understood"),
        (b"\x00\x01", "binary"),
    ],
)
async def test_a_bad_frame_is_answered_and_the_connection_lives(
    live: Live, video: str, frame: str | bytes, wrong: str
) -> None:
    async with page_of(live) as page:
        await page.subscribe(video)
        await page.socket.send(frame)
        answer = await page.next()
        assert answer["type"] == "error"
        assert wrong in answer["data"]["error"]
        await publish(live, video, "progress", progress=0.5)
        assert (await page.next())["data"]["percent"] == 50


async def test_a_page_may_ask_twice_and_is_told_once_of_each_event(live: Live, video: str) -> None:
    async with page_of(live) as page:
        await page.subscribe(video)
        await page.subscribe(video)
        for n in (1, 2):
            await publish(live, video, "progress", progress=n / 10)
        assert [(await page.next())["data"]["percent"] for _ in range(2)] == [10, 20]
        await page.say(type="unsubscribe", videoId="never")
        assert await page.next() == {"type": "unsubscribed", "videoId": "never"}


async def test_a_page_that_has_not_subscribed_counts_and_is_limited(
    start_live: StartLive, video: str
) -> None:
    live = start_live(STREAMER_MAX_CONNECTIONS_PER_CLIENT="2", STREAMER_MAX_TOPICS="2")
    async with page_of(live) as first, page_of(live) as second:
        # A handshake is answered before its page counts; who is answered itself does.
        await first.ping()
        await second.ping()
        async with page_of(live) as third:
            refused = await third.next()
            assert (refused["type"], refused["data"]["code"]) == ("error", "too_many_connections")
        for n in range(2):
            await first.subscribe(f"{video}-{n}")
        await first.say(type="subscribe", videoId=f"{video}-2")
        answer = await first.next()
        assert answer["videoId"] == f"{video}-2"
        assert "has 2 topics, the most it may have" in answer["data"]["error"]


async def test_a_frame_that_is_too_large_ends_the_connection(live: Live) -> None:
    async with page_of(live) as page:
        with contextlib.suppress(ConnectionClosed):  # it may be cut while it is sent
            await page.socket.send('{"type":"subscribe","videoId":"' + "v" * 20_000_000 + '"}')
        with pytest.raises(ConnectionClosed) as closed:
            await page.next()
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


async def test_a_page_of_another_site_is_refused(live: Live) -> None:
    async with page_of(live, origin="https://elsewhere.example") as page:
        refused = await page.next()
        assert (refused["type"], refused["data"]["code"]) == ("error", "forbidden")
        with pytest.raises(ConnectionClosed) as closed:
            await page.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_a_parameter_that_is_not_known_is_refused_by_name(live: Live) -> None:
    async with page_of(live, "?lastEventId=1-1") as page:
        assert "'lastEventId' is not a parameter here" in (await page.next())["data"]["error"]


@pytest.mark.parametrize("path", ["fast", "portable"])
async def test_a_page_with_a_token_reads_what_that_allows(
    start_live: StartLive, video: str, path: str
) -> None:
    secret = secrets.token_hex(32)
    live = start_live(path, STREAMER_AUTH_SECRET=secret)
    topics = (f"videos/{video}",)
    token = Issuer(secret).issue(grants("ada", reads=topics, writes=topics), 600)
    async with page_of(live) as page:
        refused = await page.next()
        assert refused["data"]["code"] == "unauthorized"
    async with page_of(live, f"?token={token}") as page:
        await page.say(type="subscribe", videoId="somebody-elses")
        refused = await page.next()
        assert refused["videoId"] == "somebody-elses"
        assert refused["data"]["code"] == "forbidden"
        await page.subscribe(video)
        headers = {"Authorization": f"Bearer {token}"}
        body = {"type": "progress", "topic": f"videos/{video}", "progress": 0.5}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            assert (await client.post(f"{live.url}/api/v1/events", json=body)).status_code == 201
            # A job is of a project, and that one is not allowed.
            answer = await client.post(f"{live.url}/api/edit/trim", json={**TRIM, "videoId": video})
        assert (answer.status_code, answer.json()["success"]) == (403, False)
        assert (await page.next())["data"]["percent"] == 50


@pytest.mark.parametrize(
    ("change", "status", "wrong"),
    [
        ({"inputPath": "gone.mp4"}, 400, "gone.mp4"),
        ({"inputPath": "../secret.mp4"}, 400, "not allowed as a source"),
        ({"startTime": 5, "endTime": 5}, 400, "start must be below end"),
        ({"startTime": -1}, 400, "start"),
        ({"startTime": 30, "endTime": 40}, 400, "the video lasts 30"),
        ({"startTime": "1"}, 400, "startTime"),
        ({"videoId": "a/b"}, 400, "videoId"),
        ({"videoId": 7}, 400, "videoId"),
    ],
)
async def test_a_trim_that_cannot_be_is_refused_in_the_editors_words(
    live: Live, change: dict[str, object], status: int, wrong: str
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{live.url}/api/edit/trim", json={**TRIM, **change})
    body = answer.json()
    assert answer.status_code == status, body
    assert body["success"] is False
    assert wrong in body["message"]
    assert body["error"] == body["message"] == body["detail"]


async def test_a_trim_is_queued_and_its_events_are_of_the_video(live: Live, video: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{live.url}/api/edit/trim", json={**TRIM, "videoId": video})
        body = answer.json()
        assert (answer.status_code, body["success"], body["videoId"]) == (200, True, video)
        assert body["message"] == "Trimming 1 s to 2 s"
        queued = await client.get(f"{live.url}/api/v1/events?topic=videos/{video}")
    (event,) = queued.json()["events"]
    assert event["status"] == "queued"
    assert event["topics"] == [f"projects/{video}", f"videos/{video}", f"jobs/{body['jobId']}"]
