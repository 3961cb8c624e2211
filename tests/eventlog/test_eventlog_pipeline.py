"""The connection that scripts are run over: replies in order, and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import pytest
import uvloop
from redis import exceptions

from streamer.config.redis_url import parse_redis_url
from streamer.errors import LogUnavailable
from streamer.eventlog.redis.link import pipeline as pipeline_module
from streamer.eventlog.redis.link.pipeline import Pipeline
from streamer.eventlog.redis.link.pipelined import PipelinedConnection
from streamer.eventlog.redis.link.route import Address
from support.servers import Server
from support.waiting import wait_until


class SaidServer:
    """A server that says what a test tells it to say, and nothing else."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        self._server.close()

    def _accept(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)

    async def say(self, text: bytes) -> None:
        """To whoever came last."""
        await wait_until(lambda: self.writers, "nobody connected")
        self.writers[-1].write(text)

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()


class SpiedTransport:
    """A transport that keeps what is written."""

    def __init__(self, transport: asyncio.Transport | None, written: list[bytes]) -> None:
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(data)
        assert self._transport is not None
        self._transport.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


@pytest.fixture
async def said() -> AsyncIterator[SaidServer]:
    async with SaidServer() as server:
        yield server


async def open_at(server: SaidServer, seconds: float = 5.0) -> tuple[Pipeline, PipelinedConnection]:
    pipeline = Pipeline(parse_redis_url(server.url), None, seconds)
    return pipeline, await pipeline.open()


async def test_replies_go_to_whom_they_answer(redis_server: Server) -> None:
    """In the order of the commands, however many are on their way."""
    pipeline = Pipeline(parse_redis_url(redis_server.url), None, 5.0)
    connection = await pipeline.open()
    asked = [connection.call("ECHO", str(number)) for number in range(1000)]
    assert await asyncio.gather(*asked) == [str(number).encode() for number in range(1000)]
    await pipeline.close()


async def test_who_gives_up_takes_nobodys_reply(said: SaidServer) -> None:
    """Its own is thrown away when it comes."""
    pipeline, connection = await open_at(said)
    first, second = connection.call("ECHO", "1"), connection.call("ECHO", "2")
    first.cancel()
    await said.say(b"$1\r\n1\r\n$1\r\n2\r\n")
    assert await second == b"2"
    await pipeline.close()


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (b"-NOSCRIPT No matching script.", exceptions.NoScriptError),
        (b"-READONLY You can't write against a read only replica.", exceptions.ReadOnlyError),
        (b"-MOVED 42 127.0.0.1:7001", exceptions.MovedError),
        (b"-ASK 42 127.0.0.1:7001", exceptions.AskError),
        (b"-TRYAGAIN Multiple keys request", exceptions.TryAgainError),
        (b"-OOM command not allowed", exceptions.ResponseError),
    ],
)
async def test_a_refusal_is_told_to_who_asked_alone(
    said: SaidServer, refusal: bytes, kind: type[Exception]
) -> None:
    """The connection goes on."""
    pipeline, connection = await open_at(said)
    refused, answered = connection.call("GET", "a"), connection.call("GET", "b")
    await said.say(refusal + b"\r\n$1\r\nb\r\n")
    with pytest.raises(kind):
        await refused
    assert await answered == b"b"
    assert await pipeline.open() is connection
    await pipeline.close()


async def test_where_a_slot_has_moved_is_told(said: SaidServer) -> None:
    """As redis-py's own error has it."""
    pipeline, connection = await open_at(said)
    refused = connection.call("GET", "a")
    await said.say(b"-MOVED 42 127.0.0.1:7001\r\n")
    with pytest.raises(exceptions.MovedError) as told:
        await refused
    assert (told.value.host, told.value.port) == ("127.0.0.1", 7001)
    await pipeline.close()


async def test_a_lost_connection_fails_all_that_were_under_way_and_is_made_anew(
    said: SaidServer,
) -> None:
    """Nobody knows whether they were run."""
    pipeline, connection = await open_at(said)
    asked = [connection.call("GET", "a"), connection.call("GET", "b")]
    await wait_until(lambda: said.writers, "nobody connected")
    said.hang_up()
    for reply in asked:
        with pytest.raises(exceptions.ConnectionError):
            await reply
    another = await pipeline.open()
    assert another is not connection
    with pytest.raises(exceptions.ConnectionError):
        connection.call("GET", "a")
    await pipeline.close()


async def test_no_reply_in_time_gives_the_connection_up(said: SaidServer) -> None:
    """A late reply would be taken for that of the next command."""
    pipeline, connection = await open_at(said, seconds=0.05)
    with pytest.raises(exceptions.TimeoutError):
        await connection.call("GET", "a")
    assert not connection.usable
    await pipeline.close()


async def test_what_is_under_way_when_it_is_closed_is_answered(said: SaidServer) -> None:
    """And nothing is sent any more."""
    pipeline, connection = await open_at(said)
    reply = connection.call("GET", "a")
    closing = asyncio.create_task(pipeline.close())
    await wait_until(lambda: pipeline._closed, "closing did not begin")
    with pytest.raises(LogUnavailable, match="closed"):
        await pipeline.open()
    await said.say(b"$1\r\na\r\n")
    assert await reply == b"a"
    await closing
    assert connection.lost.done()
    with pytest.raises(LogUnavailable, match="closed"):
        await pipeline.open()


async def test_what_is_not_answered_when_it_is_closed_is_given_up(
    said: SaidServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a moment; its socket is closed by then, whatever becomes of the loop."""
    monkeypatch.setattr(pipeline_module, "_GRACE", 0.01)
    pipeline, connection = await open_at(said)
    reply = connection.call("GET", "a")
    await pipeline.close()
    assert connection.lost.done()
    with pytest.raises(exceptions.ConnectionError, match="closed"):
        await reply


async def test_a_reply_that_nobody_asked_for_ends_the_connection(said: SaidServer) -> None:
    """From there on no reply could be believed."""
    pipeline, connection = await open_at(said)
    await said.say(b"$5\r\nhello\r\n")
    assert "nobody had asked" in await connection.lost
    await pipeline.close()


async def test_those_who_need_a_connection_at_once_share_one(said: SaidServer) -> None:
    """And one who gives up takes it from nobody."""
    pipeline = Pipeline(parse_redis_url(said.url), None, 5.0)
    opening = [asyncio.create_task(pipeline.open()) for _ in range(3)]

    async def give_up() -> None:
        opening[0].cancel()

    # Begun after them, so that it runs when all three wait.
    _, second, third = await asyncio.gather(give_up(), *opening[1:])
    assert opening[0].cancelled()
    assert second is third
    await pipeline.close()


async def test_commands_that_belong_together_are_one_write(
    said: SaidServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are answered before the first refusal is told: none is told to nobody."""
    pipeline, connection = await open_at(said)
    written: list[bytes] = []
    monkeypatch.setattr(connection, "_transport", SpiedTransport(connection._transport, written))
    asked = asyncio.create_task(connection.call_all(("GET", "a"), ("GET", "b"), ("GET", "c")))
    await wait_until(lambda: not connection.idle, "nothing was asked")
    await said.say(b"$1\r\na\r\n-OOM no\r\n")
    await wait_until(lambda: len(connection._waiting) == 1, "there were no replies")
    assert not asked.done()
    assert not connection.idle
    (together,) = written
    assert together.count(b"GET") == 3
    await said.say(b"-NOSCRIPT no\r\n")
    with pytest.raises(exceptions.ResponseError, match="OOM"):
        await asked
    assert connection.idle
    assert await connection.call_all() == []
    await pipeline.close()


async def test_what_was_left_is_closed_too(said: SaidServer) -> None:
    """It still owed a reply when the log had moved away from it."""
    pipeline, connection = await open_at(said)
    reply = connection.call("GET", "a")
    pipeline.leave(Address("elsewhere", 1))
    assert await pipeline.open() is connection
    pipeline.leave(connection.address)
    assert await pipeline.open() is not connection
    closing = asyncio.create_task(pipeline.close())
    await wait_until(lambda: len(said.writers) == 2, "nobody connected")
    said.writers[0].write(b"$1\r\na\r\n")
    assert await reply == b"a"
    await closing
    assert connection.lost.done()


def test_a_connection_that_uvloop_calls_closed_is_a_lost_connection() -> None:
    """A write to it is an error of the connection, at whatever moment: asyncio is more patient."""

    async def use() -> None:
        async with SaidServer() as said:
            pipeline, aborted = await open_at(said)
            aborted.abort("by us")
            with pytest.raises(exceptions.ConnectionError):
                aborted.call("GET", "a")
            await aborted.lost
            with pytest.raises(exceptions.ConnectionError):
                await aborted.call_all(("GET", "a"))
            lost = await pipeline.open()
            await wait_until(lambda: len(said.writers) == 2, "nobody connected")
            said.writers[-1].transport.abort()
            await lost.lost
            with pytest.raises(exceptions.ConnectionError):
                lost.call("GET", "a")
            lost.send("GET", "a")
            await pipeline.close()

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(use())
    finally:
        loop.close()
