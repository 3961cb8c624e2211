"""The same streams over SSE, WebSocket and poll, over a real server on both paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from support.live import Live
from support.readers import publish, sse, websocket
from support.waiting import DEADLINE, wait_until


@pytest.fixture
async def client(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live.url) as opened:
        yield opened


def stream_of(project: str) -> str:
    return f"/api/v1/projects/{project}/stream"


async def test_the_same_scenario_gives_the_same_bytes_over_every_transport(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """Ids and bodies are identical, whether replayed, live or polled."""
    ids = [await publish(client, project, "note", text="a\u2028\u0085 \U0001f600", n=1)]
    path = f"{stream_of(project)}?from=earliest"
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("note", "caught_up")
        await socket.has("note", "caught_up")
        ids += [
            await publish(client, project, "progress", task_name="t", progress=0.5),
            await publish(client, project, "error", error="no", details={"k": [1, None]}),
        ]
        await stream.has_ids(ids)
        await socket.has_ids(ids)
        polled = await client.get(f"/api/v1/projects/{project}/events")
        raw = polled.content
        assert stream.data == socket.data
        joined = ",".join(stream.data).encode()
        assert raw.startswith(b'{"events":[' + joined + b'],"cursor":"')
        assert [e.type for e in stream.events][-1] == "failed", "error is renamed for browsers"


async def test_connected_is_first_with_what_a_late_joiner_must_know(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """The project, the snapshot, and the reader's own cursor as id."""
    id_ = await publish(
        client, project, "progress", task_name="encode", progress=0.25, message="a quarter"
    )
    async with (
        sse(live.url, stream_of(project)) as stream,
        websocket(live.ws_url, f"/api/v1/ws/projects/{project}/stream") as socket,
    ):
        await stream.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        body = stream.events[0].body
        assert stream.events[0].last_event_id == body["cursor"]
        assert body["topic"] == f"projects/{project}"
        assert body["project_id"] == project
        assert body["message"] == f"Connected to project {project}"
        assert body["resumed"] is False
        assert body["snapshot"]["status"] == "running"
        assert body["snapshot"]["progress"] == 0.25
        assert body["snapshot"]["message"] == "a quarter"
        assert body["snapshot"]["tasks"]["encode"]["id"] == id_
        assert socket.bodies[0]["snapshot"] == body["snapshot"]
        assert 2000 <= (stream.parser.retry_ms or 0) <= 4000


async def test_the_headers_are_those_that_proxies_need(live: Live, project: str) -> None:
    """And the first frame is flushed with them."""
    async with sse(live.url, stream_of(project)) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-cache, no-transform"
        assert stream.headers["x-accel-buffering"] == "no"
        await stream.has("connected", "caught_up")


async def test_head_answers_and_ends(client: httpx.AsyncClient, project: str) -> None:
    """With the headers of a stream, and no reader left behind."""
    answer = await client.head(stream_of(project))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b""


async def test_a_preflight_allows_what_fetch_sends(client: httpx.AsyncClient, project: str) -> None:
    """Last-Event-ID, Authorization, Cache-Control; remembered for a while."""
    answer = await client.options(
        stream_of(project),
        headers={
            "Origin": "http://localhost:3000",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "last-event-id, authorization, cache-control",
        },
    )
    assert answer.is_success
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("last-event-id", "authorization", "cache-control"))
    assert int(answer.headers["access-control-max-age"]) > 0


async def test_a_page_elsewhere_leaves_nothing_in_the_streams_of_others(
    live: Live, project: str
) -> None:
    """The headers of CORS are for whoever sent an origin."""
    origin = {"Origin": "http://localhost:3000"}
    async with sse(live.url, stream_of(project), origin) as stream:
        assert stream.headers["access-control-allow-origin"] == "http://localhost:3000"
    async with sse(live.url, stream_of(project)) as stream:
        assert not [name for name in stream.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "how", ["header", "last_event_id", "lastEventId", "from", "header over query", "empty header"]
)
async def test_a_reader_resumes_after_the_event_it_names(
    live: Live, client: httpx.AsyncClient, project: str, how: str
) -> None:
    """By the header, by either query form; the header wins, an empty one is none."""
    ids = [await publish(client, project, "note", n=n) for n in range(4)]
    headers: dict[str, str] = {}
    query = ""
    if how in {"header", "header over query"}:
        headers["Last-Event-ID"] = ids[1]
    if how == "empty header":
        headers["Last-Event-ID"] = ""
    if how in {"last_event_id", "lastEventId", "from"}:
        query = f"?{how}={ids[1]}"
    if how == "header over query":
        query = f"?last_event_id={ids[3]}&lastEventId={ids[0]}"
    if how == "empty header":
        query = f"?last_event_id=&lastEventId={ids[1]}"
    path = stream_of(project) + query
    async with (
        sse(live.url, path, headers) as stream,
        websocket(live.ws_url, path, headers) as socket,
    ):
        await stream.has("caught_up")
        await socket.has("caught_up")
        assert stream.ids == socket.ids == ids[2:]
        assert stream.events[0].body["resumed"] is (how != "from")


async def test_a_first_visit_begins_with_what_is_new(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """``latest`` is the default."""
    await publish(client, project, "note")
    async with (
        sse(live.url, stream_of(project)) as plain,
        sse(live.url, f"{stream_of(project)}?from=latest") as latest,
    ):
        await plain.has("connected", "caught_up")
        await latest.has("connected", "caught_up")
        id_ = await publish(client, project, "note")
        await plain.has_ids([id_])
        await latest.has_ids([id_])


async def test_until_end_ends_the_response_properly(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """After the first terminal event, with ``end``, the last chunk and nothing more."""
    path = f"{stream_of(project)}?until=end"
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("caught_up")
        await socket.has("caught_up")
        await publish(client, project, "progress", progress=0.5)
        await publish(client, project, "completed", result={"url": "/x"})
        await publish(client, project, "note")
        await wait_until(lambda: stream.ended, "the response did not end")
        assert (await socket.is_closed())[0] == 1000
        for types in (stream.types, socket.types):
            assert types == ["connected", "caught_up", "progress", "completed", "end"]
        assert stream.events[-1].body["reason"] == "completed"


async def test_a_connection_goes_on_after_a_stream_has_ended(
    client: httpx.AsyncClient, project: str
) -> None:
    """HTTP keeps it alive."""
    await publish(client, project, "completed")
    path = f"{stream_of(project)}?until=end&from=earliest"
    first = await client.get(path)
    second = await client.get("/healthz")
    assert first.text.count("event: end") == 1
    assert second.status_code == 200
    stream = first.extensions["network_stream"].get_extra_info("client_addr")
    assert second.extensions["network_stream"].get_extra_info("client_addr") == stream


async def test_a_job_stream_ends_and_then_is_over(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """After its terminal event: ``end``; for a resume at or past it: 204."""
    path = f"/api/v1/jobs/{project}/stream"
    topic = f"jobs/{project}"
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("caught_up")
        await socket.has("caught_up")
        first = await client.post(
            "/api/v1/events", json={"topic": topic, "type": "progress", "progress": 0.1}
        )
        last = await client.post("/api/v1/events", json={"topic": topic, "type": "completed"})
        await wait_until(lambda: stream.ended, "the response did not end")
        assert stream.types[-2:] == ["completed", "end"]
        assert (await socket.is_closed())[0] == 1000
        assert socket.types[-2:] == ["completed", "end"]
    over = await client.get(path, headers={"Last-Event-ID": last.json()["id"]})
    assert over.status_code == 204
    assert over.content == b""
    before = await client.get(path, headers={"Last-Event-ID": first.json()["id"]})
    assert "event: completed" in before.text
    late = await client.get(path)
    assert "event: connected" in late.text
    assert late.text.rstrip().split("\n")[-2] == "event: end"
    async with websocket(live.ws_url, f"{path}?last_event_id={last.json()['id']}") as again:
        assert (await again.is_closed())[0] == 1000
        assert again.bodies == [
            {"type": "end", "topic": topic, "reason": "completed", "remaining": 0}
        ]


async def test_a_stream_of_jobs_tells_the_end_of_each_and_ends_with_the_last(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """By the topic that was asked for; who comes back past all of them is told to stop."""
    jobs = [f"jobs/{project}-{name}" for name in ("a", "b")]

    async def tell(topic: str, kind: str, **fields: object) -> str:
        body = {"topics": [f"projects/{project}", topic], "type": kind, **fields}
        answer = await client.post("/api/v1/events", json=body)
        id_: str = answer.json()["id"]
        return id_

    path = f"/api/v1/stream?topic={jobs[0]}&topic={jobs[1]}"
    await tell(jobs[0], "progress", progress=0.5)
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("caught_up")
        await socket.has("caught_up")
        first = await tell(jobs[0], "completed")
        await stream.has_ids([first])
        await socket.has_ids([first])
        last = await tell(jobs[1], "error", error="no")
        await wait_until(lambda: stream.ended, "the response did not end")
        assert (await socket.is_closed())[0] == 1000
        ends = [
            ("completed", jobs[0], jobs[0], 1),
            ("error", jobs[1], jobs[1], 0),
        ]
        for bodies in ([event.body for event in stream.events], socket.bodies):
            told = bodies[2:]
            assert [body["type"] for body in told] == ["completed", "end", "error", "end"]
            assert [
                (event["type"], event["topics"][1], end["topic"], end["remaining"])
                for event, end in zip(told[::2], told[1::2], strict=True)
            ] == ends
    async with sse(live.url, f"{path}&from={first}") as one_is_over:
        await wait_until(lambda: one_is_over.ended, "the response did not end")
        assert one_is_over.types == ["connected", "end", "error", "end"]
    async with sse(live.url, path) as late, websocket(live.ws_url, path) as late_socket:
        await wait_until(lambda: late.ended, "the response did not end")
        assert (await late_socket.is_closed())[0] == 1000
        assert late.types == late_socket.types == ["connected", "end", "caught_up", "end"]
    over = await client.get(path, headers={"Last-Event-ID": last})
    assert over.status_code == 204
    async with sse(live.url, path, {"Last-Event-ID": first}) as resumed:
        await wait_until(lambda: resumed.ended, "the response did not end")
        assert resumed.types == ["connected", "end", "error", "end"]


async def test_a_job_that_is_subscribed_after_its_end_is_ended_at_once(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """Over a WebSocket of jobs; a stream of jobs and something else has no end."""
    one, other = f"jobs/{project}-a", f"jobs/{project}-b"
    await client.post("/api/v1/events", json={"topic": other, "type": "completed"})
    async with (
        websocket(live.ws_url, f"/api/v1/stream?topic={one}") as socket,
        sse(live.url, f"/api/v1/stream?topic={one}&topic=chats/{project}") as stream,
    ):
        await socket.has("caught_up")
        await stream.has("caught_up")
        await socket.send({"type": "subscribe", "topic": other})
        await socket.has("subscribed", "end")
        assert (socket.bodies[-1]["topic"], socket.bodies[-1]["remaining"]) == (other, 1)
        answer = await client.post("/api/v1/events", json={"topic": one, "type": "completed"})
        assert (await socket.is_closed())[0] == 1000
        assert (socket.bodies[-1]["topic"], socket.bodies[-1]["remaining"]) == (one, 0)
        await stream.has_ids([answer.json()["id"]])
        assert stream.types[-1] == "completed"


async def test_several_topics_come_in_the_order_of_ids_each_event_once(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """On one connection, replayed and live; poll shows the same."""
    topics = [f"{name}/{project}" for name in ("a", "b", "c")]

    async def send(*names: str) -> str:
        answer = await client.post("/api/v1/events", json={"topics": names, "type": "note"})
        id_: str = answer.json()["id"]
        return id_

    ids = [await send(topics[1]), await send(topics[0], topics[1]), await send(topics[0])]
    query = "&".join(f"topic={topic}" for topic in topics)
    path = f"/api/v1/stream?from=earliest&{query}"
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("caught_up")
        await socket.has("caught_up")
        assert stream.events[0].body["topics"] == topics
        assert list(stream.events[0].body["snapshots"]) == topics
        ids += [await send(topics[2]), await send(topics[2], topics[0]), await send(topics[1])]
        await stream.has_ids(ids)
        await socket.has_ids(ids)
    polled = (await client.get(f"/api/v1/events?{query}")).json()
    assert [event["id"] for event in polled["events"]] == ids


async def test_events_message_leaves_the_names_out(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """Everything is a ``message``."""
    async with sse(live.url, f"{stream_of(project)}?events=message") as stream:
        await stream.has("connected", "caught_up")
        await publish(client, project, "error", error="no")
        await stream.has("error")
        assert {event.type for event in stream.events} == {"message"}


async def test_a_heartbeat_is_a_comment_and_no_event(live: Live, project: str) -> None:
    """Between frames, every second if asked for."""
    async with sse(live.url, f"{stream_of(project)}?heartbeat=1") as stream:
        await wait_until(lambda: stream.parser.comments >= 2, "no heartbeats")
        assert stream.types == ["connected", "caught_up"]
        assert stream.parser.is_between_events
        ended = f"}}\nid: {stream.parser.last_event_id}\n\n".encode()
        assert stream.raw.endswith(ended + b":\n" * stream.parser.comments)


async def test_a_websocket_answers_pings(live: Live, project: str) -> None:
    """The text and the object, at both addresses."""
    for path in (stream_of(project), f"/api/v1/ws/projects/{project}/stream"):
        async with websocket(live.ws_url, path) as socket:
            await socket.has("connected", "caught_up")
            await socket.send("ping")
            await socket.has("pong")
            await socket.send({"type": "ping"})
            await socket.has("pong", "pong")
            assert socket.frames[-1] == '{"type":"pong"}'


async def test_topics_come_and_go_on_a_websocket(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """With what was missed of the new one; what is left is heard no more."""
    other = f"p2-{project}"
    missed = [await publish(client, other, "note", n=n) for n in range(3)]
    async with websocket(live.ws_url, stream_of(project)) as socket:
        await socket.has("connected", "caught_up")
        await socket.send(
            {"type": "subscribe", "topic": f"projects/{other}", "last_event_id": missed[0]}
        )
        await socket.has("subscribed", "note", "note")
        assert socket.ids == missed[1:]
        live_id = await publish(client, other, "note")
        await socket.has_ids([*missed[1:], live_id])
        await socket.send({"type": "unsubscribe", "topic": f"projects/{other}"})
        await socket.has("unsubscribed")
        await publish(client, other, "note")
        own = await publish(client, project, "note")
        await socket.has_ids([*missed[1:], live_id, own])


async def test_the_older_address_speaks_as_older_clients_expect(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """``connected`` with project_id and message, then the four kinds with their fields."""
    async with websocket(live.ws_url, f"/api/v1/ws/projects/{project}/stream") as socket:
        await socket.has("connected", "caught_up")
        first = socket.bodies[0]
        assert (first["type"], first["project_id"]) == ("connected", project)
        assert first["message"] == f"Connected to project {project}"
        sent: list[dict[str, Any]] = [
            {
                "type": "progress",
                "task_name": "t",
                "progress": 0.5,
                "status": "in_progress",
                "message": "m",
                "metadata": {"k": 1},
            },
            {
                "type": "status",
                "task_name": "t",
                "status": "processing",
                "message": "m",
                "metadata": {},
            },
            {"type": "error", "task_name": "t", "error": "e", "details": {"k": 1}},
            {"type": "completed", "task_name": "t", "result": {"k": 1}},
        ]
        for event in sent:
            answer = await client.post(f"/api/v1/projects/{project}/events", json=event)
            assert answer.status_code == 201, answer.text
        await socket.has(*(str(event["type"]) for event in sent))
        for event, body in zip(sent, socket.bodies[2:], strict=True):
            assert event.items() <= body.items()
            assert body["project_id"] == project
            assert body["timestamp"].endswith("Z")


async def test_an_ephemeral_event_reaches_the_live_and_is_not_stored(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """It has no id; SSE gives it none either."""
    async with (
        sse(live.url, stream_of(project)) as stream,
        websocket(live.ws_url, stream_of(project)) as socket,
    ):
        await stream.has("caught_up")
        await socket.has("caught_up")
        before = stream.events[-1].last_event_id
        answer = await client.post(
            f"/api/v1/projects/{project}/events?ephemeral=true", json={"type": "typing"}
        )
        assert (answer.status_code, answer.json()) == (201, {"id": None})
        await stream.has("typing")
        await socket.has("typing")
        assert "id" not in stream.events[-1].body
        assert stream.events[-1].last_event_id == before
    polled = (await client.get(f"/api/v1/projects/{project}/events")).json()
    assert polled["events"] == []


async def test_an_idempotency_key_publishes_once(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """A repeat is answered with the first id, and nobody sees it twice."""
    path, headers = f"/api/v1/projects/{project}/events", {"Idempotency-Key": "k1"}
    async with sse(live.url, stream_of(project)) as stream:
        await stream.has("caught_up")
        answers = [await client.post(path, json={"type": "note"}, headers=headers) for _ in "123"]
        assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
        last = await publish(client, project, "note")
        await stream.has_ids([answers[0].json()["id"], last])


async def test_polling_goes_page_by_page(client: httpx.AsyncClient, project: str) -> None:
    """Each from the last one's cursor, never more than the limit."""
    ids = [await publish(client, project, "note", n=n) for n in range(5)]
    seen, after = [], "0-0"
    for _ in range(4):
        page = (await client.get(f"/api/v1/projects/{project}/events?limit=2&after={after}")).json()
        assert len(page["events"]) <= 2
        assert page["gap"] is None
        seen += [event["id"] for event in page["events"]]
        after = page["cursor"]
    assert seen == ids


async def test_a_long_poll_wakes_up_at_once(client: httpx.AsyncClient, project: str) -> None:
    """When an event comes; with its cursor the next one waits again."""
    import asyncio

    empty = (await client.get(f"/api/v1/projects/{project}/events")).json()
    path = f"/api/v1/projects/{project}/events?wait=60&after={empty['cursor']}"
    waiting = asyncio.create_task(client.get(path))
    id_ = await publish(client, project, "note")
    page = (await asyncio.wait_for(waiting, DEADLINE)).json()
    assert [event["id"] for event in page["events"]] == [id_]
    late = await client.get(f"/api/v1/projects/{project}/events?wait=0.01&after={page['cursor']}")
    assert late.json()["events"] == []


async def test_status_is_the_snapshot(client: httpx.AsyncClient, project: str) -> None:
    """For clients that only ask now and then."""
    fresh = (await client.get(f"/api/v1/projects/{project}/status")).json()
    assert (fresh["project_id"], fresh["status"], fresh["progress"]) == (project, None, None)
    await publish(client, project, "progress", progress=0.5, message="half")
    done = await publish(client, project, "completed", result={"url": "/x"})
    status = (await client.get(f"/api/v1/projects/{project}/status")).json()
    assert status["status"] == "completed"
    assert status["progress"] == 1.0
    assert status["result"] == {"url": "/x"}
    assert status["error"] is None
    after = (await client.get(f"/api/v1/projects/{project}/events?after={status['cursor']}")).json()
    assert after["events"] == []
    assert status["cursor"] >= done


async def test_connections_are_counted_over_both_transports(
    live: Live, client: httpx.AsyncClient, project: str
) -> None:
    """Up when they come, down when they go, at both addresses."""

    async def count() -> int:
        answer = await client.get(f"/api/v1/ws/projects/{project}/connections")
        body = answer.json()
        assert set(body) == {"project_id", "active_connections"}
        number: int = body["active_connections"]
        return number

    async def is_counted(number: int) -> bool:
        return await count() == number

    async with sse(live.url, stream_of(project)), sse(live.url, stream_of(project)):
        async with websocket(live.ws_url, f"/api/v1/ws/projects/{project}/stream"):
            await wait_until(lambda: is_counted(3), "3 connections were not counted")
            everything = (await client.get("/api/v1/ws/connections")).json()
            assert set(everything) == {"total_projects", "total_connections", "projects"}
            assert everything["projects"][project] == 3
            assert everything["total_connections"] == sum(everything["projects"].values())
            assert everything["total_projects"] == len(everything["projects"])
        await wait_until(lambda: is_counted(2), "the WebSocket was not forgotten")
    await wait_until(lambda: is_counted(0), "the streams were not forgotten")
    everything = (await client.get("/api/v1/ws/connections")).json()
    assert project not in everything["projects"]


async def test_websocket_frames_are_text_and_whole(live: Live, project: str) -> None:
    """One JSON object each."""
    async with websocket(live.ws_url, stream_of(project)) as socket:
        await socket.has("connected", "caught_up")
        assert all(msgspec.json.decode(frame)["type"] for frame in socket.frames)
