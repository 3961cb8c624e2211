"""Those of examples/ that stand beside a `streamer run`, as their READMEs have them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from support.client_package import node
from support.examples import QUEUE, beside
from support.file_server import file_server
from support.front_end import js_module
from support.live import Live
from support.processes import Program
from support.requirements import needs
from support.waiting import wait_until_blocking


def shows(browser: Chrome, script: str, expected: object) -> None:
    """Wait until that is what the page shows."""
    seen: list[Any] = [None]

    def is_shown() -> bool:
        seen[0] = browser.execute_script(f"return {script}")
        return bool(seen[0] == expected)

    try:
        wait_until_blocking(is_shown, f"it never showed {expected}")
    except AssertionError as error:
        error.add_note(f"but {seen[0]}; {browser.get_log('browser')}")  # type: ignore[no-untyped-call]
        raise


def ran(*arguments: str, cwd: Path, environ: Mapping[str, str]) -> str:
    """Run a program of an example to its end; what it printed."""
    with Program([sys.executable, *arguments], cwd=cwd, environ=environ) as program:
        assert program.wait() == 0, str(program)
    return program.out


@pytest.fixture
def live(live_server: Live) -> Live:
    """A server that others use, too: each example has a project of its own there."""
    return live_server


#: What each bar says, and how far it is.
_BARS = """[...document.querySelectorAll('li')]
  .map((item) => [item.firstChild.value, item.lastChild.textContent])"""
_REACT_BARS = """[...document.querySelectorAll('[role=progressbar]')]
  .map((bar) => [bar.ariaLabel, bar.ariaValueNow])"""


def test_dramatiq_jobs_are_watched_by_eventsource(
    browser: Chrome, live: Live, project: str, tmp_path: Path
) -> None:
    queue = f"{live.environ['STREAMER_REDIS_URL']}?db={QUEUE}"
    readme = beside(live, "dramatiq-eventsource", tmp_path, project, queue)
    assert "dramatiq tasks &" in readme
    worker = [sys.executable, "-m", "dramatiq", "tasks", "--processes", "1"]
    with file_server(tmp_path) as url, Program(worker, cwd=tmp_path, environ=live.environ):
        browser.get(f"{url}page.html")
        ran("tasks.py", cwd=tmp_path, environ=live.environ)
        wait_until_blocking(
            lambda: 0 < (browser.execute_script(f"return {_BARS}") or [[0]])[0][0] < 1,
            "its bar does not move",
        )
        shows(browser, _BARS, [[1, "completed"]])
        browser.refresh()  # who comes late sees it, too
        shows(browser, _BARS, [[1, "completed"]])


def test_celery_tasks_are_watched_by_react(
    browser: Chrome, live: Live, project: str, tmp_path: Path, client_project: Path
) -> None:
    redis = live.environ["STREAMER_REDIS_URL"]
    queue = f"{redis.replace('unix://', 'redis+socket://')}?virtual_host={QUEUE}"
    readme = beside(live, "celery-react", tmp_path, project, queue)
    assert "celery -A tasks worker &" in readme
    build(tmp_path, client_project)
    worker = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-l", "INFO", "-P", "solo"]
    with (
        file_server(tmp_path / "dist") as url,
        Program(worker, cwd=tmp_path, environ=live.environ) as running,
    ):
        running.wait_for("ready")
        browser.get(url)
        ran("tasks.py", cwd=tmp_path, environ=live.environ)
        shows(browser, _REACT_BARS, [["tasks.resize", "100"]])


def build(app: Path, client_project: Path) -> None:
    """As `npm install` and `npm run build` do, with what this repository's tools have."""
    manifest = json.loads((app / "package.json").read_text())
    assert set(manifest["dependencies"]) == {"@streamer-sse/client", "react", "react-dom"}
    (app / "package.json").write_text(json.dumps({**manifest, "dependencies": {}}))
    shutil.copytree(client_project / "node_modules", app / "node_modules")
    alias = {name: str(js_module(name)) for name in ("react", "react-dom")}
    config = json.dumps({"resolve": {"alias": alias}, "logLevel": "warn"})
    (app / "vite.config.js").write_text(f"export default {config};")
    node(js_module("vite/bin/vite.js"), "build", cwd=app)


def test_a_script_is_followed_by_curl_to_its_end(live: Live, project: str, tmp_path: Path) -> None:
    readme = beside(live, "script-curl", tmp_path, project)
    command = re.search(r"^curl .*$", readme, re.MULTILINE)
    assert command, readme
    with Program(["bash", "-c", command[0]]) as curl:
        assert needs("curl")
        curl.wait_for("event: caught_up")
        ran("encode.py", cwd=tmp_path, environ=live.environ)
        assert curl.wait() == 0, str(curl)
    assert re.findall(r"^event: (\w+)$", curl.out, re.MULTILINE)[-2:] == ["completed", "end"]
    assert '"result":{"frames":24}' in curl.out


_INBOX = """[document.title, document.querySelector('[role=status]').textContent,
  ...[...document.querySelectorAll('li')].map((item) => [item.className, item.firstChild.data])]"""


def test_notifications_are_there_for_who_was_away_and_read_in_all_windows(
    browser: Chrome, live: Live, project: str, tmp_path: Path
) -> None:
    beside(live, "notifications", tmp_path, project)
    ran("invite.py", "Bob invited you", cwd=tmp_path, environ=live.environ)
    with file_server(tmp_path) as url:
        browser.get(f"{url}page.html")
        unread = ["(1) Notifications", "1 unread", ["unread", "Bob invited you"]]
        shows(browser, _INBOX, unread)
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        browser.get(f"{url}page.html")
        shows(browser, _INBOX, unread)
        browser.find_element(By.TAG_NAME, "button").click()
        read = ["Notifications", "None unread", ["", "Bob invited you"]]
        shows(browser, _INBOX, read)
        browser.close()
        browser.switch_to.window(first)
        shows(browser, _INBOX, read)
        ran("invite.py", "Bob wrote to you", cwd=tmp_path, environ=live.environ)
        shows(browser, _INBOX, [*unread[:2], ["unread", "Bob wrote to you"], read[2]])


_LINES = "[...document.querySelectorAll('li')].map((line) => [line.className, line.textContent])"


def test_two_people_see_that_the_other_is_there_types_and_says_something(
    browser: Chrome, live: Live, project: str, tmp_path: Path
) -> None:
    beside(live, "chat", tmp_path, project)
    with file_server(tmp_path) as url:
        browser.get(f"{url}page.html?Ada")
        ada = browser.current_window_handle
        browser.switch_to.new_window("tab")
        browser.get(f"{url}page.html?Bob")
        bob = browser.current_window_handle
        for window in (bob, ada):
            browser.switch_to.window(window)
            shows(browser, "document.getElementById('there').textContent", "Here: Ada, Bob")
        browser.find_element(By.TAG_NAME, "input").send_keys("<b>hello</b>")
        browser.switch_to.window(bob)
        shows(browser, "document.getElementById('typing').textContent", "Ada is typing…")
        browser.switch_to.window(ada)
        browser.find_element(By.TAG_NAME, "input").send_keys(Keys.ENTER)
        shows(browser, _LINES, [["mine", "Ada<b>hello</b>"]])
        browser.switch_to.window(bob)
        shows(browser, _LINES, [["", "Ada<b>hello</b>"]])
        shows(browser, "document.getElementById('typing').textContent", "")
        browser.refresh()
        shows(browser, _LINES, [["", "Ada<b>hello</b>"]])
        browser.close()
        browser.switch_to.window(ada)
        shows(browser, "document.getElementById('there').textContent", "Here: Ada")
