"""Runs a browser's own clients in a page, and reads what they hand on."""

from __future__ import annotations

from typing import Final

from selenium.webdriver.remote.webdriver import WebDriver

from .client_runner import ADAPTERS, Followed

#: Around an adapter, which has said what `follow` is: as run.mjs does it in Node.
_RUN: Final = """
window.printed ??= [];
const [key, url, once] = arguments;
const follow = globalThis.follow;
(async () => {
  let last = "";
  const emit = (cursor, data) => {
    window.printed.push({ key, data });
    last = cursor || last;
  };
  do {
    try {
      await follow(url, last, emit);
      window.printed.push({ key, does: "ends", error: "" });
    } catch (error) {
      window.printed.push({ key, does: "raises", error: String(error) });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  } while (!once);
})();
"""


class PageRunner:
    """One page for all clients of a browser."""

    def __init__(self, driver: WebDriver) -> None:
        self._driver: Final = driver
        self._followed: Final[list[Followed]] = []

    def open(self, url: str) -> None:
        """Open a page of the origin of `url`; what is there is as good as any."""
        self._driver.get(f"{url}/healthz")

    def follow(self, adapter: str, url: str, *, once: bool = False, label: str = "") -> Followed:
        """Do as `ClientRunner.follow`."""
        followed = Followed(label or adapter, self.read)
        script = (ADAPTERS / adapter).read_text() + _RUN
        self._driver.execute_script(script, len(self._followed), url, once)
        self._followed.append(followed)
        return followed

    def read(self) -> None:
        """Take what the clients have handed on until now."""
        for line in self._driver.execute_script("return window.printed.splice(0)"):
            followed = self._followed[line["key"]]
            if "does" in line:
                followed.does.append((line["does"], line["error"]))
            else:
                followed.data.append(line["data"])
