from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from litestar.testing import TestClient
from starlette.applications import Starlette
from starlette.routing import Mount

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.mounted.app import StreamerApp

Client = TestClient[StreamerApp]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    directory = tmp_path / "output"
    directory.mkdir()
    (directory / "clip.mp4").write_bytes(bytes(range(100)))
    (tmp_path / "secret.txt").write_text("secret")
    return directory


@pytest.fixture
def client(results: Path) -> Iterator[Client]:
    app = create_app(Settings(output_dir=results), MemoryEventLog())
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_the_page_is_at_the_root(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Streamer</title>" in answer.text


def test_everything_the_page_refers_to_is_there(client: Client) -> None:
    """No file that the page or one of its modules names is missing, and none is elsewhere."""
    page = client.get("/").text
    wanted = [f"/{path}" for path in re.findall(r'(?:href|src)="(web/[^"]+)"', page)]
    assert len(wanted) >= 3
    assert not re.findall(r'(?:href|src|action)="/', page), "a proxy's prefix would be lost"
    seen: set[str] = set()
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org)[\w.-]+\.\w+/", answer.text), path
        folder = path.rpartition("/")[0]
        imported = re.findall(
            r'(?:^import .*?from |\bimport\()"(\.[^"]+)"', answer.text, re.MULTILINE
        )
        wanted += [os.path.normpath(f"{folder}/{name}") for name in imported]
    assert "/web/client/sse.js" in seen


def test_an_app_that_is_mounted_in_another_has_its_page_there() -> None:
    app: Any = create_app(Settings(), MemoryEventLog())
    outer: Any = Starlette(routes=[Mount("/live", app=app)])
    with TestClient(outer) as client:
        assert "<title>Streamer</title>" in client.get("/live/").text
        redirected = client.get("/live", follow_redirects=False)
        assert redirected.headers["location"].endswith("/live/")
        assert client.get("/live/web/app.js").status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/web/app.js", "text/javascript; charset=utf-8"),
        ("/web/style.css", "text/css; charset=utf-8"),
        ("/web/icon.svg", "image/svg+xml"),
        ("/client/client.js", "text/javascript; charset=utf-8"),
        ("/client/package.json", "application/json"),
        ("/files/clip.mp4", "video/mp4"),
    ],
)
def test_every_file_says_what_it_is(client: Client, path: str, content_type: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == content_type
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/web/app.js", "/web/icon.svg", "/files/clip.mp4"])
def test_only_our_own_origin_is_allowed(client: Client, path: str) -> None:
    """No script, style or connection of another origin, and none that stands in the markup."""
    policy = directives(client.get(path).headers["content-security-policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    is_file = path.startswith("/files/")
    # The browser's own page around a picture or a video has a style; no script runs there.
    assert policy.get("sandbox") == (["allow-same-origin"] if is_file else None)
    assert policy.pop("style-src") == (["'unsafe-inline'"] if is_file else ["'self'"])
    if not is_file:
        # A file that was chosen is played from where it lies, and nowhere else.
        policy["media-src"].remove("blob:")
    loaded = {word for name, words in policy.items() if name.endswith("-src") for word in words}
    assert loaded == {"'none'", "'self'"}
    if not is_file:
        assert policy["require-trusted-types-for"] == ["'script'"]
        assert policy["trusted-types"] == ["streamer-push"]


def directives(policy: str) -> dict[str, list[str]]:
    return {part.split()[0]: part.split()[1:] for part in policy.split(";")}


def test_the_client_may_be_imported_by_pages_of_other_origins(client: Client) -> None:
    """It is public; what it then asks for, the server allows or not."""
    headers = client.get("/client/client.js", headers={"Origin": "https://other.example"}).headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:5173"])
def test_a_page_that_may_do_more_is_told_once_that_it_may_import_the_client(
    client: Client, origin: str
) -> None:
    """A browser refuses an answer that says it twice."""
    headers = client.get("/client/client.js", headers={"Origin": origin}).headers
    assert headers.get_list("access-control-allow-origin") == [origin]


@pytest.mark.parametrize("path", ["/", "/web/app.js", "/files/clip.mp4"])
def test_a_page_shares_nothing_with_others_and_has_no_powers(client: Client, path: str) -> None:
    """A browser shows no answer that is both sandboxed and isolated from its opener."""
    headers = client.get(path).headers
    is_page = not path.startswith("/files/")
    assert headers.get("cross-origin-opener-policy") == ("same-origin" if is_page else None)
    assert headers.get("cross-origin-resource-policy") == (None if is_page else "same-site")
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(
        headers["permissions-policy"].split(", ")
    )


@pytest.mark.parametrize("path", ["/", "/web/app.js", "/files/clip.mp4"])
def test_a_browser_that_has_it_is_not_sent_it_again(client: Client, path: str) -> None:
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        *("a.html", "a.HTM", "a.xhtml", "a.svg", "a.xml", "a.js", "a.mjs", "a.pdf", "a.css"),
        *("a.swf", "a.txt", "a.json", "a.mp4.html", "a", "a.", ".html", 'é "a".html'),
    ],
)
def test_nothing_that_a_job_made_runs_here(client: Client, results: Path, name: str) -> None:
    """It is a download, of no type that runs; if it were shown, it would be of no origin."""
    (results / name).write_text("<script>alert(1)</script>")
    answer = client.get(f"/files/{quote(name)}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    disposition = answer.headers["content-disposition"]
    assert disposition == f"attachment; filename*=UTF-8''{quote(name)}"
    policy = answer.headers["content-security-policy"].split("; ")
    assert "sandbox" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "A.MP4", "a.png", "a.mp3"])
def test_what_a_browser_only_shows_is_shown(client: Client, results: Path, name: str) -> None:
    (results / name).write_bytes(b"<html><script>alert(1)</script>")
    answer = client.get(f"/files/{name}")
    assert answer.headers["content-type"].split("/")[0] in {"audio", "image", "video"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = directives(answer.headers["content-security-policy"])
    assert policy["sandbox"] == ["allow-same-origin"]
    assert policy["default-src"] == ["'none'"]
    assert "script-src" not in policy
    assert "content-disposition" not in answer.headers


def test_a_video_can_be_played_from_any_place(client: Client) -> None:
    answer = client.get("/files/clip.mp4", headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.content == bytes(range(10, 20))
    assert answer.headers["content-range"] == "bytes 10-19/100"


def test_head_answers_without_a_body(client: Client) -> None:
    answer = client.head("/files/clip.mp4")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "100"


@pytest.mark.parametrize(
    "path",
    [
        "/files/none.mp4",
        "/files/..%2fsecret.txt",
        "/files/%2e%2e%2fsecret.txt",
        "/files/link.txt",
        "/files/%2fetc%2fpasswd",
        "/files/a%00b",
        "/files/" + "a" * 300,
        "/web/..%2fapp.py",
        "/web/%2e%2e/errors.py",
        "/web/client",
        "/client/../app.js",
        "/client/..%2fapp.js",
        "/client/%2e%2e/%2e%2e/errors.py",
        "/client/none.js",
        "/web/none.js",
    ],
)
def test_nothing_outside_the_directory_is_read(client: Client, results: Path, path: str) -> None:
    """What is not a file of the directory is not found, however its name is written."""
    (results / "link.txt").symlink_to(results.parent / "secret.txt")
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("secret.txt", "")
