"""A real application that hangs, comes back, and closes connections at the wrong moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from streamer.access.application import Application
from streamer.access.grants import Grants
from streamer.errors import AuthUnavailable
from support.waiting import wait_until

BODY = b'{"sub":"7"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Web:
    """Answers `answers` requests of each connection, and closes at the next; or hangs."""

    def __init__(self) -> None:
        self.answers = 1_000_000
        self.hangs = False
        self.connections = 0
        self.asked = 0
        self._handlers: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            for _ in range(self.answers):
                await reader.readuntil(b"\r\n\r\n")
                self.asked += 1
                if self.hangs:
                    await reader.read()
                    break
                writer.write(ANSWER)
                await writer.drain()
            else:
                await reader.readuntil(b"\r\n\r\n")
        self._handlers.discard(task)
        writer.close()

    async def end(self) -> None:
        for task in list(self._handlers):
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)


@pytest.fixture
async def web() -> AsyncIterator[tuple[Web, str]]:
    web = Web()
    server = await asyncio.start_server(web.handle, "127.0.0.1", 0)
    yield web, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/who"
    server.close()
    await web.end()
    await server.wait_closed()


async def ask(application: Application, number: int) -> Grants | None:
    """What is granted; None if the application does not say."""
    try:
        return await application.ask([(b"cookie", b"%d" % number)], method="GET", uri="/")
    except AuthUnavailable:
        return None


async def test_once_it_answers_again_it_is_heard_however_many_had_waited(
    web: tuple[Web, str],
) -> None:
    """Those who waited in vain, and left, keep nobody's place."""
    other, url = web
    other.hangs = True
    application = Application(url, timeout=0.2)
    for _ in range(3):
        answers = await asyncio.gather(*(ask(application, number) for number in range(100)))
        assert set(answers) == {None}
    other.hangs = False
    await wait_until(lambda: ask(application, 100), "the application was not heard again")
    await application.close()


async def test_no_more_connections_are_opened_than_there_are_places(web: tuple[Web, str]) -> None:
    other, url = web
    application = Application(url)
    answers = await asyncio.gather(*(ask(application, number) for number in range(100)))
    assert {answer and answer.subject for answer in answers} == {"7"}
    assert other.asked == 100
    assert other.connections <= 32
    await application.close()


async def test_a_kept_connection_that_is_closed_at_that_moment_is_no_answer(
    web: tuple[Web, str],
) -> None:
    other, url = web
    other.answers = 1
    application = Application(url)
    for number in range(5):
        answer = await ask(application, number)
        assert answer is not None
        assert answer.subject == "7"
    assert other.connections == 5
    await application.close()
