"""Other people's clients: what each is, and what it does by itself when a stream ends.

The first table of docs/CLIENT-MATRIX.md is this list, and so is what it says of each.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from .client_runner import Does


class Client(NamedTuple):
    """One client; `adapter` is the file of tests/clients/adapters that uses it.

    `advice` is what an application does to lose nothing; its code is in the adapter.
    """

    name: str
    registry: Literal["npm", "PyPI", "Debian", "Chromium", "Firefox"]
    adapter: str
    after_cut: Does
    after_end: Does
    advice: str

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


#: Of SSE clients that are called again by the application.
_AGAIN: Final = 'Call it again when it ends or raises, with `{"Last-Event-ID": last}`'
_REBUILD: Final = (
    "It comes back by itself. Where its `readyState` is `EventSource.CLOSED` it does not: make "
    "another one, with `&last_event_id=${last}` in its URL"
)
_REOPEN: Final = (
    "Open another one when it closes, with `&last_event_id=${last}` in its URL: "
    "`body.id ?? body.cursor` of the last frame that has either"
)

CLIENTS: Final = (
    Client(
        "curl -N",
        "Debian",
        "by_curl.py",
        "raises",
        "ends",
        "Run it again when it ends, with the header `Last-Event-ID: ` and the last id. "
        "An event is there at its empty line, and not before.",
    ),
    Client(
        "httpx-sse",
        "PyPI",
        "by_httpx_sse.py",
        "raises",
        "ends",
        f"{_AGAIN}. Set `httpx.Timeout(5, read=40)`: by default 5 s of silence are an error, "
        "and a heartbeat comes every 15 s.",
    ),
    Client(
        "sseclient-py",
        "PyPI",
        "by_sseclient_py.py",
        "raises",
        "ends",
        f"{_AGAIN} in the request. Set its `timeout=(5, 40)`: by default a dead line is silent "
        "for ever.",
    ),
    Client(
        "sseclient",
        "PyPI",
        "by_sseclient.py",
        "resumes",
        "raises",
        "Rather take another: this one is of 2020, and reads below HTTP. It tries once when a "
        "stream has ended: call it again when it raises, with `last_id=last`, and skip what has "
        "no `event.data`.",
    ),
    Client(
        "requests-sse",
        "PyPI",
        "by_requests_sse.py",
        "resumes",
        "resumes",
        "It tries five times, each after twice the time: call it again when it raises, with "
        "`latest_event_id=last`. Set its `timeout=40`.",
    ),
    Client(
        "aiohttp-sse-client",
        "PyPI",
        "by_aiohttp_sse_client.py",
        "raises",
        "raises",
        f"{_AGAIN}; when a stream has ended it tries once. Set "
        "`ClientTimeout(total=None, sock_read=40)`: by default a stream ends after 5 min.",
    ),
    Client(
        "websockets",
        "PyPI",
        "by_websockets.py",
        "raises",
        "raises",
        "Connect again when it raises, with `&last_event_id={last}` in the URL: "
        '`body.get("id") or body.get("cursor")` of the last frame that has either.',
    ),
    Client("eventsource", "npm", "by_eventsource.mjs", "resumes", "resumes", f"{_REBUILD}."),
    Client(
        "eventsource-client",
        "npm",
        "by_eventsource_client.mjs",
        "resumes",
        "resumes",
        "It comes back by itself, whatever it meets but a 204. After a restart of the program "
        "`initialLastEventId` is where it goes on.",
    ),
    Client(
        "@microsoft/fetch-event-source",
        "npm",
        "by_fetch_event_source.mjs",
        "resumes",
        "ends",
        'Call it again when its promise is resolved, with `"last-event-id": last` among the '
        "headers. Without `openWhenHidden: true` it closes the stream of a hidden page.",
    ),
    Client(
        "undici",
        "npm",
        "by_undici.mjs",
        "resumes",
        "resumes",
        f"{_REBUILD}. Its wait does not keep Node alive: a program that does nothing else ends "
        "there.",
    ),
    Client("ws", "npm", "by_ws.mjs", "raises", "ends", f"{_REOPEN}."),
    Client(
        "reconnecting-websocket",
        "npm",
        "by_reconnecting_websocket.mjs",
        "resumes",
        "resumes",
        "Give it a function for its address, which it calls each time: `&last_event_id=${last}`. "
        "It comes back whatever it is told: close it yourself at `end` and `refused`.",
    ),
)

#: What browsers bring along, in a page.
IN_BROWSERS: Final = (
    Client(
        "EventSource",
        "Chromium",
        "by_page_eventsource.js",
        "resumes",
        "resumes",
        f"{_REBUILD}.",
    ),
    Client("WebSocket", "Chromium", "by_page_websocket.js", "raises", "ends", f"{_REOPEN}."),
    Client(
        "EventSource",
        "Firefox",
        "by_page_eventsource.js",
        "resumes",
        "raises",
        f"{_REBUILD}. So it is when nobody is there at the moment it comes back.",
    ),
    Client("WebSocket", "Firefox", "by_page_websocket.js", "raises", "ends", f"{_REOPEN}."),
)
