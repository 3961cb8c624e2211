"""What docs/COMPONENTS.md shows runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx
from selenium.webdriver import Chrome

from support.front_end import FrontEnd
from support.live import Live, StartLive
from support.waiting import wait_until_blocking

TEXT: Final = (Path(__file__).parents[2] / "docs" / "COMPONENTS.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    """The first example in that language."""
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def publish(live: Live, topic: str, **event: object) -> None:
    answer = httpx.post(f"{live.url}/api/v1/events", json={"topic": topic, **event})
    answer.raise_for_status()


def test_the_bar_in_plain_html_moves(browser: Chrome, start_live: StartLive) -> None:
    """Its module is there, at that address, and registers the element, even if it comes twice."""
    script, bar = example("html").strip().split("\n\n")
    module = script.split('src="')[1].split('"')[0]
    live = start_live()
    publish(live, "jobs/8f3c", type="progress", progress=0.42)
    browser.get(f"{live.url}/healthz")
    browser.execute_script(
        "import(arguments[0]).then(() => import(`${arguments[0]}?reloaded`).then(() => {"
        "  document.body.innerHTML = arguments[1] }))",
        *(module, bar),
    )
    look = """
      const [bar] = document.getElementsByTagName("streamer-progress");
      const track = bar?.shadowRoot?.querySelector("[role=progressbar]");
      return [track?.ariaLabel, track?.ariaValueNow];
    """
    wait_until_blocking(
        lambda: browser.execute_script(look) == ["Encoding", "42"], "the bar did not move"
    )


def test_the_components_in_react_show_what_is_published(
    browser: Chrome, front_end: FrontEnd, start_live: StartLive, tmp_path: Path
) -> None:
    page = tmp_path / "document.jsx"
    page.write_text(f"""
      import React from "react";
      import {{ createRoot }} from "react-dom/client";
      import {{ createClient }} from "@streamer-sse/client";
      import {{ StreamerContext }} from "@streamer-sse/client/react.js";
      {example("jsx")}
      const url = new URLSearchParams(location.search).get("api");
      const client = createClient({{ url }});
      createRoot(document.getElementById("root")).render(
        <StreamerContext.Provider value={{client}}>
          <Encoding jobId="j1" /><Chat id="7" />
        </StreamerContext.Provider>,
      );
    """)
    live = start_live(STREAMER_ALLOWED_ORIGINS="*")
    publish(live, "chats/7", type="said", text="hello")
    publish(live, "jobs/j1", type="progress", progress=0.5)
    browser.get(f"{front_end(page)}?api={live.url}")

    def text() -> str:
        return str(browser.execute_script("return document.getElementById('root').textContent"))

    wait_until_blocking(lambda: "50%" in text() and "hello" in text(), "nothing was shown")
    publish(live, "chats/7", type="said", text="again")
    publish(live, "jobs/j1", type="completed")
    wait_until_blocking(lambda: "Done" in text() and "again" in text(), "nothing came")
