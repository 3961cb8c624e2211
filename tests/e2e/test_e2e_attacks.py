"""A foreign page in a real browser, whose visitor is logged in here by a cookie."""

from __future__ import annotations

from typing import Any, Final

import httpx
from selenium.webdriver import Chrome

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.live import Live, StartLive

SECRET: Final = "a secret of thirty-two bytes, hunter2"

#: All that a page may try without asking first; what each came to, by its name.
_TRY: Final = """
const [url, done] = [arguments[0], arguments[1]];
const stream = url + "/stream", events = url + "/events";
const source = new EventSource(stream, {withCredentials: true});
const socket = new WebSocket(stream.replace("http", "ws"));
const form = Object.assign(document.createElement("form"),
  {method: "POST", action: events, enctype: "text/plain", target: "sent"});
const field = Object.assign(document.createElement("input"),
  {name: '{"type":"note","text":"', value: '"}'});
form.append(field);
const frame = Object.assign(document.createElement("iframe"), {name: "sent"});
document.documentElement.append(frame, form);
const posted = (type, mode) => fetch(events, {
  method: "POST", body: '{"type":"note"}', headers: type ? {"Content-Type": type} : {},
  credentials: "include", mode,
}).then((answer) => answer.type === "opaque" ? "opaque" : answer.status, () => "failed");
const timeout = (promise) => Promise.race([
  promise, new Promise((end) => setTimeout(() => end("pending"), 5000))]);
const tried = {
  eventSource: new Promise((end) => {
    source.addEventListener("connected", () => end("connected"));
    source.onerror = () => end("failed");
  }),
  webSocket: new Promise((end) => {
    socket.onmessage = ({data}) => end(JSON.parse(data).type);
    socket.onerror = () => end("failed");
  }),
  read: fetch(events, {credentials: "include"}).then((answer) => answer.status, () => "failed"),
  simple: posted("text/plain", "cors"),
  blind: posted("text/plain", "no-cors"),
  json: posted("application/json", "cors"),
  form: timeout(new Promise((end) => {
    frame.onload = () => end("answered");
    form.submit();
  })),
};
Promise.all(Object.entries(tried).map(async ([name, what]) => [name, await what]))
  .then((all) => { source.close(); socket.close(); done(Object.fromEntries(all)); });
"""


def log_in(browser: Chrome, live: Live, token: str) -> None:
    """As an application does, on a name that both sites share."""
    browser.get(f"http://localhost:{live.port}/healthz")
    url = f"https://localhost:{live.port}"
    cookie = {"name": "__Host-streamer", "value": token, "url": url, "path": "/"}
    strict = {"secure": True, "httpOnly": True, "sameSite": "Strict"}
    browser.execute_cdp_cmd("Network.setCookie", {**cookie, **strict})


def state_of(live: Live, project: str) -> tuple[int, list[Any]]:
    """How many read it now, and what was published to it."""
    token = Issuer(SECRET).issue(Grants("root", is_admin=True), 60)
    with httpx.Client(base_url=live.url, headers={"Authorization": f"Bearer {token}"}) as client:
        counts = client.get(f"/api/v1/ws/projects/{project}/connections").json()
        events = client.get(f"/api/v1/projects/{project}/events").json()["events"]
    return counts["active_connections"], events


def test_a_foreign_page_gets_nothing_with_its_visitors_cookie(
    browser: Chrome, start_live: StartLive, project: str
) -> None:
    """Of a sibling name, to which a browser sends the strictest cookie: by no way it has.

    Where it is listed it gets all, so the cookie was sent.
    """
    grants = Grants("7", subscribe=Patterns(["projects/*"]), publish=Patterns(["projects/*"]))
    token = Issuer(SECRET).issue(grants, 600)
    page = start_live()
    elsewhere = f"http://localhost:{page.port}"
    for listed in ("https://app.example", "*", elsewhere):
        live = start_live(STREAMER_AUTH_SECRET=SECRET, STREAMER_ALLOWED_ORIGINS=listed)
        log_in(browser, live, token)
        browser.get(f"{elsewhere}/healthz")
        url = f"http://localhost:{live.port}/api/v1/projects/{project}"
        tried = browser.execute_async_script(_TRY, url)
        # Answers that may not be read are the same to all pages.
        assert (tried.pop("blind"), tried.pop("form")) == ("opaque", "answered")
        readers, events = state_of(live, project)
        if listed == elsewhere:
            opened = dict.fromkeys(("eventSource", "webSocket"), "connected")
            assert tried == {**opened, "read": 200, "simple": 201, "json": 201}
            # All but the form's: under `no-referrer` a form says that it is from `null`.
            assert [event["type"] for event in events] == ["note"] * 3
        else:
            failed = dict.fromkeys(("eventSource", "read", "simple", "json"), "failed")
            assert tried == {**failed, "webSocket": "refused"}
            assert (readers, events) == (0, [])
        live.stop()
    # What a browser says of an answer that it keeps from a page is what was asked for here.
    browser.get_log("browser")  # type: ignore[no-untyped-call]
