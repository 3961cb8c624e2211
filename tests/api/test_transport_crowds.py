"""More connections than there is room for."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from support.processes import Program
from support.servers import Server
from support.waiting import DEADLINE

#: Open files of the server: 128 are its own, 32 of the rest for connections that
#: are no readers, and half of those may wait.
LIMIT = 256


@pytest.fixture
def crowded(redis_server: Server, short_dir: Path) -> Iterator[tuple[Program, int]]:
    """A server that may open few files, and its port."""
    environ = {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_PORT": "0",
        "STREAMER_DRAIN_SECONDS": "0.2",
        "STREAMER_RETRY_MS": "10",
    }
    serve = f"ulimit -n {LIMIT} && exec {sys.executable} -m streamer serve"
    with Program(["sh", "-c", serve], environ=environ) as program:
        port = int(program.wait_for(r"Serving at http://127\.0\.0\.1:(\d+)")[1])
        program.wait_for("room for 96 readers, not 20000")
        yield program, port


def test_idle_connections_of_one_client_lock_nobody_out(crowded: tuple[Program, int]) -> None:
    """Their oldest give way; a reader stays, and others come in."""
    program, port = crowded
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=url))
        stream = stack.enter_context(client.stream("GET", "/api/v1/projects/p/stream"))
        lines = stream.iter_lines()
        assert next(line for line in lines if "caught_up" in line)
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for _ in range(3 * LIMIT)
        ]
        assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
        assert httpx.get(f"{url}/readyz").status_code == 200
        event = {"type": "tick"}
        assert httpx.post(f"{url}/api/v1/projects/p/events", json=event).status_code == 201
        assert next(line for line in lines if "tick" in line)
        opened[0].settimeout(DEADLINE)
        assert opened[0].recv(1) == b"", "the oldest was closed"
    program.wait_for(r"too many connections \(\d+\): \d+ that waited were closed, 0 were not taken")
    assert "Traceback" not in program.err
    assert "Too many open files" not in program.err


def test_readers_beyond_the_room_are_sent_away_and_the_rest_goes_on(
    crowded: tuple[Program, int],
) -> None:
    """As beyond the limit that is set."""
    program, port = crowded
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        client = stack.enter_context(
            httpx.Client(base_url=url, limits=httpx.Limits(max_connections=None))
        )
        readers = [
            stack.enter_context(client.stream("GET", "/api/v1/projects/p/stream"))
            for _ in range(100)
        ]
        firsts = [next(line for line in reader.iter_lines() if line) for reader in readers]
        assert ["connected" in line for line in firsts] == [True] * 96 + [False] * 4
        assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert "Traceback" not in program.err
