"""The app of docs/guides/react.md, built from its files and the packed client, in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from selenium.webdriver import Chrome

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.client_package import node
from support.documents import EXAMPLE, blocks, file_in
from support.file_server import file_server
from support.front_end import js_module
from support.live import Live, StartLive
from support.waiting import wait_until_blocking

GUIDE: Final = "docs/guides/react.md"
FILES: Final = ("index.html", "src/main.jsx", "src/client.js", "src/App.jsx")
SECRET: Final = "0123456789abcdef" * 2


@pytest.fixture
def app(client_project: Path, tmp_path: Path) -> Path:
    """A directory with the files of the guide, and the client installed."""
    (tmp_path / "src").mkdir()
    for name in FILES:
        (tmp_path / name).write_text(file_in(GUIDE, name))
    manifest = json.loads(file_in(GUIDE, "package.json"))
    assert set(manifest["dependencies"]) == {"@streamer-sse/client", "react", "react-dom"}
    # What comes from the registry is what the tools of this repository have.
    (tmp_path / "package.json").write_text(json.dumps({**manifest, "dependencies": {}}))
    shutil.copytree(client_project / "node_modules", tmp_path / "node_modules")
    return tmp_path


def build(app: Path, live: Live, react: int) -> Path:
    """Build it with its own bundler; where it was written to."""
    client = app / "src" / "client.js"
    client.write_text(client.read_text().replace(EXAMPLE, f"127.0.0.1:{live.port}"))
    suffix = "" if react == 19 else str(react)
    alias = {name: str(js_module(name + suffix)) for name in ("react", "react-dom")}
    config = json.dumps({"resolve": {"alias": alias}, "logLevel": "warn"})
    (app / "vite.config.js").write_text(f"export default {config};")
    # As `npm run build` does, with the Vite of this repository's tools.
    assert json.loads((app / "package.json").read_text())["scripts"]["build"] == "vite build"
    node(js_module("vite/bin/vite.js"), "build", cwd=app)
    return app / "dist"


def publish(live: Live, *topics: str, **event: object) -> None:
    token = Issuer(SECRET).issue(Grants("w", subscribe=Patterns([]), publish=Patterns(["**"])), 60)
    headers = {"Authorization": f"Bearer {token}"}
    body = {"topics": topics, **event}
    httpx.post(f"{live.url}/api/v1/events", json=body, headers=headers).raise_for_status()


#: What each bar says, and the lines of both lists that are no bars.
_SHOWN: Final = """
const texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
return {
  bars: [...document.querySelectorAll("[role=progressbar]")]
    .map((bar) => [bar.ariaLabel, bar.ariaValueNow]),
  state: texts("#root > p")[0],
  events: texts("ol > li"),
};
"""


def wait_for(browser: Chrome, **expected: object) -> None:
    """Wait until the page shows that."""

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = browser.execute_script(_SHOWN)
        return {name: found[name] for name in expected}

    try:
        wait_until_blocking(lambda: shown() == expected, "the page never showed it")
    except AssertionError as error:
        error.add_note(f"{expected} was expected, and shown was {shown()}")
        raise


@pytest.mark.parametrize("react", [19, 18])
def test_the_app_shows_a_project_its_jobs_and_its_events(
    browser: Chrome, start_live: StartLive, app: Path, react: int
) -> None:
    live = start_live()
    job = {"job_id": "j1", "task_name": "thumbnails"}
    topics = ("jobs/j1", "projects/demo")
    publish(live, *topics, type="progress", progress=0.25, message="page 1", **job)
    with file_server(build(app, live, react)) as url:
        browser.get(url)
        wait_for(
            browser,
            bars=[["All of it", "25"], ["thumbnails", "25"]],
            state="running",
            events=["progress page 1"],
        )
        publish(live, *topics, type="completed", result=4, **job)
        wait_for(
            browser,
            bars=[["All of it", "100"], ["thumbnails", "100"]],
            state="completed",
            events=["progress page 1", "completed "],
        )
        count = httpx.get(f"{live.url}/api/v1/ws/projects/demo/connections").json()[
            "active_connections"
        ]
    assert count == 1, "its components have one connection"


def test_with_a_token_it_is_let_in(browser: Chrome, start_live: StartLive, app: Path) -> None:
    """Each visitor's token is their application's to give."""
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    (client,) = blocks(GUIDE, "js token")
    (app / "src" / "client.js").write_text(client)
    publish(live, "projects/demo", type="progress", progress=0.25, message="page 1")
    out = build(app, live, 19)
    grants = Grants("7", subscribe=Patterns(["projects/demo", "jobs/**"]), publish=Patterns([]))
    (out / "token").write_text(Issuer(SECRET).issue(grants, 60))
    with file_server(out) as url:
        browser.get(url)
        wait_for(browser, bars=[["All of it", "25"]], events=["progress page 1"])


def test_values_of_ones_own_are_counted(browser: Chrome, start_live: StartLive, app: Path) -> None:
    live = start_live()
    (counts,) = [text for text in blocks(GUIDE, "jsx") if "function Counts" in text]
    (app / "src" / "App.jsx").write_text(
        f'{counts}\nexport const App = () => <Counts topic="projects/demo" />;\n'
    )
    for _ in range(2):
        publish(live, "projects/demo", type="progress", progress=0.25)
    publish(live, "projects/demo", type="note")
    with file_server(build(app, live, 19)) as url:
        browser.get(url)
        wait_for(browser, state="progress: 2, note: 1")
