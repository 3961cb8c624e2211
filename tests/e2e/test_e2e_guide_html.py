"""The pages of docs/guides/plain-html.md, saved and opened as a reader would, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from support.documents import EXAMPLE, blocks, document, file_in
from support.file_server import file_server
from support.live import Live, StartLive
from support.waiting import wait_until_blocking

GUIDE: Final = "docs/guides/plain-html.md"

#: Saves a page of the guide for a server, serves it, and opens it.
Open = Callable[[str, Live], None]


@pytest.fixture
def open_page(browser: Chrome, tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_page(name: str, live: Live) -> None:
            save(tmp_path, name, live)
            browser.get(stack.enter_context(file_server(tmp_path)) + name)

        yield open_page


def save(directory: Path, name: str, live: Live) -> Path:
    file = directory / name
    file.write_text(file_in(GUIDE, name).replace(EXAMPLE, f"localhost:{live.port}"))
    return file


def publish(live: Live, topic: str, **event: object) -> None:
    httpx.post(f"{live.url}/api/v1/events", json={"topic": topic, **event}).raise_for_status()


def shows(browser: Chrome, script: str, expected: object) -> None:
    """Wait until that is what the page shows."""

    def shown() -> object:
        found: object = browser.execute_script(f"return {script}")
        return found

    try:
        wait_until_blocking(lambda: shown() == expected, f"it never showed {expected}")
    except AssertionError as error:
        error.add_note(f"but {shown()}; {browser.get_log('browser')}")  # type: ignore[no-untyped-call]
        raise


_BAR: Final = """(() => {
  const [bar] = document.getElementsByTagName("streamer-progress");
  const track = bar.shadowRoot?.querySelector("[role=progressbar]");
  return [track?.ariaLabel, track?.ariaValueNow];
})()"""
_BY_HAND: Final = (
    "[document.querySelector('progress').getAttribute('value'), "
    "document.querySelector('output').textContent]"
)
_LINES: Final = "[...document.querySelectorAll('li')].map((line) => line.textContent)"
_STATE: Final = "document.getElementById('state').textContent"


def test_the_bar_shows_what_was_published_before_and_after(
    browser: Chrome, start_live: StartLive, open_page: Open
) -> None:
    live = start_live()
    publish(live, "projects/demo", type="progress", task_name="encode", progress=0.42)
    open_page("bar.html", live)
    shows(browser, _BAR, ["Encoding", "42"])
    publish(live, "projects/demo", type="progress", task_name="encode", progress=0.9)
    shows(browser, _BAR, ["Encoding", "90"])


def test_the_page_by_hand_shows_each_state_and_survives_a_restart(
    browser: Chrome, start_live: StartLive, open_page: Open
) -> None:
    live, topic = start_live(STREAMER_RETRY_MS="100"), "projects/demo"
    open_page("eventsource.html", live)
    shows(browser, _BY_HAND, [None, "Nothing yet"])
    publish(live, topic, type="progress", task_name="a", progress=0.25, message="frame 25")
    shows(browser, _BY_HAND, ["0.25", "frame 25"])
    live.kill()
    shows(browser, _BY_HAND, ["0.25", "The connection is lost"])
    live.start()
    shows(browser, _BY_HAND, ["0.25", "frame 25"])
    publish(live, topic, type="error", task_name="a", error="no space")
    shows(browser, _BY_HAND, [None, "no space"])
    publish(live, topic, type="completed", task_name="a", result=1)
    shows(browser, _BY_HAND, ["1", "Done"])


def test_the_page_by_hand_tells_the_state_anew_after_a_gap(
    browser: Chrome, start_live: StartLive, open_page: Open
) -> None:
    """The server is away, and what came meanwhile is more than it keeps."""
    settings = {"STREAMER_RETENTION_LENGTH": "2", "STREAMER_TAIL_EVENTS": "0"}
    live, other = (start_live(STREAMER_RETRY_MS="100", **settings) for _ in range(2))
    other.stop()
    other.environ["STREAMER_PREFIX"] = live.environ["STREAMER_PREFIX"]
    other.start()
    publish(live, "projects/demo", type="progress", task_name="a", progress=0.1)
    open_page("eventsource.html", live)
    shows(browser, _BY_HAND, ["0.1", "running"])
    live.kill()
    publish(other, "projects/demo", type="progress", task_name="a", progress=0.7)
    for _ in range(5):
        publish(other, "projects/demo", type="note")
    live.start()
    shows(browser, _BY_HAND, ["0.7", "running"])


def test_the_chat_sends_and_shows_lines_and_nothing_in_them_is_run(
    browser: Chrome, start_live: StartLive, open_page: Open
) -> None:
    live = start_live()
    publish(live, "chats/42", type="said", text="<img src=x onerror=alert(1)>")
    open_page("client.html", live)
    shows(browser, _LINES, ["<img src=x onerror=alert(1)>"])
    shows(browser, _STATE, "live")
    browser.find_element(By.ID, "text").send_keys("hello\n")
    shows(browser, _LINES, ["<img src=x onerror=alert(1)>", "hello"])


#: What each page shows of the same two events.
_PAGES: Final[dict[str, tuple[str, object]]] = {
    "bar.html": (_BAR, ["Encoding", "42"]),
    "eventsource.html": (_BY_HAND, ["0.42", "running"]),
    "client.html": (_LINES, ["hello"]),
}


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_is_opened_as_a_file_where_the_guide_s_setting_lets_it(
    browser: Chrome, start_live: StartLive, tmp_path: Path, page: str
) -> None:
    (origin,) = re.findall(
        r"opened by a double click \| `STREAMER_ALLOWED_ORIGINS=(\w+)`", document(GUIDE)
    )
    live = start_live(STREAMER_ALLOWED_ORIGINS=origin)
    publish(live, "projects/demo", type="progress", task_name="encode", progress=0.42)
    publish(live, "chats/42", type="said", text="hello")
    browser.get(save(tmp_path, page, live).as_uri())
    shows(browser, *_PAGES[page])
    if page == "client.html":
        browser.find_element(By.ID, "text").send_keys("too\n")
        shows(browser, _LINES, ["hello", "too"])


def test_they_work_under_the_policy_that_the_guide_names_and_nothing_is_refused(
    browser: Chrome, start_live: StartLive, tmp_path: Path
) -> None:
    (policy,) = blocks(GUIDE, "http")
    live = start_live()
    name, _, value = policy.strip().replace(EXAMPLE, f"localhost:{live.port}").partition(": ")
    browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": """
              window.refused = [];
              const type = "securitypolicyviolation";
              addEventListener(type, ({ effectiveDirective: of, blockedURI: at }) =>
                at.endsWith("favicon.ico") || refused.push([of, at]));
            """
        },
    )
    publish(live, "projects/demo", type="progress", task_name="encode", progress=0.42)
    publish(live, "chats/42", type="said", text="hello")
    for page, shown in _PAGES.items():
        file = save(tmp_path, page, live)
        # A policy that is worth something lets no script be written into the page.
        text = file.read_text()
        for module in re.findall(r'<script type="module">\n(.*?)</script>', text, re.DOTALL):
            (tmp_path / f"{page}.js").write_text(module)
            text = text.replace(
                f'<script type="module">\n{module}', f'<script type="module" src="{page}.js">'
            )
        file.write_text(text)
        with file_server(tmp_path, {name: value}) as url:
            browser.get(url + page)
            shows(browser, *shown)
            assert browser.execute_script("return window.refused") == []
    browser.get_log("browser")  # type: ignore[no-untyped-call]
