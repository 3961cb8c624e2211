"""A real browser without a window: Chromium, driven over WebDriver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from .requirements import needs

#: CSS pixels.
DESKTOP = (1280, 900)


@contextmanager
def open_browser(
    profile: Path, *, size: tuple[int, int] = DESKTOP, dark: bool = False
) -> Iterator[Chrome]:
    """Run Chromium with an empty profile in `profile`, at `size` CSS pixels."""
    options = ChromeOptions()
    options.binary_location = needs("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # containers run tests as root
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--disable-sync",
        "--hide-scrollbars",
        "--no-first-run",
        f"--user-data-dir={profile}",
        f"--window-size={size[0]},{size[1]}",
    ):
        options.add_argument(argument)
    # What the page writes to its console, an uncaught error above all.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(needs("chromedriver")))
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """A browser with one empty tab; a script error on any page of it fails the test."""
    chromium.switch_to.new_window("tab")
    yield chromium
    log: list[dict[str, str]] = chromium.get_log("browser")  # type: ignore[no-untyped-call]
    # Cookies are of a host, whatever the port: the next test has the same.
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    # Without its pages a server of this test can stop at once.
    chromium.close()
    chromium.switch_to.window(chromium.window_handles[0])
    assert [entry["message"] for entry in log if is_script_error(entry)] == []


def is_script_error(entry: dict[str, str]) -> bool:
    """Whether the page's own code went wrong: not a connection lost, which is the test's doing."""
    return entry["level"] == "SEVERE" and entry["source"] != "network"
