"""Files that a job made, in a real browser: whatever they hold, none of it runs."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome

from support.live import Live, StartLive
from support.waiting import wait_until_blocking

#: Marks the page that it runs in, and all that it can reach from there.
_SCRIPT: Final = """
document.cookie = "ran=1; path=/";
document.title = "ran";
try { parent.document.title = "ran"; parent.ran = 1; } catch {}
try { top.document.title = "ran"; } catch {}
"""
_HTML: Final = f"<!doctype html><title>still</title><script>{_SCRIPT}</script>"
_SVG: Final = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{_SCRIPT}</script></svg>'
#: Outputs by their names: what they hold is what an attacker's source made of them.
_FILES: Final = {
    "a.html": _HTML,
    "a.htm": _HTML,
    "a.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><script>{_SCRIPT}</script></html>',
    "a.svg": _SVG,
    "a.xml": _SVG,
    "a.js": _SCRIPT,
    "a": _HTML,
    # Shown, as what they are called.
    "b.png": _HTML,
    "b.mp4": _HTML,
    "b.webp": _SVG,
}
#: Loads one address in a way, beside the page, and says when the browser is done with it.
_LOAD: Final = """
const [tag, attribute, url, done] = arguments;
const element = document.createElement(tag);
element.onload = () => done("loaded");
element.onerror = () => done("failed");
element[attribute] = url;
document.documentElement.append(element);
setTimeout(() => done("nothing"), 1000);
"""
_WAYS: Final = {"iframe": "src", "img": "src", "object": "data", "embed": "src", "script": "src"}


@pytest.fixture
def results(start_live: StartLive, tmp_path: Path) -> Live:
    """A server whose jobs have made those files."""
    for name, content in _FILES.items():
        (tmp_path / name).write_text(content)
    return start_live(STREAMER_OUTPUT_DIR=str(tmp_path))


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[str]:
    """The same files from a server that says of each what its name says."""
    for name, content in _FILES.items():
        (tmp_path / name).write_text(content)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


#: A document of no origin has no cookies, and says so by throwing.
_MARKS: Final = """
let cookie = "";
try { cookie = document.cookie; } catch {}
return document.title === "ran" || window.ran === 1 || cookie.includes("ran");
"""


def has_run(browser: Chrome) -> bool:
    ran: bool = browser.execute_script(_MARKS)
    return ran


@pytest.mark.parametrize("name", _FILES)
def test_no_result_runs_a_script_when_it_is_opened(
    browser: Chrome, results: Live, name: str
) -> None:
    """By its address, where it is shown or downloaded."""
    home = f"{results.url}/healthz"
    browser.get(home)
    browser.get(f"{results.url}/files/{name}")
    assert not has_run(browser)
    browser.get(home)
    assert browser.get_cookies() == []


@pytest.mark.parametrize("tag", _WAYS)
def test_no_result_runs_a_script_within_a_page_of_the_same_origin(
    browser: Chrome, results: Live, tag: str
) -> None:
    """In a frame, as an image, as an object, not even as the script that it is."""
    browser.get(f"{results.url}/healthz")
    for name in _FILES:
        browser.execute_async_script(_LOAD, tag, _WAYS[tag], f"/files/{name}")
        assert not has_run(browser), name
    assert browser.get_cookies() == []
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # what it refused, and says so


def test_a_video_that_is_opened_plays(
    browser: Chrome, start_live: StartLive, tmp_path: Path, clip: Path
) -> None:
    """The browser makes a page for it, which may load what it is a page of."""
    shutil.copy(clip, tmp_path / "c.mp4")
    live = start_live(STREAMER_OUTPUT_DIR=str(tmp_path))
    browser.get(f"{live.url}/files/c.mp4")
    ready = "return document.querySelector('video').readyState > 0"
    wait_until_blocking(lambda: bool(browser.execute_script(ready)), "the video was not loaded")


def test_these_scripts_do_run_where_nobody_minds(browser: Chrome, careless: str) -> None:
    """Else the other tests would see nothing, whatever happened."""
    browser.get(f"{careless}/a.html")
    assert has_run(browser)
    for tag, name in {"iframe": "a.svg", "object": "a.html", "script": "a.js"}.items():
        browser.get(f"{careless}/none")
        browser.delete_all_cookies()
        assert not has_run(browser)
        browser.execute_async_script(_LOAD, tag, _WAYS[tag], f"/{name}")
        wait_until_blocking(functools.partial(has_run, browser), f"{name} did not run")
    browser.delete_all_cookies()
    browser.get_log("browser")  # type: ignore[no-untyped-call]
