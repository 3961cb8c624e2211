"""Other people's clients: what each is, and what it does by itself when a stream ends.

The table of docs/CLIENT-MATRIX.md is this list; ``test_clients_table.py`` compares them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, Literal, NamedTuple

from .client_runner import Does


class Client(NamedTuple):
    """One client; `adapter` is the program of tests/clients/adapters that uses it."""

    name: str
    registry: Literal["npm", "PyPI", "Debian", "Chromium", "Firefox"]
    adapter: str
    after_cut: Does
    after_end: Does
    quirk: str = ""

    @property
    def title(self) -> str:
        """Its name where those of all browsers and registries meet."""
        in_browser = self.registry in {"Chromium", "Firefox"}
        return f"{self.name} of {self.registry}" if in_browser else self.name

    @property
    def is_websocket(self) -> bool:
        """Whether it speaks WebSocket; the others read server-sent events."""
        return "websocket" in self.adapter or self.name == "ws"

    @property
    def resumes(self) -> bool:
        """Whether it needs nothing of the application."""
        return self.after_cut == self.after_end == "resumes"


CLIENTS: Final = (
    Client("curl -N", "Debian", "by_curl.py", "raises", "ends"),
    Client("httpx-sse", "PyPI", "by_httpx_sse.py", "raises", "ends", "set a read timeout"),
    Client("sseclient-py", "PyPI", "by_sseclient_py.py", "raises", "ends"),
    Client(
        "sseclient",
        "PyPI",
        "by_sseclient.py",
        "resumes",
        "raises",
        "after an end tries once: a server still away is an error",
    ),
    Client("requests-sse", "PyPI", "by_requests_sse.py", "resumes", "resumes"),
    Client(
        "aiohttp-sse-client",
        "PyPI",
        "by_aiohttp_sse_client.py",
        "raises",
        "raises",
        "after an end tries once: a server still away is an error",
    ),
    Client("websockets", "PyPI", "by_websockets.py", "raises", "raises"),
    Client("eventsource", "npm", "by_eventsource.mjs", "resumes", "resumes"),
    Client("eventsource-client", "npm", "by_eventsource_client.mjs", "resumes", "resumes"),
    Client("@microsoft/fetch-event-source", "npm", "by_fetch_event_source.mjs", "resumes", "ends"),
    Client(
        "undici",
        "npm",
        "by_undici.mjs",
        "resumes",
        "resumes",
        "does not keep Node alive while it waits",
    ),
    Client("ws", "npm", "by_ws.mjs", "raises", "ends"),
    Client("reconnecting-websocket", "npm", "by_reconnecting_websocket.mjs", "resumes", "resumes"),
)

#: What browsers bring along, in a page.
IN_BROWSERS: Final = (
    Client("EventSource", "Chromium", "by_page_eventsource.js", "resumes", "resumes"),
    Client("WebSocket", "Chromium", "by_page_websocket.js", "raises", "ends"),
    Client(
        "EventSource",
        "Firefox",
        "by_page_eventsource.js",
        "resumes",
        "raises",
        "closed for good if nobody is there when it comes back",
    ),
    Client("WebSocket", "Firefox", "by_page_websocket.js", "raises", "ends"),
)

_ROOT: Final = Path(__file__).parents[2]


def version(client: Client) -> str:
    """The version that the tests are pinned to; of programs it is what the machine has."""
    if client.registry == "npm":
        lock = json.loads((_ROOT / "tools" / "js" / "package-lock.json").read_text())
        return str(lock["packages"][f"node_modules/{client.name}"]["version"])
    if client.registry == "PyPI":
        pinned = "".join((_ROOT / "requirements" / f).read_text() for f in ("run.txt", "dev.txt"))
        found = re.search(rf"^{re.escape(client.name)}==([^\s;]+)", pinned, re.MULTILINE)
        assert found, f"{client.name} is not pinned"
        return found[1]
    return "any"


def table() -> str:
    """The table of docs/CLIENT-MATRIX.md, in Markdown."""
    lines = [
        "| client | from | version | resumes by itself | after a cut | after a clean end | quirk |",
        "|---|---|---|---|---|---|---|",
    ]
    for client in IN_BROWSERS + CLIENTS:
        resumes = "yes" if client.resumes else "no"
        cells: tuple[str, ...] = (f"`{client.name}`", client.registry, version(client), resumes)
        cells += (client.after_cut, client.after_end, client.quirk)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
