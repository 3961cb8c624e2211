"""Revocations and renewals over two processes on one Redis, on the fast and the portable path."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from click.testing import CliRunner

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.cli import main
from support.live import Live, StartLive
from support.readers import SocketReader, SseReader, publish, sse, websocket
from support.servers import Server
from support.waiting import wait_until

SECRET: Final = "a secret of thirty-two bytes or more"
#: Seconds in which every process knows what was revoked, and what a slow machine adds.
SOON: Final = 1.0 + 1.0


def token(subject: str, *, admin: bool = False, lives: float = 600.0, jti: str = "") -> str:
    grants = Grants(
        subject,
        is_admin=admin,
        subscribe=Patterns(["projects/*"]),
        publish=Patterns(["projects/*"]),
        token_id=jti,
    )
    return Issuer(SECRET).issue(grants, lives)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


ADMIN: Final = bearer(token("root", admin=True))


def time_of(text: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


class Pair:
    """Two processes that serve one log: ours, and any other server."""

    def __init__(self, start: StartLive, redis_url: str, prefix: str) -> None:
        self.prefix: Final = prefix
        settings = {"STREAMER_AUTH_SECRET": SECRET, "STREAMER_PREFIX": prefix}
        self.fast: Final = start("fast", redis_url=redis_url, **settings)
        self.portable: Final = start("portable", redis_url=redis_url, **settings)

    @property
    def both(self) -> tuple[Live, Live]:
        return self.fast, self.portable


@pytest.fixture(scope="module")
def shared(_server_of: Callable[[str], Server]) -> Iterator[Pair]:
    """One pair for several tests: each revokes somebody of its own."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="st-")))

        def start(path: str, *, redis_url: str, **settings: str) -> Live:
            live = Live(path, redis_url, directory, **settings)
            stack.callback(live.stop)
            live.start()
            return live

        yield Pair(start, _server_of("redis").url, f"test-{secrets.token_hex(6)}")


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def post(live: Live, path: str, headers: Mapping[str, str], body: Any = None) -> int:  # noqa: ANN401
    async with httpx.AsyncClient(base_url=live.url) as client:
        return (await client.post(f"/api/v1{path}", headers=headers, json=body)).status_code


async def read(
    stack: AsyncExitStack, live: Live, headers: Mapping[str, str]
) -> tuple[SseReader, SocketReader]:
    """A stream of each kind, both live."""
    path = "/api/v1/projects/p/stream"
    stream = await stack.enter_async_context(sse(live.url, path, headers))
    socket = await stack.enter_async_context(websocket(live.ws_url, path, headers))
    await wait_until(lambda: "caught_up" in stream.types, "the stream is not live")
    await wait_until(lambda: "caught_up" in socket.types, "the socket is not live")
    return stream, socket


async def refuses(live: Live, headers: Mapping[str, str]) -> bool:
    async with httpx.AsyncClient(base_url=live.url) as client:
        return (await client.get("/api/v1/jobs", headers=headers)).status_code == 401


async def are_revoked(stream: SseReader, socket: SocketReader) -> None:
    await wait_until(lambda: stream.ended, "the stream did not end")
    assert stream.types[-1] == "expired"
    assert stream.events[-1].body["code"] == "token_revoked"
    assert await socket.is_closed() == (1008, "Unauthorized")
    assert socket.bodies[-1]["code"] == "token_revoked"


async def test_what_one_process_revokes_ends_in_both_within_a_second_and_for_good(
    shared: Pair, stack: AsyncExitStack
) -> None:
    kim, bob = bearer(token("kim")), bearer(token("bob"))
    ended = [await read(stack, live, kim) for live in shared.both]
    others = [await read(stack, live, bob) for live in shared.both]
    before = time.monotonic()
    assert await post(shared.fast, "/revocations", ADMIN, {"sub": "kim"}) == 201
    for stream, socket in ended:
        await are_revoked(stream, socket)
    assert time.monotonic() - before < SOON
    async with httpx.AsyncClient(base_url=shared.fast.url, headers=bob) as client:
        await publish(client, "p", "note")
    for stream, socket in others:
        await stream.has("note")
        await socket.has("note")
    for live in shared.both:
        live.stop()
        live.start()
        async with sse(live.url, "/api/v1/projects/p/stream", kim) as refused:
            assert refused.status == 401
        await read(stack, live, bob)


async def test_the_command_line_revokes_for_every_process(
    shared: Pair, stack: AsyncExitStack, redis_server: Server
) -> None:
    named = bearer(token("zoe", jti="5f0c"))
    ended = [await read(stack, live, named) for live in shared.both]
    environ = {"STREAMER_REDIS_URL": redis_server.url, "STREAMER_PREFIX": shared.prefix}
    run = CliRunner().invoke
    done = await asyncio.to_thread(run, main, ["revoke", "--jti", "5f0c"], env=environ)
    assert done.exit_code == 0, done.output
    for stream, socket in ended:
        await are_revoked(stream, socket)


async def test_a_stream_goes_on_with_a_token_that_another_process_was_given(
    shared: Pair, stack: AsyncExitStack
) -> None:
    """Of either transport, on either path."""
    short = bearer(token("ann", lives=12.0))
    opened = [await read(stack, live, short) for live in shared.both]
    for live, (stream, socket) in zip(reversed(shared.both), opened, strict=True):
        for stream_id in (stream.events[0].body["stream_id"], socket.bodies[0]["stream_id"]):
            assert await post(live, f"/streams/{stream_id}/token", bearer(token("bob"))) == 404
            assert await post(live, f"/streams/{stream_id}/token", bearer(token("ann"))) == 204
    for path in ("x", "0" * 12 + "." + "0" * 32):
        assert await post(shared.fast, f"/streams/{path}/token", bearer(token("ann"))) == 404
    over = time_of(opened[-1][0].events[0].body["expires_at"]) + 1.0
    await wait_until(lambda: time.time() > over, "time stands still")
    async with httpx.AsyncClient(base_url=shared.fast.url, headers=bearer(token("ann"))) as client:
        await publish(client, "p", "note")
    for stream, socket in opened:
        await stream.has("note")
        await socket.has("note")


async def test_a_websocket_goes_on_with_a_token_that_it_is_sent(
    shared: Pair, stack: AsyncExitStack
) -> None:
    for live in shared.both:
        _, socket = await read(stack, live, bearer(token("ann", lives=10.0)))
        await socket.send({"type": "token", "token": token("ann")})
        await wait_until(lambda: "refreshed" in socket.types, "it was not renewed")  # noqa: B023
        await socket.send("ping")
        await socket.has("pong")


async def test_a_stream_ends_at_the_second_that_its_token_names(
    shared: Pair, stack: AsyncExitStack
) -> None:
    for live in shared.both:
        stream, socket = await read(stack, live, bearer(token("ann", lives=4.0)))
        ends = stream.events[0].body["expires_at"]
        await wait_until(lambda: stream.ended, "the stream did not end")  # noqa: B023
        late = time.time() - time_of(ends)
        assert -0.05 < late < SOON
        assert stream.types[-1] == "expired"
        assert await socket.is_closed() == (1008, "Unauthorized")
        assert socket.types[-1] == "expired"


async def test_without_redis_what_is_known_holds_and_streams_stay(
    start_live: StartLive, own_server: Server, prefix: str, stack: AsyncExitStack
) -> None:
    """And once it is back, what is revoked then ends within a second, as ever."""
    pair = Pair(start_live, own_server.url, prefix)
    ann, bob = bearer(token("ann")), bearer(token("bob"))
    assert await post(pair.fast, "/revocations", ADMIN, {"sub": "ann"}) == 201
    opened = [await read(stack, live, bob) for live in pair.both]
    for live in pair.both:
        await wait_until(lambda: refuses(live, ann), "it is not known what was revoked")  # noqa: B023
    own_server.kill()
    for live, (stream, _) in zip(pair.both, opened, strict=True):
        async with sse(live.url, "/api/v1/projects/p/stream", ann) as refused:
            assert refused.status == 401
        assert await post(live, "/revocations", ADMIN, {"sub": "bob"}) == 503
        elsewhere = pair.portable if live is pair.fast else pair.fast
        stream_id = stream.events[0].body["stream_id"]
        assert await post(live, f"/streams/{stream_id}/token", bearer(token("bob"))) == 204
        assert await post(elsewhere, f"/streams/{stream_id}/token", bearer(token("bob"))) == 503
    own_server.start()
    for stream, socket in opened:
        assert "expired" not in stream.types
        assert "expired" not in socket.types

    async def revoke() -> bool:
        return await post(pair.portable, "/revocations", ADMIN, {"sub": "bob"}) == 201

    await wait_until(revoke, "Redis is back, and nothing is revoked")
    for stream, socket in opened:
        await are_revoked(stream, socket)


async def test_redis_loses_all_and_is_told_again_what_was_revoked(
    shared: Pair, redis_server: Server
) -> None:
    """One that begins afterwards knows it, too."""
    lee = bearer(token("lee"))
    assert await post(shared.fast, "/revocations", ADMIN, {"sub": "lee"}) == 201
    names = [f"{{{shared.prefix}}}:access:{name}" for name in ("revoked", "revision")]
    with redis_server.client() as client:
        client.delete(*names)
        await wait_until(lambda: client.exists(*names) == 2, "it was not told again")
    shared.portable.stop()
    shared.portable.start()
    async with sse(shared.portable.url, "/api/v1/projects/p/stream", lee) as refused:
        assert refused.status == 401
