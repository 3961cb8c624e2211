"""A page of another site does nothing with what its visitor's browser adds by itself."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Final

import pytest

from streamer.config.settings import Settings
from support.asking import COOKIE, status_of
from support.victims import VictimStage

API: Final = "/api/v1"
COOKIES: Final = {"Cookie": f"other=1; {COOKIE}=7; another=2"}

#: What a browser says of a page that is not ours, or what somebody may make it say.
FOREIGN: Final[dict[str, dict[str, str]]] = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "an older browser": {"Origin": "https://evil.example"},
    "a sandboxed frame": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "a file": {"Origin": "null"},
    "another site by itself": {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"},
    "a name that begins as ours": {"Origin": "http://localhost.evil.example"},
    "a name that ends as ours": {"Origin": "http://evil-localhost"},
    "an address as a name": {"Origin": "http://127.0.0.1.nip.io"},
    "our name as a user": {"Origin": "http://localhost@evil.example"},
    "our name as a port": {"Origin": "http://evil.example:localhost"},
    "our name in a path": {"Origin": "http://evil.example/localhost"},
    "two origins": {"Origin": "http://localhost, https://evil.example"},
    "two origins and a space": {"Origin": "http://localhost https://evil.example"},
    "an empty origin": {"Origin": ""},
    "no URL": {"Origin": "http://["},
    "an extension": {"Origin": "chrome-extension://localhost"},
    "another scheme": {"Origin": "file://localhost"},
    "data": {"Origin": "data:text/html,localhost"},
}
#: Requests that a browser sends for a foreign page without naming it.
UNNAMED: Final[dict[str, dict[str, str]]] = {
    name: {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    for name, mode, dest in (
        ("an image", "no-cors", "image"),
        ("a script", "no-cors", "script"),
        ("a style", "no-cors", "style"),
        ("a video", "no-cors", "video"),
        ("a fetch", "no-cors", "empty"),
        ("an object", "navigate", "object"),
        ("a frame", "navigate", "iframe"),
    )
}
#: Content types that need no preflight, and those that do.
TYPES: Final = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json",
    "",
)
READS: Final = {
    "EventSource": (f"{API}/projects/x1/stream?from=earliest", "GET"),
    "several topics": (f"{API}/stream?topic=users/7&topic=admin&from=earliest", "GET"),
    "WebSocket": (f"{API}/projects/x1/stream?from=earliest", "WEBSOCKET"),
    "older WebSocket": (f"{API}/ws/projects/x1/stream?from=earliest", "WEBSOCKET"),
    "WebSocket of several": (f"{API}/stream?topic=users/7&from=earliest", "WEBSOCKET"),
    "poll": (f"{API}/projects/x1/events", "GET"),
    "status": (f"{API}/jobs/v1/status", "GET"),
    "jobs": (f"{API}/jobs", "GET"),
    "counts": (f"{API}/ws/connections", "GET"),
    "result": ("/files/v1.mp4", "GET"),
}
CHANGES: Final = {
    "publish": f"{API}/projects/x1/events",
    "publish to any": f"{API}/events",
    "queue": f"{API}/projects/x1/jobs",
    "cancel": f"{API}/jobs/v1/cancel",
    "trim": "/api/edit/trim",
    "upload": "/api/upload",
}


def refusal_of(answer: str, method: str) -> bool:
    if method == "WEBSOCKET":
        return '"code":"forbidden"' in answer and '"type":"connected"' not in answer
    return status_of(answer) == 403


@pytest.mark.parametrize("page", [*FOREIGN, *UNNAMED])
def test_a_foreign_page_opens_nothing_with_its_visitors_cookie(
    house: VictimStage, page: str
) -> None:
    """Not even to hold it open, or to learn by what fails whether there is something."""
    for target, method in READS.values():
        if method == "WEBSOCKET" and page in UNNAMED:
            continue  # it always says where it is from
        headers = {**COOKIES, **(FOREIGN | UNNAMED)[page]}
        answer = house.ask(target, method=method, headers=headers)
        assert refusal_of(answer, method), answer
        assert "access-control-allow-origin" not in answer
    house.tell()
    assert house.read_by(*house.peers) == []


@pytest.mark.parametrize("page", [*FOREIGN, *UNNAMED])
def test_a_foreign_page_changes_nothing_with_its_visitors_cookie(
    house: VictimStage, page: str
) -> None:
    """Whatever it says that it sends; a form is a POST of such a type."""
    body = b'{"type":"note","topic":"projects/x1","kind":"transcode","source":"sample"}'
    for target, content_type in product(CHANGES.values(), TYPES):
        headers = {**COOKIES, **(FOREIGN | UNNAMED)[page], "Content-Type": content_type}
        assert status_of(house.ask(target, method="POST", body=body, headers=headers)) == 403
    assert house.changed() == []


@pytest.mark.parametrize("page", FOREIGN)
def test_a_preflight_of_a_foreign_page_allows_nothing(house: VictimStage, page: str) -> None:
    targets = (*CHANGES.values(), f"{API}/projects/x1/stream", "/files/v1.mp4")
    for target, method in product(targets, ("GET", "POST")):
        headers = {
            **FOREIGN[page],
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization, idempotency-key",
        }
        answer = house.ask(target, method="OPTIONS", headers=headers)
        assert status_of(answer) == 403
        assert "access-control-allow" not in answer


@pytest.mark.parametrize("page", FOREIGN)
def test_where_any_page_may_ask_none_asks_as_its_visitor(tmp_path: Path, page: str) -> None:
    """``*`` is for what comes with a token that the page itself has."""
    settings = Settings(data_dir=tmp_path, output_dir=tmp_path, allowed_origins=("*",))
    house = VictimStage(tmp_path, settings=settings)
    try:
        for target, method in READS.values():
            answer = house.ask(target, method=method, headers={**COOKIES, **FOREIGN[page]})
            assert refusal_of(answer, method), answer
            assert "access-control-allow-credentials" not in answer
        for target in CHANGES.values():
            answer = house.ask(target, method="POST", headers={**COOKIES, **FOREIGN[page]})
            assert status_of(answer) == 403
        assert house.changed() == []
    finally:
        house.end()


@pytest.mark.parametrize(
    "ours",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        # A link in a mail, and a listed page's own picture: it is of the same site.
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "video"},
    ],
    ids=str,
)
def test_our_own_page_and_a_link_use_the_cookie(house: VictimStage, ours: dict[str, str]) -> None:
    """Else the tests above would show nothing."""
    for target, method in READS.values():
        if method == "WEBSOCKET" and ours.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
            continue  # it is no link, and always says where it is from
        # Of a result that is not there: a file that is would still be open at the end.
        asked = target.replace("v1.mp4", "v2.mp4")
        answer = house.ask(asked, method=method, headers={**COOKIES, **ours})
        assert not refusal_of(answer, method), answer
