"""A page in a real browser that brings a token in its URL, as the older clients do."""

from __future__ import annotations

from typing import Final

import httpx
import pytest
from selenium.webdriver import Chrome

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.live import Live, StartLive

SECRET: Final = "a secret of more than 32 bytes, for tests"
ANN: Final = Grants("ann", subscribe=Patterns(["projects/p1"]), publish=Patterns(["projects/p1"]))
#: Header and claims of `{"alg":"HS256"}` and `{"sub":"ann"}`, and no signature of ours.
BAD: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"

#: How a WebSocket ends, and the last frame before that; or that it opened and stays.
_SOCKET: Final = """
const [url, protocols, done] = arguments;
const socket = protocols ? new WebSocket(url, protocols) : new WebSocket(url);
let last = null;
socket.onmessage = ({data}) => {
  last = JSON.parse(data);
  if (last.type === "connected") { done({opened: true, protocol: socket.protocol}); }
};
socket.onclose = ({code, reason}) => done({code, reason, type: last && last.type,
                                           error: last && last.code});
"""
#: What an EventSource hears first, and the state that it is in then.
_SOURCE: Final = """
const [url, done] = arguments;
const source = new EventSource(url);
source.addEventListener("note", ({data}) => {
  done(["note", source.readyState, JSON.parse(data).text]);
  source.close();
});
source.onerror = () => done(["error", source.readyState]);
"""
_CONNECTING, _OPEN, _CLOSED = range(3)


@pytest.fixture(params=["fast", "portable"])
def live(request: pytest.FixtureRequest, start_live: StartLive) -> Live:
    # With every line that there is: no token may be in one.
    return start_live(request.param, STREAMER_AUTH_SECRET=SECRET, STREAMER_LOG_LEVEL="debug")


@pytest.fixture
def token() -> str:
    return Issuer(SECRET).issue(ANN, 600)


def test_a_websocket_reads_why_it_is_closed(browser: Chrome, live: Live, token: str) -> None:
    browser.get(f"{live.url}/")

    def socket(path: str, query: str = "", protocols: list[str] | None = None) -> object:
        url = f"{live.ws_url}/api/v1{path}{query}"
        return browser.execute_async_script(_SOCKET, url, protocols)

    refused = {"code": 1008, "reason": "Unauthorized"}
    forbidden = {"code": 1008, "reason": "Forbidden", "error": "forbidden"}
    for path, kind in (("/projects/{}/stream", "refused"), ("/ws/projects/{}/stream", "error")):
        mine, other = path.format("p1"), path.format("p2")
        opened = {"opened": True, "protocol": ""}
        assert socket(mine, f"?token={token}") == opened
        invalid = {**refused, "type": kind, "error": "invalid_token"}
        assert socket(mine, f"?token={BAD}") == invalid
        assert socket(mine) == {**refused, "type": kind, "error": "unauthorized"}
        assert socket(other, f"?token={token}") == {**forbidden, "type": kind}
        bearer = {"opened": True, "protocol": "bearer"}
        assert socket(mine, protocols=["bearer", token]) == bearer
        ours = {"opened": True, "protocol": "streamer"}
        assert socket(mine, protocols=["streamer", "bearer", token]) == ours
        assert socket(mine, protocols=["bearer", BAD]) == invalid


def test_an_event_source_is_served_and_with_a_bad_token_does_not_come_back(
    browser: Chrome, live: Live, token: str
) -> None:
    browser.get(f"{live.url}/")
    url = f"{live.url}/api/v1/projects/p1/stream"
    published = httpx.post(
        f"{live.url}/api/v1/projects/p1/events",
        json={"type": "note", "text": "hello"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert published.status_code == 201

    def source(query: str) -> object:
        return browser.execute_async_script(_SOURCE, f"{url}{query}")

    assert source(f"?token={token}&from=earliest") == ["note", _OPEN, "hello"]
    assert source(f"?token={BAD}&from=earliest") == ["error", _CLOSED]
    assert source("") == ["error", _CLOSED]
    # It says so of each that fails, as is asked for here.
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert live.program is not None
    written = live.program.out + live.program.err
    assert "GET /api/v1/projects/p1/stream?from=earliest" in written
    assert token not in written
    assert BAD not in written


#: Two topics of one client, of which the second may not be read; what became of both.
_CLIENT: Final = """
const [token, transport, done] = arguments;
import("/client/client.js").then(({ createClient }) => {
  const client = createClient({ getToken: () => token, transport });
  const all = ["projects/p1", "projects/p2"].map((topic) => client.subscribe(topic));
  const told = () => {
    if (!/live|polling/.test(all[0].state) || all[1].state !== "refused") return;
    done([all[0].reason, all[1].reason]);
    client.close();
  };
  for (const one of all) one.on("state", told);
});
"""


@pytest.mark.parametrize("transport", ["sse", "websocket", "poll"])
def test_a_client_is_refused_one_topic_in_words_and_goes_on_with_the_other(
    browser: Chrome, live: Live, token: str, transport: str
) -> None:
    browser.get(f"{live.url}/client/package.json")
    reasons = browser.execute_async_script(_CLIENT, token, transport)
    assert reasons == [None, "you may not read projects/p2"]
