"""Those of examples/ that Streamer is mounted in, as their READMEs start them, in a browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from support.examples import EXAMPLES, copied
from support.mounting import Mounted
from support.servers import Server
from support.waiting import LONG_DEADLINE, wait_until_blocking

PACKAGES: Final = Path(__file__).parents[2] / "tools" / "js" / "node_modules"
#: What htmx's page is given, as its README has it copied from npm's packages.
HTMX: Final = ("htmx.org/dist/htmx.min.js", "htmx-ext-sse/sse.js")
MOUNTED: Final = ("django", "fastapi-htmx", "litestar-plugin")


def set_up(name: str, directory: Path) -> str:
    """Copy an example, do what comes before it is served, and return what is served."""
    readme = copied(name, directory)
    if "npm pack" in readme:
        (directory / "static").mkdir()
        for file in HTMX:
            shutil.copy(PACKAGES / file, directory / "static")
    if "manage.py migrate" in readme:
        subprocess.run(
            [sys.executable, "manage.py", "migrate"],
            env={**os.environ, "STREAMER_REDIS_URL": "redis://127.0.0.1:1"},  # nobody asks it
            cwd=directory,
            check=True,
            capture_output=True,
            timeout=LONG_DEADLINE,
        )
    served = re.search(r"^streamer serve (\S+)$", readme, re.MULTILINE)
    assert served, readme
    return served[1]


def shown(browser: Chrome) -> object:
    """The items of its list, read at once: htmx makes them anew."""
    return browser.execute_script(
        "return [...document.querySelectorAll('li')].map((item) => item.textContent)"
    )


@pytest.mark.parametrize("name", MOUNTED)
def test_what_is_paid_in_one_window_is_in_all_of_its_user_and_of_nobody_else(
    name: str, browser: Chrome, tmp_path: Path, redis_server: Server
) -> None:
    app = set_up(name, tmp_path)
    mounted = Mounted(tmp_path, app, "streamer", redis_server.url)
    with mounted.running() as program:
        first = browser.current_window_handle
        browser.get(f"{mounted.url}/live/healthz")
        browser.delete_all_cookies()  # of another port: they are all of one host
        browser.get(f"{mounted.url}/login/ada")
        browser.switch_to.new_window("tab")
        second = browser.current_window_handle
        browser.get(mounted.url)
        for window, count in ((second, 1), (first, 2)):
            browser.switch_to.window(window)
            browser.find_element(By.ID, "pay").click()
            for each in (first, second):
                browser.switch_to.window(each)
                wait_until_blocking(
                    lambda: shown(browser) == ["paid 5"] * count,  # noqa: B023 - called at once
                    f"{name}: not {count} of them",
                )
        browser.switch_to.window(second)
        browser.get(f"{mounted.url}/login/bob")
        browser.find_element(By.ID, "pay").click()
        wait_until_blocking(lambda: shown(browser) == ["paid 5"], "bob sees not his own alone")
        browser.close()
        browser.switch_to.window(first)
        browser.get("about:blank")
        assert program.stop() == 0, str(program)
    assert "Traceback" not in program.err, program.err


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_a_readme_is_of_ten_lines_and_code_imports_nothing_deep(example: Path) -> None:
    lines = (example / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) <= 10
    for file in example.rglob("*.py"):
        assert not re.search(r"(from|import) streamer\.", file.read_text("utf-8")), file


@pytest.mark.parametrize(
    "file",
    [
        *("dramatiq-eventsource/tasks.py", "celery-react/tasks.py", "celery-react/src/main.jsx"),
        *("script-curl/encode.py", "notifications/invite.py"),
    ],
)
def test_the_users_own_code_has_at_most_fifteen_lines(file: str) -> None:
    """Beside its docstring."""
    _, *own = [line for line in (EXAMPLES / file).read_text("utf-8").splitlines() if line]
    assert len(own) <= 15
