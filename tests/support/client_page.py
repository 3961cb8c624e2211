"""A page that uses the JavaScript client, in tabs of a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from selenium.webdriver import Chrome

from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.publisher import Publisher

from .live import Live
from .waiting import wait_until_blocking

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


class ClientPage:
    """A tab with a page of the server's origin that subscribed to one topic."""

    def __init__(
        self, browser: Chrome, url: str, topic: str, *, components: int = 1, **options: object
    ) -> None:
        self._browser: Final = browser
        self._tab: Final = browser.current_window_handle
        self._components: Final = components
        # Its answer is a page as good as any: with the policy of our own, and no script of it.
        browser.get(f"{url}/client/package.json")
        failure = browser.execute_async_script(
            _OPEN, topic, components, {"client": {}, "subscribe": {}, **options}
        )
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
            deadline=40,
        )

    def wait_for(self, numbers: Iterable[int], *, deadline: float = 40) -> None:
        """Wait until each component heard exactly these, in order."""
        expected = [list(numbers)] * self._components

        def has_all() -> bool:
            got = self.got()
            assert all(max(len(one), 1) <= max(len(expected[0]), 1) for one in got), got
            return got == expected

        wait_until_blocking(has_all, f"they did not all hear {expected[0]}", deadline=deadline)


def publish_notes(live: Live, topic: str, numbers: Iterable[int]) -> None:
    """Append events straight to the log, whether the server is there or not."""

    async def append() -> None:
        environ = live.environ
        log = RedisEventLog(environ["STREAMER_REDIS_URL"], prefix=environ["STREAMER_PREFIX"])
        try:
            publisher = Publisher(log)
            for n in numbers:
                await publisher.publish(topic, "note", {"n": n})
        finally:
            await log.close()

    asyncio.run(append())
