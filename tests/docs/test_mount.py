"""What docs/MOUNT.md shows is so: its apps, served in every way that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx
import pytest

from streamer.config.settings import SETTINGS
from support.documents import blocks, document, file_in
from support.mounting import Mounted, django_project
from support.readers import sse, websocket
from support.servers import Server

DOCUMENT: Final = "docs/MOUNT.md"
#: Frameworks, each with a way to serve it: every way, and every framework on both paths.
PAIRS: Final = [
    ("fastapi", "uvicorn"),
    ("fastapi", "streamer"),
    ("fastapi", "two processes"),
    ("starlette", "fast"),
    ("litestar", "uvicorn"),
    ("litestar", "streamer"),
    ("django", "uvicorn"),
    ("django", "streamer"),
]


def app_of(framework: str, directory: Path) -> tuple[str, dict[str, str], dict[str, str], str]:
    """Write the document's app; where it is, the cookies of two users, and the first's name."""
    if framework == "django":
        files = {name: file_in(DOCUMENT, f"shop/{name}") for name in ("live.py", "asgi.py")}
        files["views.py"] = file_in(DOCUMENT, "shop/views.py")
        ada, bob = django_project(directory, files)
        return "shop.asgi:application", of("sessionid", ada), of("sessionid", bob), "1"
    module = f"{framework}_shop"
    (directory / f"{module}.py").write_text(file_in(DOCUMENT, f"{module}.py"), encoding="utf-8")
    return f"{module}:app", of("session", "s3cr3t"), of("session", "0ther"), "ada"


def of(cookie: str, value: str) -> dict[str, str]:
    return {"Cookie": f"{cookie}={value}"}


@pytest.mark.parametrize(("framework", "server"), PAIRS, ids=map(" ".join, PAIRS))
async def test_a_user_reads_what_a_handler_publishes_over_the_end_of_its_server(
    framework: str, server: str, tmp_path: Path, redis_server: Server
) -> None:
    """And nobody else does; each stream is told to come back, and resumes where it was."""
    app, ada, bob, name = app_of(framework, tmp_path)
    mounted = Mounted(tmp_path, app, server, redis_server.url)
    path = f"/live/api/v1/stream?topic=orders/{name}"
    async with httpx.AsyncClient(base_url=mounted.url) as client:
        with mounted.running() as program:
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers=bob)).status_code == 403
            async with (
                sse(mounted.url, path, ada) as stream,
                websocket(f"ws://{mounted.here}", path, ada) as socket,
            ):
                await stream.has("connected", "caught_up")
                await socket.has("connected", "caught_up")
                await pay(client, ada, 5)
                await stream.has("connected", "caught_up", "paid")
                await socket.has("connected", "caught_up", "paid")
                assert stream.events[-1].body["amount"] == 5
                assert program.stop() in {0, -15}, str(program)
                await stream.has("paid", "reconnect")
                assert (stream.ended, stream.cut) == (True, False)
                assert (await socket.is_closed())[0] == 1012
        assert "Traceback" not in program.err, program.err
        with mounted.running():
            await pay(client, ada, 6)
            async with sse(mounted.url, path, {**ada, "Last-Event-ID": stream.ids[-1]}) as resumed:
                await resumed.has("connected", "paid", "caught_up")
                assert resumed.events[1].body["amount"] == 6


async def pay(client: httpx.AsyncClient, user: dict[str, str], amount: int) -> None:
    query, form = ({"amount": amount}, {"amount": amount})
    answer = await client.post("/pay", params=query, data=form, headers=user)
    assert answer.status_code == 200, answer.text


async def test_the_lifespan_that_it_shows_begins_before_what_uses_it(
    tmp_path: Path, redis_server: Server
) -> None:
    """What is published while the host starts is in the log before anybody asks."""
    (text,) = [block for block in blocks(DOCUMENT, "python") if '"started"' in block]
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    mounted = Mounted(tmp_path, "app:app", "uvicorn", redis_server.url)
    with mounted.running() as program:
        async with httpx.AsyncClient(base_url=mounted.url) as client:
            page = await client.get("/live/api/v1/events?topic=system&after=0-0")
        assert [event["type"] for event in page.json()["events"]] == ["started"]
        assert program.stop() in {0, -15}, str(program)
    assert "Traceback" not in program.err, program.err


def test_each_app_is_at_most_fifteen_lines_of_the_users_own_for_streamer() -> None:
    """Without the host's imports, and what it would have anyway."""
    shown = file_in(DOCUMENT, "fastapi_shop.py").splitlines()
    assert len([line for line in shown if line]) <= 16
    for file in ("fastapi_shop.py", "starlette_shop.py", "litestar_shop.py", "shop/live.py"):
        assert not re.search(r"(from|import) streamer\.", file_in(DOCUMENT, file)), file


def test_the_settings_that_it_names_are_there() -> None:
    named = set(re.findall(r"STREAMER_[A-Z_]+", document(DOCUMENT)))
    assert named <= {setting.variable for setting in SETTINGS.values()}
