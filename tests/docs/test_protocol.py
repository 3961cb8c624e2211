"""docs/PROTOCOL.md says what a server does: its examples have the fields of what is sent."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.access.grants import Grants
from streamer.api.asker import Asker, Connection
from streamer.errors import OUTCOMES
from streamer.events.event import CONTROL_TYPES
from support.documents import file_in
from support.live import Live, StartLive
from support.readers import SocketReader, sse, websocket
from support.stage import HANDSHAKE, Peer, Stage
from support.wall import EPOCH

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
OPENAPI: Final = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
#: A position that no log has reached: whoever resumes there is sent a gap.
BEYOND: Final = "99999999999999-0"

Body = dict[str, Any]
#: The sets of fields that bodies of a type have.
Shapes = dict[str, set[frozenset[str]]]


def example(label: str) -> Body:
    """The one block of JSON that has `label` after its language."""
    (block,) = re.findall(rf"^```json {label}\n(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL)
    body: Body = json.loads(block)
    return body


def examples() -> list[Body]:
    """Every control event in a block of its own, or in a stream's transcript."""
    blocks = re.findall(r"^```(?:json|text)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("data: ") for block in blocks for line in block.splitlines()]
    bodies = [json.loads(line) for line in lines if line.startswith("{")]
    return [body for body in bodies if "id" not in body]


def shapes(bodies: Iterable[Body]) -> Shapes:
    found: Shapes = defaultdict(set)
    for body in bodies:
        found[body["type"]].add(frozenset(body))
    return dict(found)


def snapshots(bodies: Iterable[Body]) -> Iterator[Body]:
    """The snapshots in `connected`, of one topic and of several."""
    for body in bodies:
        yield from body.get("snapshots", {}).values()
        yield from filter(None, [body.get("snapshot")])


def fields_of_jobs(states: Iterable[Body]) -> set[frozenset[str]]:
    return {frozenset(job) for state in states for job in state["jobs"].values()}


async def _publish(live: Live, body: Body) -> str:
    async with httpx.AsyncClient(base_url=live.url) as client:
        answer = await client.post("/api/v1/events", json=body)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == set(example("published"))
    return str(answer.json()["id"])


async def test_the_answer_to_several_is_as_it_is_shown(live: Live) -> None:
    line = b'{"topic":"chats/42","type":"said","text":"hello"}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    async with httpx.AsyncClient(base_url=live.url) as client:
        answer = await client.post("/api/v1/events", content=line * 2, headers=headers)
    shown = example("published-batch")
    assert set(answer.json()) == set(shown)
    assert len(answer.json()["ids"]) == len(shown["ids"])


async def _controls_of_streams(live: Live) -> list[Body]:
    """What comes over server-sent events, from every kind of address."""
    sent: list[Body] = []
    jobs = {"job_id": "j1", "task_name": "encode"}
    await _publish(live, {"topic": "projects/demo", "type": "progress", "progress": 0.5, **jobs})
    await _publish(live, {"topic": "jobs/j7", "type": "completed"})
    for path, cursor, last in (
        ("projects/demo/stream?from=earliest", "", "caught_up"),
        ("jobs/j7/stream?from=earliest", "", "end"),
        ("stream?topic=chats/42", BEYOND, "caught_up"),
        ("stream?topic=chats/7&topic=chats/8", "", "caught_up"),
    ):
        async with sse(live.url, f"/api/v1/{path}", {"Last-Event-ID": cursor}) as reader:
            await reader.has(last)
            sent += [event.body for event in reader.events]
    return sent


async def _command(socket: SocketReader, reply: str, **command: str) -> None:
    await socket.send(json.dumps(command))
    await socket.has(reply)


async def _controls_of_sockets(live: Live) -> list[Body]:
    """Replies to every command, refusals in both shapes, and what a drain says."""
    async with AsyncExitStack() as stack:
        older = f"/api/v1/ws/projects/demo/stream?last_event_id={BEYOND[:-2]}"
        refused = await stack.enter_async_context(websocket(live.ws_url, older))
        await refused.has("error")
        path = "/api/v1/stream?topic=chats/1"
        socket = await stack.enter_async_context(websocket(live.ws_url, path))
        await socket.has("connected", "caught_up")
        await _command(socket, "pong", type="ping")
        await _command(socket, "subscribed", type="subscribe", topic="chats/42")
        await _command(socket, "refused", type="subscribe", topic="chats/42")
        await _command(socket, "unsubscribed", type="unsubscribe", topic="chats/42")
        await _command(socket, "moved", type="read", topic="chats/42", cursor="1-0", reader="ada")
        notified = await stack.enter_async_context(websocket(live.ws_url, "/api/v1/ws?user_id=7"))
        await notified.send("get_stats")
        await notified.has("stats")
        assert live.program is not None
        live.program.signal(signal.SIGTERM)
        await socket.has("reconnect")
        await socket.is_closed()
        told = [body for body in notified.bodies if body["type"] == "stats"]
        return [*refused.bodies, *socket.bodies, *told]


def _controls_of_a_token() -> list[Body]:
    """What comes over a WebSocket whose token ends, until it does."""

    async def for_a_minute(_connection: Connection) -> Asker:
        return Asker("somewhere", "ann", Grants("ann", is_admin=True, expires=EPOCH + 60))

    stage = Stage(door=for_a_minute)
    peer = Peer(stage, "/api/v1/stream?topic=chats/42", HANDSHAKE)
    peer.send_frames('{"type":"token","token":"new"}')
    stage.settle()
    stage.settle()
    stage.pass_seconds(60.0)
    lines = re.findall(rb'\{"type":.*?\}(?=[\x80-\xff]|$)', peer.take())
    stage.end()
    return [json.loads(line) for line in lines]


async def test_every_example_of_a_control_event_has_the_fields_that_a_server_sends(
    start_live: StartLive,
) -> None:
    """No more and no fewer, in every form that there is of it."""
    live = start_live()
    sent = [*await _controls_of_streams(live), *await _controls_of_sockets(live)]
    sent += await asyncio.to_thread(_controls_of_a_token)
    controls = [body for body in sent if "id" not in body]
    assert shapes(examples()) == shapes(controls)
    fields = {frozenset(snapshot) for snapshot in snapshots(controls)}
    assert {frozenset(snapshot) for snapshot in snapshots(examples())} == fields
    of_jobs = fields_of_jobs(snapshots(controls))
    assert fields_of_jobs(snapshots(examples())) == of_jobs
    assert len(of_jobs) == 1


async def test_every_example_of_an_answer_has_the_fields_that_a_server_returns(
    live: Live, project: str
) -> None:
    topics = [f"jobs/{project}", f"projects/{project}"]
    failed = {"topics": topics, "type": "error", "task_name": "encode", "error": "no space"}
    id_ = await _publish(live, failed)
    async with httpx.AsyncClient(base_url=f"{live.url}/api/v1") as client:
        poll = (await client.get(f"/projects/{project}/events")).json()
        assert set(example("poll")) == set(poll)
        (event,) = poll["events"]
        assert event["id"] == id_
        assert set(example("event")) == set(event)
        gap = (await client.get(f"/projects/{project}/events?after={BEYOND}")).json()["gap"]
        assert set(example("poll")["gap"]) == set(gap)
        status = (await client.get(f"/projects/{project}/status")).json()
        assert set(example("status")) == set(status)
        assert fields_of_jobs([example("status")]) == fields_of_jobs([status])
        moved = await client.put(
            f"/topics/projects/{project}/cursor", json={"cursor": id_, "reader": "ada"}
        )
        assert set(example("cursor")) == set(moved.json())
        problem = await client.get("/stream?topic=a//b")
        assert problem.headers["content-type"] == "application/problem+json"
        drawn = {"request_id": problem.headers["x-request-id"]}
        assert {**example("problem"), **drawn} == problem.json()


def test_every_control_event_has_a_section_that_explains_each_of_its_fields() -> None:
    chapter = TEXT.partition("\n## Control events\n")[2].partition("\n## ")[0]
    sections = dict(
        re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", chapter, re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == CONTROL_TYPES
    for body in examples():
        if body["type"] in CONTROL_TYPES:
            prose = re.sub(
                r"^```.*?^```", "", sections[body["type"]], flags=re.MULTILINE | re.DOTALL
            )
            unexplained = {field for field in body if f"`{field}`" not in prose} - {"type"}
            assert unexplained == set(), body["type"]


def test_the_table_of_errors_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (\d{4}) \| (yes|no) \|", TEXT, re.MULTILINE)
    told = {code: (int(status), int(close), retry == "yes") for code, status, close, retry in rows}
    assert len(rows) == len(told)
    assert told == {
        code: (outcome.status, outcome.close_code, outcome.retry)
        for code, outcome in OUTCOMES.items()
    }


def test_every_close_code_says_whether_it_is_final() -> None:
    """As the errors that a socket is closed for do."""
    rows = dict(re.findall(r"^\| (\d{4})(?:, [^|]*)? \|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE))
    assert "stops for good" in rows["1000"]
    for code, outcome in OUTCOMES.items():
        told = rows[str(outcome.close_code)]
        assert ("gives up" in told) is not outcome.retry, code
        assert ("reconnects" in told) is outcome.retry, code


@pytest.mark.parametrize("name", ["client.py", "client.mjs"])
def test_a_client_comes_back_after_what_may_succeed_later_and_nothing_else(name: str) -> None:
    client = file_in("docs/guides/write-a-client.md", name)
    (listed,) = re.findall(r"LATER = [(\[]([\d, ]+)[)\]]", client)
    again = {int(status) for status in listed.split(", ")}
    assert {outcome.status for outcome in OUTCOMES.values() if outcome.retry} <= again
    assert not again & {outcome.status for outcome in OUTCOMES.values() if not outcome.retry}


@pytest.mark.parametrize("tag", ["streams", "polling", "publishing"])
def test_every_address_and_every_parameter_is_named(tag: str) -> None:
    found = 0
    for path, item in OPENAPI["paths"].items():
        for operation in item.values():
            if tag in operation.get("tags", ()):
                found += 1
                assert re.search(re.escape(path) + r"[`?\s]", TEXT), path
                for parameter in operation.get("parameters", ()):
                    name = parameter["name"]
                    assert re.search(rf"`{name}[`=]|\{{{name}\}}|\?{name}=", TEXT), (path, name)
    assert found >= 2


def test_every_link_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert not file or (ROOT / "docs" / file).exists(), target
        assert file or anchor in anchors, target
