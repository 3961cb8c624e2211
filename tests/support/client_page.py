"""A page that uses the JavaScript client, in tabs of a real browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from selenium.webdriver.remote.webdriver import WebDriver

from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.publisher import Publisher

from .live import Live
from .waiting import DEADLINE, wait_until_blocking

#: As many components of a page, each with a subscription; `got` has what each of them heard.
_OPEN: Final = """
const [topic, components, options, done] = arguments;
import("/client/client.js").then(({ createClient }) => {
  window.client = createClient(options.client);
  window.got = [];
  window.gaps = 0;
  window.subscriptions = [];
  for (let n = 0; n < components; n += 1) {
    const subscription = client.subscribe(topic, options.subscribe);
    const heard = [];
    subscription.on("note", (event) => heard.push(event.n));
    subscription.on("gap", () => { window.gaps += 1; });
    window.got.push(heard);
    window.subscriptions.push(subscription);
  }
  done(null);
}, (error) => done(String(error)));
"""


#: Runs a script as the page's own.
_ADD: Final = """
const script = document.createElement("script");
script.textContent = arguments[0];
document.documentElement.append(script);
"""


class ClientPage:
    """A tab with a page of the server's origin that subscribed to one topic.

    Firefox runs what a driver tells it in a scope of its own, where the client's locks and
    channels do not work: with `own_script` a page without a policy runs it as its own.
    """

    def __init__(
        self,
        browser: WebDriver,
        url: str,
        topic: str,
        *,
        components: int = 1,
        own_script: bool = False,
        **options: object,
    ) -> None:
        self._browser: Final = browser
        self._tab: Final = browser.current_window_handle
        self._components: Final = components
        arguments = topic, components, {"client": {}, "subscribe": {}, **options}
        if own_script:
            browser.get(f"{url}/healthz")
            given = ", ".join(map(json.dumps, arguments))
            call = f"({given}, (failure) => {{ window.opened = [failure]; }});"
            browser.execute_script(_ADD, f"(function () {{ {_OPEN} }}){call}")
            (failure,) = wait_until_blocking(
                lambda: self.run("return window.opened"), "it was not opened"
            )
        else:
            # Its answer is a page as good as any: with the policy of our own, and no script of it.
            browser.get(f"{url}/client/package.json")
            failure = browser.execute_async_script(_OPEN, *arguments)
        assert failure is None, failure

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script returns
        """Run JavaScript in the tab; return what it returns."""
        if self._browser.current_window_handle != self._tab:
            self._browser.switch_to.window(self._tab)
        return self._browser.execute_script(script)

    def got(self) -> list[list[int]]:
        """What each component heard, in order."""
        return list(self.run("return window.got"))

    def wait_for_state(self, state: str) -> None:
        """Wait until all components are in it."""
        wait_until_blocking(
            lambda: set(self.run("return subscriptions.map((one) => one.state)")) == {state},
            f"the components were never all {state!r}",
        )

    def wait_for(self, numbers: Iterable[int], *, deadline: float = DEADLINE) -> None:
        """Wait until each component heard exactly these, in order."""
        expected = [list(numbers)] * self._components

        def has_all() -> bool:
            got = self.got()
            assert all(max(len(one), 1) <= max(len(expected[0]), 1) for one in got), got
            return got == expected

        wait_until_blocking(has_all, f"they did not all hear {expected[0]}", deadline=deadline)


def publish_notes(live: Live, topic: str, numbers: Iterable[int], *, text: str = "") -> None:
    """Append events straight to the log, whether the server is there or not."""

    async def append() -> None:
        environ = live.environ
        log = RedisEventLog(environ["STREAMER_REDIS_URL"], prefix=environ["STREAMER_PREFIX"])
        try:
            publisher = Publisher(log)
            for n in numbers:
                await publisher.publish(topic, "note", {"n": n, "text": text})
        finally:
            await log.close()

    asyncio.run(append())
