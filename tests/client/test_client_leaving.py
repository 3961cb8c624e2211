"""A reader that leaves, however it does, leaves nothing behind: no socket, thread or task."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from streamer.client import EventStream, follow, follow_async
from support.following import body, says
from support.live import Live
from support.scripted_server import SILENCE, ScriptedServer
from support.waiting import DEADLINE, wait_until, wait_until_blocking

TRANSPORTS = pytest.mark.parametrize("transport", ["sse", "websocket"])
CONNECTED, TWO = body("connected", "1-0"), body("progress", "2-0", progress=0.5)


def readers(live: Live) -> int:
    """How many connections the server has."""
    answer = httpx.get(f"{live.url}/api/v1/ws/connections").json()
    return int(answer["total_connections"])


@pytest.fixture(autouse=True)
def no_thread_is_left(live_server: Live) -> Iterator[None]:
    before = set(threading.enumerate())
    yield

    def left() -> set[threading.Thread]:
        return {one for one in set(threading.enumerate()) - before if "asyncio" not in one.name}

    wait_until_blocking(lambda: not left(), "a thread was left")


@TRANSPORTS
@pytest.mark.parametrize("way", ["with", "break", "dropped", "close", "raise"])
def test_a_blocking_reader_that_leaves_is_gone(
    live_server: Live, project: str, transport: str, way: str
) -> None:
    """At once, and not when somebody collects garbage."""
    gc.disable()
    try:
        leave(way, lambda: follow(live_server.url, f"projects/{project}", transport=transport))  # type: ignore[arg-type]
        wait_until_blocking(lambda: readers(live_server) == 0, "the connection was left open")
    finally:
        gc.enable()


def leave(way: str, start: Callable[[], EventStream]) -> None:
    match way:
        case "with":
            with start() as events:
                assert next(events).type == "connected"
            assert list(events) == []
        case "break":
            for event in start():
                assert event.type == "connected"
                break
        case "dropped":
            assert next(start()).type == "connected"
        case "close":
            events = start()
            next(events)
            events.close()
            events.close()
        case "raise":
            with pytest.raises(KeyError), start() as events:
                raise KeyError(next(events).type)


@TRANSPORTS
def test_another_thread_may_close_it_while_it_waits(
    live_server: Live, project: str, transport: str
) -> None:
    events = follow(live_server.url, f"projects/{project}", transport=transport)  # type: ignore[arg-type]
    seen: list[str] = []
    reading = threading.Thread(target=lambda: seen.extend(event.type for event in events))
    reading.start()
    wait_until_blocking(lambda: "caught_up" in seen, "it was not caught up")
    events.close()
    reading.join(DEADLINE)
    assert not reading.is_alive()
    assert seen == ["connected", "caught_up"]
    wait_until_blocking(lambda: readers(live_server) == 0, "the connection was left open")


@TRANSPORTS
def test_another_thread_may_close_it_while_it_waits_to_come_back(transport: str) -> None:
    waiting = threading.Event()
    with ScriptedServer() as server:
        pass
    events = follow(
        server.url,
        "a",
        transport=transport,  # type: ignore[arg-type]
        on_reconnect=lambda _: waiting.set(),
    )
    reading = threading.Thread(target=lambda: list(events))
    reading.start()
    for _ in range(4):  # the waits grow: it is in one of them
        assert waiting.wait(DEADLINE)
        waiting.clear()
    events.close()
    reading.join(2)
    assert not reading.is_alive()


@TRANSPORTS
def test_it_can_be_closed_before_it_has_begun(transport: str) -> None:
    events = follow("http://127.0.0.1:9", "a", transport=transport)  # type: ignore[arg-type]
    events.close()
    assert list(events) == []


async def cancelled_at(
    stage: str, transport: str, script: bytes | Callable[[str], bytes]
) -> list[str]:
    """Follow in a task, and cancel it once `stage` was reached; the types that it saw."""
    seen: list[str] = []
    reached = asyncio.Event()

    async def token() -> str:
        if stage == "token":
            reached.set()
            await asyncio.Event().wait()
        return "t"

    async def read(url: str) -> None:
        stream = follow_async(
            url,
            "a",
            token=token,
            transport=transport,  # type: ignore[arg-type]
            on_reconnect=lambda _: reached.set(),
        )
        # Where it is cancelled while it waits for an event, it needs no `async with`.
        async with stream if stage == "body" else contextlib.nullcontext():
            async for event in stream:
                seen.append(event.type)
                if event.type == stage:
                    reached.set()
                if stage == "body":
                    reached.set()
                    await asyncio.Event().wait()

    with ScriptedServer(script) as server:
        task = asyncio.create_task(read(server.url))
        if stage == "head":
            await wait_until(lambda: server.requests, "it did not connect")
        else:
            await asyncio.wait_for(reached.wait(), DEADLINE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await wait_until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "a task was left")
    return seen


@TRANSPORTS
@pytest.mark.parametrize(
    ("stage", "script", "seen"),
    [
        ("token", b"", []),
        ("head", SILENCE, []),
        ("progress", says(CONNECTED, TWO, silent=True), ["connected", "progress"]),
        ("body", says(CONNECTED, TWO, silent=True), ["connected"]),
        ("waiting", says(CONNECTED), ["connected"]),
    ],
)
async def test_a_task_that_is_cancelled_leaves_nothing(
    transport: str, stage: str, script: bytes | Callable[[str], bytes], seen: list[str]
) -> None:
    """At each await; an unclosed socket would be a warning, which is an error here."""
    assert await cancelled_at(stage, transport, script) == seen
    gc.collect()


@TRANSPORTS
async def test_an_async_reader_that_leaves_is_gone(
    live_server: Live, project: str, transport: str
) -> None:
    topic = f"projects/{project}"
    async with follow_async(live_server.url, topic, transport=transport) as events:  # type: ignore[arg-type]
        async for event in events:
            assert event.type == "connected"
            break
        assert events.last_event_id == event.id
    await wait_until(lambda: readers(live_server) == 0, "the connection was left open")
    assert [event async for event in events] == []


@TRANSPORTS
def test_ctrl_c_ends_it_wherever_it_waits(live_server: Live, project: str, transport: str) -> None:
    """With the exception of Python, and nothing on standard error but that."""
    program = (
        "import streamer\n"
        f"events = streamer.follow({live_server.url!r}, 'projects/{project}', "
        f"transport={transport!r})\n"
        "try:\n"
        "    for event in events: print(event.type, flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert [running.stdout.readline() for _ in range(2)] == ["connected\n", "caught_up\n"]
        running.send_signal(signal.SIGINT)
        assert running.stdout.read() == "interrupted\n"
        assert running.wait(DEADLINE) == 0
        assert running.stderr.read() == ""
    wait_until_blocking(lambda: readers(live_server) == 0, "the connection was left open")


@TRANSPORTS
def test_a_program_that_ends_with_an_open_stream_ends(
    live_server: Live, project: str, transport: str
) -> None:
    """Though nobody closed it, and a library's thread is in the middle of reading."""
    program = (
        "import streamer\n"
        f"events = streamer.follow({live_server.url!r}, 'projects/{project}', "
        f"transport={transport!r})\n"
        "print(next(events).type)\n"
    )
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("connected\n", "", 0)


def test_nothing_is_imported_before_it_is_used() -> None:
    """A worker that publishes needs no HTTP client, and who reads over SSE no WebSocket."""
    program = (
        "import sys, streamer\n"
        "assert not {'httpx', 'websockets'} & set(sys.modules)\n"
        "streamer.follow('http://h', 'a')\n"
        "assert 'httpx' in sys.modules\n"
        "assert 'websockets' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
