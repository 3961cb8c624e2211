"""A browser speaks HTTP/2 with the proxy: twenty streams of one page, over one connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome

from support.certificate import Authority
from support.live import Live
from support.proxies import NAMES, proxy_before
from support.waiting import wait_until_blocking

#: Over HTTP/1.1 a browser has six connections to a host.
STREAMS = 20


@pytest.fixture
def trusting(browser: Chrome) -> Iterator[Chrome]:
    """A browser that does not mind who has issued a certificate."""
    browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
    yield browser
    browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": False})


@pytest.mark.parametrize("name", NAMES)
def test_twenty_streams_of_one_page_are_open_at_once(
    name: str, trusting: Chrome, live_server: Live, project: str, short_dir: Path
) -> None:
    """They hear what the page itself publishes, and leave one by one."""
    port = live_server.port
    certificate = Authority(short_dir).issue()
    connections = f"{live_server.url}/api/v1/ws/projects/{project}/connections"

    def are_there(count: int) -> bool:
        return bool(httpx.get(connections).json()["active_connections"] == count)

    with proxy_before(name, (port, port), short_dir / name, certificate=certificate) as url:
        trusting.get(f"{url}/healthz")
        entry = "return performance.getEntriesByType('navigation')[0].nextHopProtocol"
        assert trusting.execute_script(entry) == "h2"
        stream = f"/api/v1/projects/{project}/stream?heartbeat=60&events=message"
        trusting.execute_script(
            """
            window.heard = 0;
            window.sources = Array.from({length: arguments[1]}, () => {
              const source = new EventSource(arguments[0]);
              source.onmessage = ({data}) => { heard += JSON.parse(data).type === "tick"; };
              return source;
            });
            """,
            stream,
            STREAMS,
        )
        wait_until_blocking(lambda: are_there(STREAMS), "not all streams are open")
        trusting.execute_script(
            """
            fetch(arguments[0], {
              method: "POST",
              headers: {"Content-Type": "application/json"},
              body: JSON.stringify({type: "tick"}),
            });
            """,
            f"/api/v1/projects/{project}/events",
        )
        wait_until_blocking(
            lambda: trusting.execute_script("return heard") == STREAMS, "not all heard it"
        )
        trusting.execute_script("sources.slice(1).forEach((source) => source.close())")
        wait_until_blocking(lambda: are_there(1), "streams that were closed stay")
        trusting.execute_script("sources[0].close()")
        trusting.get("about:blank")
