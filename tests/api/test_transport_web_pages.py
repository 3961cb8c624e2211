"""Other web pages: they change nothing here, and read nothing under a name of their own."""

from __future__ import annotations

from itertools import product
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from support.live import Live, StartLive
from support.readers import sse, websocket

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])
EVIL = "https://evil.example"
GOOD = "https://good.example"
LOCAL = "http://localhost:3000"


def stream_of(project: str) -> str:
    return f"/api/v1/projects/{project}/stream"


def problem(answer: httpx.Response, status: int, *said: str) -> dict[str, Any]:
    """The problem that the answer is, which says all of this."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    for part in said:
        assert part in told["detail"]
    return told


CHANGES = ["/api/v1/projects/{p}/events", "/api/v1/events", "/api/v1/projects/{p}/jobs"]
CHANGES += ["/api/v1/projects/{p}/generate", "/api/v1/jobs/{p}/cancel", "/nowhere"]
FOREIGN: list[dict[str, str]] = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "http://localhost:3000@evil.example"},
    {"Origin": "http://localhost.evil.example:3000"},
    {"Origin": "\xff"},
    {"Origin": EVIL, "Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("sent", FOREIGN, ids=[str(sent) for sent in FOREIGN])
def test_a_foreign_page_changes_nothing(live: Live, project: str, sent: dict[str, str]) -> None:
    """Whatever it sends and wherever, and whether or not its browser would ask first."""
    headers = {name.encode(): value.encode("latin-1") for name, value in sent.items()}
    body = b'{"type":"note","topic":"projects/%b","kind":"transcode"}' % project.encode()
    with httpx.Client(base_url=live.url) as client:
        for path, content_type in product(CHANGES, (b"text/plain", b"application/json", b"")):
            said = {**headers, b"Content-Type": content_type}
            answer = client.post(path.format(p=project), content=body, headers=said)
            problem(answer, 403, "STREAMER_ALLOWED_ORIGINS", "not allowed")
            assert "access-control-allow-origin" not in answer.headers
        assert client.get(f"/api/v1/projects/{project}/events").json()["events"] == []


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "OWN"},
        {"Origin": "OWN", "Sec-Fetch-Site": "same-origin"},
        {"Origin": LOCAL, "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:5173", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://[::1]:5173", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://app.localhost"},
    ],
    ids=str,
)
def test_who_is_no_foreign_page_publishes(live: Live, project: str, sent: dict[str, str]) -> None:
    """curl, our own page, and a front end on another port of this machine."""
    url = f"{live.url}/api/v1/projects/{project}/events"
    headers = {name: live.url if value == "OWN" else value for name, value in sent.items()}
    answer = httpx.post(url, content=b'{"type":"note"}', headers=headers)
    assert answer.status_code == 201, answer.text


@PATHS
async def test_a_listed_page_may_all_that_our_own_may(
    start_live: StartLive, project: str, path: str
) -> None:
    """With credentials; every answer says that it is for this page alone."""
    live = start_live(path, STREAMER_ALLOWED_ORIGINS=f"{GOOD},https://other.example")
    page = {"Origin": GOOD, "Sec-Fetch-Site": "cross-site"}
    allowed = ["access-control-request-method", "access-control-request-headers"]
    preflight = page | dict.fromkeys(allowed, "POST")
    async with httpx.AsyncClient(base_url=f"{live.url}/api/v1/projects/{project}/") as client:
        answers = [
            await client.post("events", json={"type": "note"}, headers=page),
            await client.get("events", headers=page),
            await client.get("events?after=x", headers=page),
            await client.get("nowhere", headers=page),
            await client.options("events", headers=preflight),
            await client.head("stream", headers=page),
        ]
        unlisted = await client.post("events", json={"type": "note"}, headers={"Origin": LOCAL})
        own = await client.post("events", json={"type": "note"}, headers={"Origin": live.url})
    assert (unlisted.status_code, own.status_code) == (403, 201)
    assert [answer.status_code for answer in answers] == [201, 200, 400, 404, 204, 200]
    async with sse(live.url, stream_of(project), page) as stream:
        for headers in (stream.headers, *(answer.headers for answer in answers)):
            assert headers["access-control-allow-origin"] == GOOD
            assert headers["access-control-allow-credentials"] == "true"
            assert "origin" in headers["vary"].lower()


@PATHS
async def test_with_a_star_any_page_may_and_none_with_credentials(
    start_live: StartLive, project: str, path: str
) -> None:
    live = start_live(path, STREAMER_ALLOWED_ORIGINS="*")
    async with httpx.AsyncClient(base_url=live.url) as client:
        for origin in (EVIL, "null", "http://["):
            target = f"/api/v1/projects/{project}/events"
            answer = await client.post(target, json={"type": "note"}, headers={"Origin": origin})
            assert answer.status_code == 201
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
    async with websocket(live.ws_url, stream_of(project), {"Origin": EVIL}) as socket:
        await socket.has("connected", "caught_up")


def test_a_foreign_page_reads_nothing(live: Live, project: str) -> None:
    """Its browser hands it no answer that does not name it, and asks first for the rest."""
    for path in ("events", "status", "stream"):
        url = f"{live.url}/api/v1/projects/{project}/{path}"
        with httpx.stream("GET", url, headers={"Origin": EVIL}) as answer:
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert "origin" in answer.headers["vary"].split(", ")
            assert answer.headers["x-content-type-options"] == "nosniff"
        asked = {"Origin": EVIL, "Access-Control-Request-Method": "GET"}
        problem(httpx.options(url, headers=asked), 403, EVIL)


@pytest.mark.parametrize("origin", [EVIL, "null", "http://[", "http://x:99999", "a" * 5000])
async def test_a_foreign_page_opens_no_websocket(live: Live, project: str, origin: str) -> None:
    """It is told in a frame which origin is not allowed and which setting allows it, then 1008."""
    async with websocket(live.ws_url, stream_of(project), {"Origin": origin}) as socket:
        assert (await socket.is_closed())[0] == 1008
        (refusal,) = socket.bodies
        assert refusal["code"] == "forbidden"
        assert origin[:100] in refusal["detail"]
        assert "STREAMER_ALLOWED_ORIGINS" in refusal["detail"]


@PATHS
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {}, 405),
        ("POST", {}, 400),
        ("POST", {"Origin": EVIL}, 403),
        ("POST", {"X-Long": "x" * 40_000}, 431),
    ],
    ids=["app", "handler", "guard", "server"],
)
def test_a_problem_that_a_browser_shows_loads_nothing(
    start_live: StartLive, path: str, method: str, headers: dict[str, str], status: int
) -> None:
    """Wherever it is answered, for its detail may repeat what somebody sent."""
    if (path, status) == ("portable", 431):
        pytest.skip("uvicorn's own answer")
    url = f"{start_live(path).url}/api/v1/events"
    answer = httpx.request(method, url, headers=headers, content="<script>")
    problem(answer, status)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


OURS = [
    "localhost",
    "LOCALHOST.",
    "app.localhost:1",
    "127.0.0.1",
    "127.9.9.9:80",
    "[::1]:8000",
    "x",
]
NOT_OURS = ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io"]
NOT_OURS += ["10.0.0.1", "[2001:db8::1]:80", "evil-localhost.example"]
MALFORMED = ["", "x:99999", "x:y", "a b", "a/b", "[", "[::1", "[:::]", "u@localhost", "\xe9", "."]
MALFORMED += ["localhost, evil.example", "x" * 300, "%00", "localhost#"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 200) for host in OURS),
        *((host, 421) for host in NOT_OURS),
        *((host, 400) for host in MALFORMED),
    ],
)
def test_only_a_host_of_ours_is_answered(live_server: Live, host: str, status: int) -> None:
    """Under a name that an attacker's DNS gives to our address nothing is read or changed."""
    said = {200: "nothing is at /nowhere", 400: "localhost:8000", 421: "STREAMER_ALLOWED_HOSTS"}
    headers = {b"Host": host.encode("latin-1")}
    with httpx.Client(base_url=live_server.url, headers=headers) as client:
        for path in ("/", "/healthz", "/api/v1/projects/p/events"):
            assert client.get(path).status_code == status
        problem(client.get("/nowhere"), 404 if status == 200 else status, said[status])
        answer = client.post("/api/v1/events", json={})
        assert answer.status_code == (400 if status == 200 else status)


async def test_a_websocket_under_a_foreign_name_is_refused_with_why(
    live_server: Live, project: str
) -> None:
    url = f"ws://evil.example{stream_of(project)}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, host="127.0.0.1", port=live_server.port, proxy=None)
    assert refused.value.response.status_code == 421
    assert b"STREAMER_ALLOWED_HOSTS" in refused.value.response.body


@PATHS
def test_a_listed_host_is_ours_too(start_live: StartLive, path: str) -> None:
    """A name, all names below one, and still those of the loopback."""
    live = start_live(path, STREAMER_ALLOWED_HOSTS="live.example,*.internal.example")
    for host, status in [
        *(("live.example", 200), ("LIVE.example.:443", 200), ("a.b.internal.example", 200)),
        *(("localhost", 200), ("a.live.example", 421), ("internal.example", 421)),
    ]:
        assert httpx.get(f"{live.url}/healthz", headers={"Host": host}).status_code == status


def test_beyond_the_loopback_any_host_is_taken_until_the_names_are_set(
    start_live: StartLive,
) -> None:
    """And one line at the start says so."""
    live = start_live(STREAMER_HOST="0.0.0.0", STREAMER_AUTH="none")
    assert httpx.get(f"{live.url}/healthz", headers={"Host": "a.example"}).status_code == 200
    assert live.program is not None
    assert live.program.err.count("STREAMER_ALLOWED_HOSTS") == 1
    live.stop()
    live = start_live(
        STREAMER_HOST="0.0.0.0", STREAMER_AUTH="none", STREAMER_ALLOWED_HOSTS="a.example"
    )
    for host, status in [("a.example", 200), ("10.1.2.3", 200), ("b.example", 421)]:
        assert httpx.get(f"{live.url}/healthz", headers={"Host": host}).status_code == status


async def test_an_app_within_another_is_served_under_any_name() -> None:
    """Its settings name no host, and where it listens is not known to it."""
    app: Any = create_app(Settings(), MemoryEventLog())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        assert (await client.get("/healthz")).status_code == 200
        own = await client.post("/nowhere", headers={"Origin": "http://shop.example"})
        foreign = await client.post("/nowhere", headers={"Origin": EVIL})
    assert (own.status_code, foreign.status_code) == (404, 403)
