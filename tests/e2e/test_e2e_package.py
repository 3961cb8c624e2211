"""The package of the JavaScript client in pages of people who installed it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome

from support.client_package import node
from support.client_page import publish_notes
from support.front_end import js_module, served
from support.live import StartLive
from support.waiting import wait_until_blocking

SCRIPT: Final = """
import { createClient } from "@streamer-sse/client";
const query = new URLSearchParams(location.search);
const client = createClient({ url: query.get("api") });
window.heard = [];
const subscription = client.subscribe(query.get("topic"), { from: "earliest", persist: "session" });
subscription.on("note", ({ n }) => window.heard.push(n));
"""
PAGE: Final = """<!doctype html>
<html lang="en"><title>A page</title><link rel="icon" href="data:,">
<script type="importmap">{{"imports": {imports}}}</script>
<script type="module" src="{script}"></script>
</html>
"""


@pytest.mark.parametrize("how", ["bundled by Vite", "in a plain page"])
def test_the_installed_package_works_where_it_is(
    browser: Chrome, start_live: StartLive, project: str, client_project: Path, how: str
) -> None:
    """A bundle loads on demand what is needed rarely, as the modules themselves do."""
    live, topic = start_live(), f"projects/{project}"
    publish_notes(live, topic, range(3))
    imports = '{"@streamer-sse/client": "./node_modules/@streamer-sse/client/client.js"}'
    root = client_project
    (root / "main.js").write_text(SCRIPT)
    if how == "bundled by Vite":
        (root / "index.html").write_text(PAGE.format(imports="{}", script="./main.js"))
        node(js_module("vite/bin/vite.js"), "build", "--logLevel", "error", cwd=root)
        root /= "dist"
    else:
        (root / "index.html").write_text(PAGE.format(imports=imports, script="./main.js"))
    with served(root) as address:
        browser.get(f"{address}?api={live.url}&topic={topic}")

        def wait_for(numbers: list[int]) -> None:
            wait_until_blocking(
                lambda: browser.execute_script("return window.heard") == numbers,
                f"the page never heard {numbers}",
            )

        wait_for([0, 1, 2])
        publish_notes(live, topic, range(3, 6))
        wait_for([0, 1, 2, 3, 4, 5])
        browser.get("about:blank")
