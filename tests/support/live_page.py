"""The page in a browser, as a person uses it and reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import httpx
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.select import Select

from .front_end import js_module
from .waiting import wait_until_blocking

#: Keeps every value that the bar of what is opened ever shows, of a project that of its newest
#: job: a look from outside would miss most.
_RECORD: Final = """
window.shown = [];
const look = () => {
  const bar = document.querySelector("#card > :not([hidden]) [role=progressbar]");
  const row = document.querySelector("#part-rows li");
  const isOver = row?.dataset.status === "completed";
  const inRow = isOver ? 100 : row?.querySelector(".percent").textContent;
  const value = parseInt(bar ? bar.getAttribute("aria-valuenow") : inRow);
  if (Number.isInteger(value)) window.shown.push(value);
};
new MutationObserver(look).observe(document.getElementById("opened"), {
  subtree: true, childList: true, attributeFilter: ["aria-valuenow", "data-status", "hidden"]});
"""

#: Lines of the log that are events, oldest first, as [id, origin].
_EVENTS: Final = """
return [...document.querySelectorAll("#log li")].reverse()
  .filter((line) => ["live", "replayed", "earlier"].includes(line.dataset.origin))
  .map((line) => [line.querySelector("code").textContent, line.dataset.origin]);
"""

#: What is seen of the first element of a selector, in one step: the page may put another in its
#: place at any moment.
_SEEN: Final = """
const element = document.querySelector(arguments[0]);
return element?.checkVisibility() ? element.innerText.trim() : "";
"""

_ROWS: Final = """
return [...document.querySelectorAll("#rows li")].map((row) =>
  arguments[0].map((part) => row.querySelector(`[data-part=${part}]`).textContent).join(" | "));
"""


class LivePage:
    """One page, with a project opened, at one server."""

    def __init__(
        self,
        browser: WebDriver,
        url: str,
        project: str,
        *,
        address: str = "{url}/#projects/{project}",
    ) -> None:
        self.browser: Final = browser
        self._url: Final = url
        self._project: Final = project
        browser.get(address.format(url=url, project=project))
        browser.execute_script(_RECORD)
        self.wait_until_live()

    def open(self, place: str) -> None:
        """Go to what the address names after its ``#``."""
        self.run("location.hash = arguments[0]", place)

    def wait_until_live(self) -> None:
        """Wait until it has caught up with the streams."""
        self.wait_for_state("Live over ")

    def wait_for_state(self, words: str) -> None:
        """Wait until the state of the connection, at the top, begins with `words`."""
        wait_until_blocking(
            lambda: self.text("state").startswith(words),
            f"the state was {self.text('state')!r}, never {words!r}",
        )

    def text(self, element_id: str) -> str:
        """What is written in the element of that id; empty while it is hidden."""
        return str(self.run(_SEEN, f"#{element_id}"))

    def count(self, name: str) -> int:
        """One of the counts: received, gaps, reconnects."""
        return int(self.run("return document.getElementById(arguments[0]).textContent", name))

    def choose(self, name: str, value: str) -> None:
        """Choose one of several, as a transport or a state."""
        self.browser.find_element(
            By.XPATH, f"//label[input[@name='{name}' and @value='{value}']]"
        ).click()

    def use(self, transport: str) -> None:
        """Choose ``auto``, ``sse`` or ``websocket``."""
        self.choose("transport", transport)

    def cut(self) -> None:
        """Press "Cut the connection"."""
        self.browser.find_element(By.ID, "cut").click()

    def fill(self, **fields: str) -> None:
        """Write into fields of the form, by their ids."""
        for name, value in fields.items():
            field = self.browser.find_element(By.ID, name)
            field.clear()
            field.send_keys(value)

    def start(self, source: str = "sample", height: int = 240) -> None:
        """Go to the form, fill it in and press Start."""
        self.open("new")
        self.fill(source=source, project=self._project)
        Select(self.browser.find_element(By.ID, "height")).select_by_value(str(height))
        self.browser.find_element(By.ID, "start").click()

    def press(self, part: str) -> None:
        """Press ``cancel`` or ``retry`` of the job that is opened."""
        button = f"#card [data-part={part}]"
        wait_until_blocking(
            lambda: self.browser.find_element(By.CSS_SELECTOR, button).is_displayed(),
            f"there was no button to {part}",
        )
        self.browser.find_element(By.CSS_SELECTOR, button).click()

    def job(self, part: str) -> str:
        """One part of the job that is opened, of a project of its newest; empty if none."""
        is_one = self.run("return document.querySelector('#card > :not([hidden])') !== null")
        if is_one and part == "name":
            return self.text("opened-title")
        where = "#card" if is_one else "#part-rows"
        text = str(self.run(_SEEN, f"{where} [data-part={part}]"))
        return text.lower().partition(" · ")[0] if part == "status" else text

    def wait_for_job(self, status: str) -> None:
        """Wait until the status of the job that is opened is that word."""
        wait_until_blocking(
            lambda: self.job("status") == status,
            f"the job was {self.job('status')!r}, never {status!r}",
        )

    def wait_for_progress(self, percent: int) -> None:
        """Wait until the bar shows at least `percent`."""
        wait_until_blocking(
            lambda: any(value >= percent for value in self.shown()),
            f"the bar never showed {percent} %",
        )

    def shown(self) -> list[int]:
        """Every value that the bar of what is opened has shown, in percent."""
        return list(self.run("return window.shown"))

    def rows(self, *parts: str) -> list[str]:
        """What each row of the list says, the first first: these parts of it."""
        return list(self.run(_ROWS, parts or ("name",)))

    def wait_for_rows(self, expected: list[str], *parts: str) -> None:
        """Wait until the list has just these rows."""
        wait_until_blocking(
            lambda: self.rows(*parts) == expected,
            f"the rows were {self.rows(*parts)}, never {expected}",
        )

    def events(self, *origins: str) -> list[tuple[str, str]]:
        """The events of the log, oldest first: their ids and where each came from."""
        wanted = origins or ("live", "replayed")
        found = self.run(_EVENTS)
        return [(event_id, origin) for event_id, origin in found if origin in wanted]

    def published(self) -> list[str]:
        """The ids that the server has of what is opened, in order, by another way: the poll."""
        place = str(self.run("return location.hash.slice(1).split(':')[0]"))
        answer = httpx.get(f"{self._url}/api/v1/{place}/events", params={"limit": 1000})
        return [event["id"] for event in answer.raise_for_status().json()["events"]]

    def wait_for_all(self) -> None:
        """Wait until every event that the server has is in the log, each once, in order."""
        seen = ("live", "replayed", "earlier")
        wait_until_blocking(
            lambda: [event_id for event_id, _ in self.events(*seen)] == self.published(),
            f"the log had {self.events(*seen)}, not {self.published()}",
        )

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window so many CSS pixels."""
        assert isinstance(self.browser, Chrome)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def violations(self) -> list[str]:
        """What axe-core finds wrong, in a world of its own: the page's policy refuses it."""
        assert isinstance(self.browser, Chrome)
        source = Path(js_module("axe-core/axe.min.js")).read_text()
        self.browser.execute_cdp_cmd("Runtime.evaluate", {"expression": source})
        call = "axe.run().then(({violations}) => JSON.stringify(violations))"
        answer = self.browser.execute_cdp_cmd(
            "Runtime.evaluate", {"expression": call, "awaitPromise": True, "returnByValue": True}
        )
        found = json.loads(answer["result"]["value"])
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found
        ]

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the script returns
        """Run JavaScript in the page; return what it returns."""
        return self.browser.execute_script(script, *arguments)
