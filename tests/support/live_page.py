"""The live page in a browser, as a person uses it and reads it."""

from __future__ import annotations

from typing import Any, Final

import httpx
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.select import Select

from .waiting import wait_until_blocking

#: Keeps every value that the first bar ever shows: a look from outside would miss most.
_RECORD: Final = """
window.shown = [];
const jobs = document.getElementById("jobs");
new MutationObserver(() => {
  const value = jobs.querySelector("[role=progressbar]")?.getAttribute("aria-valuenow");
  if (value !== null && value !== undefined) window.shown.push(Number(value));
}).observe(jobs, {subtree: true, childList: true, attributeFilter: ["aria-valuenow"]});
"""

#: Lines of the log that are events, oldest first, as [id, origin].
_EVENTS: Final = """
return [...document.querySelectorAll("#log li")].reverse()
  .filter((line) => ["live", "replayed"].includes(line.dataset.origin))
  .map((line) => [line.querySelector("code").textContent, line.dataset.origin]);
"""


class LivePage:
    """One page, of one project, at one server."""

    def __init__(
        self, browser: WebDriver, url: str, project: str, *, address: str = "{url}/#{project}"
    ) -> None:
        self._browser: Final = browser
        self._url: Final = url
        self._project: Final = project
        browser.get(address.format(url=url, project=project))
        browser.execute_script(_RECORD)
        self.wait_until_live()

    def wait_until_live(self) -> None:
        """Wait until it has caught up with the stream."""
        self.wait_for_state("Live over ")

    def wait_for_state(self, words: str) -> None:
        """Wait until the state of the connection, at the top, begins with `words`."""
        wait_until_blocking(
            lambda: self.text("state").startswith(words), f"the state never was {words!r}"
        )

    def text(self, element_id: str) -> str:
        """What is written in the element of that id; empty while it is hidden."""
        return self._browser.find_element(By.ID, element_id).text

    def count(self, name: str) -> int:
        """One of the counts: received, duplicates, gaps, reconnects."""
        return int(self.text(name))

    def use(self, transport: str) -> None:
        """Choose ``sse`` or ``websocket``."""
        label = f"//label[input[@value='{transport}']]"
        self._browser.find_element(By.XPATH, label).click()

    def cut(self) -> None:
        """Press "Cut the connection"."""
        self._browser.find_element(By.ID, "cut").click()

    def start(self, source: str = "sample", height: int = 240) -> None:
        """Fill in the form and press Start."""
        field = self._browser.find_element(By.ID, "source")
        field.clear()
        field.send_keys(source)
        Select(self._browser.find_element(By.ID, "height")).select_by_value(str(height))
        self._browser.find_element(By.ID, "start").click()

    def cancel(self) -> None:
        """Press Cancel on the newest job."""
        self._browser.find_element(By.CSS_SELECTOR, "[data-part=cancel]").click()

    def job(self, part: str) -> str:
        """One part of the newest job's card: name, status, message, error; empty if none."""
        found = self._browser.find_elements(By.CSS_SELECTOR, f".job [data-part={part}]")
        return found[0].text if found else ""

    def wait_for_job(self, status: str) -> None:
        """Wait until the newest job's status is that word."""
        wait_until_blocking(
            lambda: self.job("status") == status,
            f"the job was {self.job('status')!r}, never {status!r}",
            deadline=40,
        )

    def wait_for_progress(self, percent: int) -> None:
        """Wait until the bar shows at least `percent`."""
        wait_until_blocking(
            lambda: any(value >= percent for value in self.shown()),
            f"the bar never showed {percent} %",
        )

    def shown(self) -> list[int]:
        """Every value that the newest job's bar has shown, in percent."""
        return list(self.run("return window.shown"))

    def events(self) -> list[tuple[str, str]]:
        """The events of the log, oldest first: their ids and whether live or replayed."""
        return [(event_id, origin) for event_id, origin in self.run(_EVENTS)]

    def published(self) -> list[str]:
        """The ids that the server has of this project, in order, by another way: the poll."""
        answer = httpx.get(
            f"{self._url}/api/v1/projects/{self._project}/events", params={"limit": 1000}
        )
        return [event["id"] for event in answer.raise_for_status().json()["events"]]

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script returns
        """Run JavaScript in the page; return what it returns."""
        return self._browser.execute_script(script)
