"""What the proxy writes of those who come."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from support.live import Live
from support.proxies import NAMES, proxy_before
from support.waiting import wait_until_blocking


@pytest.mark.parametrize("name", NAMES)
def test_a_token_is_not_in_the_proxys_log(name: str, live_server: Live, short_dir: Path) -> None:
    port = live_server.port
    with proxy_before(name, (port, port), short_dir) as url, httpx.Client() as client:
        # One that is stopped may not write of its last request, but has of those before.
        for _ in range(2):
            client.get(
                f"{url}/api/v1/projects/p1/status?token=marker-7c1f",
                headers={"Referer": "http://localhost/?token=marker-7c1f"},
            )
    log = short_dir / "log"
    line = "GET" if name == "traefik" else "/api/v1/projects/p1/status"
    # nginx, which is not waited for, may not have written it yet.
    wait_until_blocking(lambda: line in log.read_text(), "no line came")
    assert "marker" not in log.read_text()
