"""The reference: a page that needs no network, and what a code generator is told of a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest

from streamer.cli.openapi import schema_text
from streamer.events.event import CONTROL_TYPES
from streamer.events.job_event import JOB_EVENT_TYPES
from support.live import Live
from support.readers import sse, websocket

#: Reserved for later; no server sends it.
UNSENT = {"open"}


@pytest.fixture
def schema(live_server: Live) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{live_server.url}/schema/openapi.json").json()
    return found


def refs(value: object) -> Iterator[str]:
    """Every name that something in `value` refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            elif key == "mapping":
                yield from inner.values()
            else:
                yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def test_no_two_links_of_its_contents_read_the_same(live_server: Live) -> None:
    page = httpx.get(f"{live_server.url}/schema").text
    contents = page.partition("<nav")[2].partition("</nav>")[0]
    for group in contents.split("<h2>")[1:]:
        links = re.findall(r'<a href="#[^"]+">(.*?)</a>', group)
        assert links
        assert len(set(links)) == len(links)


@pytest.mark.parametrize("path", ["/schema", "/schema/"])
def test_the_page_needs_no_network_and_runs_nothing(
    live_server: Live, schema: dict[str, Any], path: str
) -> None:
    """It names every address and every body; its policy lets it load nothing at all."""
    answer = httpx.get(f"{live_server.url}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = answer.text
    assert not re.findall(r"<script|<link|<img|<iframe|src=|url\(|@import|https?:| on\w+=", page)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "camera=()" in answer.headers["permissions-policy"]
    for address, item in schema["paths"].items():
        assert f"<code>{address}</code>" in page
        for operation in item.values():
            assert operation["summary"] in page
    for name in schema["components"]["schemas"]:
        assert f'id="body-{name}"' in page
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page, anchor
    assert f'href="{"" if path.endswith("/") else "schema/"}openapi.json"' in page


@pytest.mark.parametrize("kind", ["asyncapi", "events"])
def test_the_other_schemas_are_served_beside_it(
    live_server: Live, kind: Literal["asyncapi", "events"]
) -> None:
    """For programs, as the command writes them."""
    page = httpx.get(f"{live_server.url}/schema/").text
    assert f'href="{kind}.json"' in page
    answer = httpx.get(f"{live_server.url}/schema/{kind}.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == json.loads(schema_text(kind))


def test_nothing_is_fetched_from_elsewhere_at_any_address(live_server: Live) -> None:
    """What the framework serves by itself (Swagger, Redoc, Scalar, ...) is not there."""
    for name in ("swagger", "redoc", "rapidoc", "elements", "scalar", "oauth2-redirect.html"):
        answer = httpx.get(f"{live_server.url}/schema/{name}")
        assert answer.status_code == 404
        assert "http" not in answer.text.replace("/schema", "")


def test_everything_that_is_referred_to_is_there(schema: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    found = set(refs(schema))
    assert found <= known
    assert len(found) > 10


def test_a_stream_is_one_of_the_bodies_by_its_type(schema: dict[str, Any]) -> None:
    """A discriminated union, over all job events and control events, and a form for the rest."""
    stream = schema["paths"]["/api/v1/stream"]["get"]["responses"]["200"]["content"]
    assert stream == {"text/event-stream": {"schema": {"$ref": "#/components/schemas/StreamBody"}}}
    union = schema["components"]["schemas"]["StreamBody"]
    assert union["discriminator"]["propertyName"] == "type"
    mapping = union["discriminator"]["mapping"]
    assert set(mapping) == JOB_EVENT_TYPES | CONTROL_TYPES - UNSENT
    one_of = [each["$ref"] for each in union["oneOf"]]
    assert one_of == [*mapping.values(), "#/components/schemas/OtherEvent"]
    for kind, ref in mapping.items():
        body = schema["components"]["schemas"][ref.rpartition("/")[2]]
        assert body["properties"]["type"]["const"] == kind
        assert "type" in body["required"]
    poll = schema["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"]
    events = poll["application/json"]["schema"]["properties"]["events"]
    assert events["items"] == {"$ref": "#/components/schemas/Event"}


async def test_what_comes_over_the_wire_is_what_is_described(
    live: Live, schema: dict[str, Any], project: str
) -> None:
    """Every body has what is required of it, and a control event nothing that is not described."""
    topic = f"projects/{project}"
    events: list[dict[str, Any]] = [
        {"type": "status", "status": "started"},
        {"type": "progress", "progress": 0.5, "message": "m", "metadata": {"eta": 5}},
        {"type": "note", "text": "t"},
        {"type": "completed", "result": {"url": "/files/a.mp4"}},
    ]
    async with httpx.AsyncClient(base_url=live.url) as client:
        for event in events:
            body = {"topics": [topic, f"jobs/{project}"], "task_name": "t", **event}
            assert (await client.post("/api/v1/events", json=body)).status_code == 201
        polled = (await client.get(f"/api/v1/projects/{project}/events")).json()["events"]
    path = f"/api/v1/jobs/{project}/stream?from=earliest"
    async with sse(live.url, path) as stream, websocket(live.ws_url, path) as socket:
        await stream.has("end")
        await socket.has("end")
        bodies = [event.body for event in stream.events] + socket.bodies
    several = f"/api/v1/stream?topic={topic}&topic=a"
    async with websocket(live.ws_url, several) as socket:
        await socket.has("connected", "caught_up")
        for command in ("ping", {"type": "subscribe", "topic": "b"}, "nonsense"):
            await socket.send(command)
        await socket.has("pong", "subscribed", "refused")
        bodies += socket.bodies
    assert len({body["type"] for body in bodies}) >= 9
    described = schema["components"]["schemas"]
    mapping = described["StreamBody"]["discriminator"]["mapping"]
    for body in [*polled, *bodies]:
        kind = mapping.get(body["type"], "/OtherEvent").rpartition("/")[2]
        assert set(described[kind]["required"]) <= set(body), body
        if body["type"] in CONTROL_TYPES:
            assert set(body) <= set(described[kind]["properties"]), body
