"""What the proxy writes of those who come."""

from __future__ import annotations

from pathlib import Path

import httpx

from support.live import StartLive
from support.nginx import nginx_before
from support.waiting import wait_until_blocking


def test_a_token_is_not_in_the_proxys_log(start_live: StartLive, short_dir: Path) -> None:
    port = start_live().port
    with nginx_before((port, port), short_dir) as url:
        httpx.get(
            f"{url}/api/v1/projects/p1/status?token=marker-7c1f",
            headers={"Referer": "http://localhost/?token=marker-7c1f"},
        )
        log = short_dir / "access.log"
        wait_until_blocking(
            lambda: "GET /api/v1/projects/p1/status HTTP/1.1" in log.read_text(), "no line came"
        )
        assert "marker" not in log.read_text()
