"""The fast path beneath a host's middleware, of each kind that there is."""

from __future__ import annotations

import textwrap
from pathlib import Path

import httpx
import pytest

from support.mounting import Mounted
from support.readers import sse
from support.servers import Server
from support.waiting import wait_until

APP = """
import streamer
from fastapi import FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware

app = FastAPI()
app.mount("/live", streamer.create_app())
if {passes_on}:
    @app.middleware("http")
    async def timed(request: Request, call_next):
        answer = await call_next(request)
        answer.headers["x-timed"] = "1"
        return answer
else:
    app.add_middleware(GZipMiddleware)
"""


@pytest.mark.parametrize("passes_on", [True, False])
async def test_streams_go_through_middleware_of_the_host_and_are_counted_once(
    passes_on: bool, tmp_path: Path, redis_server: Server
) -> None:
    """What passes an answer on chunk by chunk would end a fast stream at its beginning."""
    text = textwrap.dedent(APP).format(passes_on=passes_on)
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    mounted = Mounted(tmp_path, "app:app", "streamer", redis_server.url)
    path = "/live/api/v1/projects/p/stream"
    with mounted.running() as program:
        async with (
            httpx.AsyncClient(base_url=f"{mounted.url}/live/api/v1") as client,
            sse(mounted.url, path, {"Accept-Encoding": "gzip"}) as first,
            sse(mounted.url, path, {"Accept-Encoding": "gzip;q=0.5, identity"}) as second,
        ):
            for stream, coding in ((first, "gzip"), (second, None)):
                await stream.has("connected", "caught_up")
                assert ("x-timed" in stream.headers) is passes_on
                assert stream.headers.get("content-encoding") == coding

            async def are_counted() -> bool:
                answer = await client.get("/ws/projects/p/connections")
                return bool(answer.json()["active_connections"] == 2)

            await wait_until(are_counted, "the readers were not counted")
            ids = [
                (await client.post("/projects/p/events", json={"type": "note"})).json()["id"]
                for _ in range(3)
            ]
            await first.has_ids(ids)
            await second.has_ids(ids)
            assert program.stop() == 0
            await first.has("note", "reconnect")
            assert (first.ended, second.ended) == (True, True)
    assert "Traceback" not in program.err, program.err
