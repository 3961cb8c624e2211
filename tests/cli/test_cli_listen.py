"""Where ``streamer serve`` listens."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from support.processes import streamer
from support.servers import Server


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_address_is_ipv4s_too(redis_server: Server, short_dir: Path, workers: str) -> None:
    """``::`` takes both, in one process or several, on a port of the system's choice."""
    environ = {
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_DATA_DIR": str(short_dir),
        "STREAMER_HOST": "::",
        "STREAMER_AUTH": "none",
        "STREAMER_DRAIN_SECONDS": "0.2",
    }
    arguments = ["serve", "--port", "0", "--workers", workers]
    with streamer(*arguments, environ=environ) as program:
        port = program.wait_for(r"Serving at http://\[::\]:(\d+)")[1]
        for host in ("127.0.0.1", "[::1]"):
            answer = httpx.get(f"http://{host}:{port}/healthz")
            assert answer.status_code == 200
