"""The JavaScript client where a browser forbids what it would use: storage, locks, channels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx
import pytest
from selenium.webdriver import Chrome

from support.client_page import ClientPage, publish_notes
from support.file_server import file_server
from support.live import StartLive
from support.waiting import wait_until_blocking

_DENIED: Final = "throw new DOMException('The operation is insecure.', 'SecurityError')"
_FULL: Final = "throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')"

_CLOSED: Final = "throw new DOMException('The database is closing.', 'InvalidStateError')"

#: Which storage a page asks for, and what becomes of that.
STORES: Final = {
    "the tab's is denied": (
        "session",
        f"Object.defineProperty(window, 'sessionStorage', {{ get() {{ {_DENIED} }} }})",
    ),
    # Really: as much as there is room for.
    "the tab's is full": (
        "session",
        """
        for (let size = 2 ** 23, n = 0; size >= 1; size /= 2)
          try { for (;;) sessionStorage[n++] = "x".repeat(size) } catch {}
        """,
    ),
    "the device's is denied": ("device", f"IDBFactory.prototype.open = () => {{ {_DENIED} }}"),
    "the device's is absent": ("device", "Object.defineProperty(window, 'indexedDB', {})"),
    "the device's never answers": ("device", "IDBFactory.prototype.open = () => ({})"),
    "the device's is full": ("device", f"IDBObjectStore.prototype.put = () => {{ {_FULL} }}"),
    "the device's was closed by the browser": (
        "device",
        f"IDBDatabase.prototype.transaction = () => {{ {_CLOSED} }}",
    ),
}

#: What a browser may lack, or deny.
POWERS: Final = {
    "no channels": "delete window.BroadcastChannel",
    "no locks": "Object.defineProperty(navigator, 'locks', { value: undefined })",
    "neither": "delete window.BroadcastChannel; "
    "Object.defineProperty(navigator, 'locks', { value: undefined })",
    "locks that are denied": f"LockManager.prototype.request = async () => {{ {_DENIED} }}",
    "no random ids": "delete Crypto.prototype.randomUUID",
}


def before_scripts(browser: Chrome, script: str) -> None:
    """Run that in every page of the tab, before its own scripts."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})


@pytest.mark.parametrize("store", STORES)
def test_without_a_store_it_is_as_without_the_option_where(
    browser: Chrome, start_live: StartLive, project: str, store: str
) -> None:
    """Everything still comes, and no error is left to the page."""
    live, topic = start_live(), f"projects/{project}"
    persist, script = STORES[store]
    before_scripts(browser, script)
    publish_notes(live, topic, range(3))
    options = {"from": "earliest", "persist": persist}
    page = ClientPage(browser, live.url, topic, subscribe=options)
    page.run(
        "window.errors = []; addEventListener('error', (event) => errors.push(event.message));"
        " addEventListener('unhandledrejection', (event) => errors.push(`${event.reason}`))"
    )
    page.wait_for(range(3))
    publish_notes(live, topic, range(3, 6))
    page.wait_for(range(6))
    # It has written by now where it is, or tried to.
    page.run("dispatchEvent(new Event('pagehide')); dispatchEvent(new Event('pageshow'))")
    page.run("subscriptions[0].close()")
    assert page.run("return errors") == []


@pytest.mark.parametrize("power", POWERS)
def test_it_does_without_what_a_browser_has_not(
    browser: Chrome, start_live: StartLive, project: str, power: str
) -> None:
    """Two tabs, each on its own where they cannot speak: both hear, and say, everything."""
    live, topic = start_live(), f"projects/{project}"
    ours = browser.current_window_handle
    before_scripts(browser, POWERS[power])
    first = ClientPage(browser, live.url, topic, components=2)
    first.wait_for_state("live")
    browser.switch_to.new_window("tab")
    before_scripts(browser, POWERS[power])
    second = ClientPage(browser, live.url, topic, components=2)
    second.wait_for_state("live")
    publish_notes(live, topic, range(3))
    second.wait_for(range(3))
    second.run(f"client.publish('{topic}', 'note', {{ n: 3 }})")
    second.wait_for(range(4))
    second.run("client.close()")
    browser.close()
    browser.switch_to.window(ours)
    first.wait_for(range(4))


_FRAME: Final = """<!doctype html><title>Around</title>
<iframe sandbox="allow-scripts" src="inner.html"></iframe>"""
_INNER: Final = """<!doctype html><title>Within</title>
<script type="module">
import {{ createClient }} from "{url}/client/client.js";
import "{url}/client/element.js";
const client = createClient({{ url: "{url}" }});
const heard = {{}};
for (const persist of [false, "session", "device"]) {{
  const one = client.subscribe("{topic}", {{ from: "earliest", persist }});
  one.on("note", (event) => {{
    (heard[persist] ??= []).push(event.n);
    parent.postMessage(heard, "*");
  }});
}}
client.publish("{topic}", "note", {{ n: 1 }});
</script>"""


def test_in_a_sandboxed_frame_without_an_origin_it_works(
    browser: Chrome, start_live: StartLive, tmp_path: Path, project: str
) -> None:
    """No storage, no database, no locks, really: a widget in somebody's page."""
    live, topic = start_live(STREAMER_ALLOWED_ORIGINS="null"), f"projects/{project}"
    publish_notes(live, topic, [0])
    (tmp_path / "index.html").write_text(_FRAME)
    (tmp_path / "inner.html").write_text(_INNER.format(url=live.url, topic=topic))
    before_scripts(browser, "onmessage = ({ data }) => { window.heard = data }")
    with file_server(tmp_path) as url:
        browser.get(url)
        both = [0, 1]
        wait_until_blocking(
            lambda: (
                browser.execute_script("return window.heard")
                == {"false": both, "session": both, "device": both}
            ),
            "it did not hear everything",
        )
        connections = f"{live.url}/api/v1/ws/projects/{project}/connections"
        assert httpx.get(connections).json()["active_connections"] == 1
