"""The app within an app of another framework, which runs no lifespan of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, asgi
from litestar.testing import TestClient

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from support.ports import free_port
from support.processes import Program
from support.readers import publish, sse, websocket
from support.servers import Server
from support.waiting import wait_until, wait_until_blocking


@pytest.fixture(
    scope="module",
    params=[("starlette", "fast"), ("starlette", "portable"), ("litestar", "portable")],
    ids=" ".join,
)
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _server_of: object
) -> Iterator[str]:
    """The address of the outer app: without http."""
    redis: Server = _server_of("redis")  # type: ignore[operator]
    port = free_port()
    environ = {
        "STREAMER_PORT": str(port),
        "STREAMER_REDIS_URL": redis.url,
        "STREAMER_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "STREAMER_PREFIX": f"test-mounted-{port}",
    }
    command = [sys.executable, "-m", "support.mounted_server", *request.param]
    here = f"127.0.0.1:{port}"
    with Program(command, environ=environ, cwd=Path(__file__).parents[1]) as program:

        def is_up() -> bool:
            assert program.running, str(program)
            try:
                return httpx.get(f"http://{here}/live/healthz").status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        wait_until_blocking(is_up, "the outer app did not come up")
        yield here


async def test_all_is_served_beneath_the_prefix(mounted: str, project: str) -> None:
    """Streams over SSE and WebSocket, polls, publishing: begun by the first who asks."""
    base, path = f"http://{mounted}/live", f"/live/api/v1/projects/{project}/stream"
    async with (
        httpx.AsyncClient(base_url=base) as client,
        sse(f"http://{mounted}", path) as stream,
        websocket(f"ws://{mounted}", path) as socket,
    ):
        await stream.has("connected", "caught_up")
        await socket.has("connected", "caught_up")
        ids = [await publish(client, project, "note", n=n) for n in range(3)]
        await stream.has_ids(ids)
        await socket.has_ids(ids)
        page = (await client.get(f"/api/v1/projects/{project}/events")).json()
        assert [event["id"] for event in page["events"]] == ids
        wrong = await client.get(f"/api/v1/projects/{project}/stream?form=earliest")
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_parameter")
        assert (await client.get("/readyz")).status_code == 200
        counted = f"/api/v1/ws/projects/{project}/connections"

        async def are_counted() -> bool:
            return bool((await client.get(counted)).json()["active_connections"] == 2)

        await wait_until(are_counted, "the readers were not counted")


async def test_a_refusal_beneath_the_prefix_is_told(mounted: str, project: str) -> None:
    async with websocket(
        f"ws://{mounted}", f"/live/api/v1/projects/{project}/stream?last_event_id=x"
    ) as socket:
        assert (await socket.is_closed())[0] == 1008
        assert [body["type"] for body in socket.bodies] == ["refused"]


@pytest.mark.parametrize("prefix", ["", "/live"])
def test_a_test_client_may_ask_it_with_its_lifespan_or_without(prefix: str) -> None:
    """Of an outer app, only its own is run."""
    app = create_app(Settings(), MemoryEventLog())
    mount = asgi("/live", is_mount=True, copy_scope=True)(app)
    with TestClient(Litestar([mount]) if prefix else app) as client:
        body = {"topic": "jobs/j", "type": "completed"}
        assert client.post(f"{prefix}/api/v1/events", json=body).status_code == 201
        stream = client.get(f"{prefix}/api/v1/jobs/j/stream?from=earliest")
        assert "event: end\n" in stream.text


def test_a_second_event_loop_is_refused_in_a_sentence() -> None:
    """Connections and readers are of the one on which it began."""
    app: Any = create_app(Settings(), MemoryEventLog())

    async def ask() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/api/v1/projects/p/events")).status_code

    assert asyncio.run(ask()) == 200
    with pytest.raises(RuntimeError, match="begun on another event loop; run it on one"):
        asyncio.run(ask())
