"""A browser that subscribed shows what was not read in time, once, in a real Chromium.

Chromium reaches no push service from here. So what it would get from one is from the tests' own:
a subscription, and what that has decrypted of a push that a real server has sent to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from selenium.common.exceptions import JavascriptException
from selenium.webdriver import Chrome
from websockets.sync.client import connect

from support.live import Live, StartLive
from support.push_service import Browser, PushService
from support.waiting import DEADLINE, wait_until_blocking

#: What Chromium would do at its push service: subscriptions, kept over pages.
_PUSH_MANAGER: Final = """
const given = %s;
const kept = () => JSON.parse(localStorage.getItem("push") ?? "null");
const plain = (text) => text.replaceAll("-", "+").replaceAll("_", "/");
const bytes = (text) => Uint8Array.from(atob(plain(text)), (c) => c.charCodeAt(0));
const subscription = () => kept() && {
  endpoint: given.endpoint,
  options: { userVisibleOnly: true, applicationServerKey: bytes(kept().key).buffer },
  toJSON: () => given,
  unsubscribe: async () => { localStorage.removeItem("push"); return true; },
};
PushManager.prototype.getSubscription = async () => subscription();
PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
  const length = bytes(applicationServerKey).length;
  if (!userVisibleOnly || length !== 65) throw new TypeError(`${length} bytes`);
  localStorage.setItem("push", JSON.stringify({ key: applicationServerKey }));
  return subscription();
};
"""
_CALL: Final = """
const [name, options, done] = arguments;
import("/client/push.js").then((push) => push[name](options)).then(
  (value) => done({ value: value ?? null }),
  (error) => done({ error: String(error), code: error.code ?? null }));
"""
_SHOWN: Final = """
const done = arguments[0];
navigator.serviceWorker.getRegistration("/client/").then((it) => it.getNotifications()).then(
  (all) => done(all.map(({ title, body, tag, data }) => ({ title, body, tag, data }))));
"""


class Page:
    """A page of the server's own origin, with the module that it offers."""

    def __init__(self, chrome: Chrome, live: Live, device: Browser) -> None:
        self.chrome: Final = chrome
        self.live: Final = live
        script = _PUSH_MANAGER % json.dumps(device.subscription())
        chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        chrome.get(f"{live.url}/")

    def permit(self, state: str) -> None:
        """As the person decided: ``granted``, ``denied`` or ``prompt``."""
        permission = {"permission": {"name": "notifications"}, "setting": state}
        self.chrome.execute_cdp_cmd(
            "Browser.setPermission", {**permission, "origin": self.live.url}
        )

    def call(self, name: str, **options: Any) -> Any:  # noqa: ANN401 - what a module returns
        answer = self.chrome.execute_async_script(_CALL, name, {"reader": "7", **options})
        if "error" in answer:
            raise JavascriptException(f"{answer['error']} ({answer['code']})")
        return answer["value"]

    def shown(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.chrome.execute_async_script(_SHOWN)
        return found

    def deliver(self, message: dict[str, Any]) -> None:
        """As the push service does, to the worker that the module has registered."""
        address = self.chrome.capabilities["goog:chromeOptions"]["debuggerAddress"]
        pages = httpx.get(f"http://{address}/json").json()
        own = next(it for it in pages if it["url"] == f"{self.live.url}/")
        with connect(own["webSocketDebuggerUrl"]) as devtools:
            devtools.send(json.dumps({"id": 1, "method": "ServiceWorker.enable"}))
            found = ""
            while not found:
                said = json.loads(devtools.recv(timeout=DEADLINE))
                if said.get("method") == "ServiceWorker.workerRegistrationUpdated":
                    for it in said["params"]["registrations"]:
                        if it["scopeURL"] == f"{self.live.url}/client/" and not it["isDeleted"]:
                            found = it["registrationId"]
            params = {
                "origin": f"{self.live.url}/",
                "registrationId": found,
                "data": json.dumps(message),
            }
            push = {"id": 2, "method": "ServiceWorker.deliverPushMessage", "params": params}

            def is_shown() -> bool:
                if message["id"] in [it["tag"] for it in self.shown()]:
                    return True
                # One may be lost while its worker begins; one that comes twice is shown once.
                devtools.send(json.dumps(push))
                while json.loads(devtools.recv(timeout=DEADLINE)).get("id") != push["id"]:
                    pass
                return False

            # Whoever goes sooner takes what was delivered along.
            wait_until_blocking(is_shown, "it was not shown")


@pytest.fixture
def page(
    browser: Chrome, start_live: StartLive, push_service: PushService
) -> Iterator[tuple[Page, Browser]]:
    live = start_live(
        STREAMER_PUSH_SUBJECT="mailto:ops@example.com",
        STREAMER_PUSH_SERVICES="127.0.0.1",
        STREAMER_PUSH_AFTER="0",
    )
    device = Browser(push_service)
    opened = Page(browser, live, device)
    yield opened, device
    opened.permit("prompt")


def tell(live: Live, **fields: Any) -> str:  # noqa: ANN401
    body = {"topic": "users/7", "type": "invited", **fields}
    answer = httpx.post(f"{live.url}/api/v1/events", json=body)
    assert answer.status_code == httpx.codes.CREATED
    id_: str = answer.json()["id"]
    return id_


def test_a_browser_that_subscribed_shows_what_was_not_read(page: tuple[Page, Browser]) -> None:
    opened, device = page
    opened.permit("granted")
    assert opened.call("pushState") == "off"
    assert opened.call("keepPush") is False
    opened.call("subscribeToPush")
    assert opened.call("pushState") == "on"
    id_ = tell(opened.live, title="Ada invited you", message="to chats/42", url="/#chats/42")
    wait_until_blocking(lambda: device.pushes, "it was not pushed")
    second = tell(opened.live, title="Bob did too")
    wait_until_blocking(lambda: len(device.pushes) == 2, "the second was not pushed")
    # One comes twice, as after a server was lost while it sent it.
    for push in (device.pushes[0], device.pushes[0], device.pushes[1]):
        opened.deliver(push)
    notice = {"title": "Ada invited you", "body": "to chats/42", "tag": id_, "data": "/#chats/42"}
    other = {"title": "(2) Bob did too", "body": "", "tag": second, "data": None}
    assert sorted(opened.shown(), key=lambda it: str(it["tag"])) == [notice, other]
    assert opened.call("unsubscribeFromPush") is True
    assert opened.call("pushState") == "off"
    assert opened.call("unsubscribeFromPush") is False
    tell(opened.live)


def test_who_said_no_is_not_asked_again_and_not_subscribed(page: tuple[Page, Browser]) -> None:
    opened, device = page
    opened.permit("denied")
    assert opened.call("pushState") == "denied"
    with pytest.raises(JavascriptException, match=r"not allowed on this page.*denied"):
        opened.call("subscribeToPush")
    assert opened.call("keepPush") is False
    assert device.pushes == []


def test_a_page_that_is_opened_subscribes_anew_for_the_servers_new_key(
    page: tuple[Page, Browser],
) -> None:
    opened, device = page
    opened.permit("granted")
    opened.call("subscribeToPush")
    other = "A" * 87
    opened.chrome.execute_script(
        "localStorage.setItem('push', JSON.stringify({key: arguments[0]}))", other
    )
    opened.chrome.refresh()
    assert opened.call("keepPush") is True
    kept = opened.chrome.execute_script("return JSON.parse(localStorage.getItem('push')).key")
    assert kept == httpx.get(f"{opened.live.url}/api/v1/push/key").json()["key"]
    tell(opened.live)
    wait_until_blocking(lambda: device.pushes, "it was not pushed")


def test_a_worker_of_another_origin_is_refused_with_why(page: tuple[Page, Browser]) -> None:
    opened, _ = page
    opened.permit("granted")
    with pytest.raises(JavascriptException, match="own origin"):
        opened.call("subscribeToPush", worker="https://example.com/push-worker.js")
