"""Subscribing to pushes over HTTP: whose they are, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.app import create_app
from streamer.config.settings import InvalidSetting, Settings
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.push import Subscription
from support.push_service import Browser, PushService, base64url, from_base64url
from support.stage import Peer, Stage

SECRET: Final = "0123456789abcdef" * 2
SUBSCRIPTIONS: Final = "/api/v1/push/subscriptions"
PUSHING: Final[dict[str, Any]] = {
    "push_subject": "mailto:ops@example.com",
    "push_services": ("127.0.0.1",),
}


def token_of(subject: str) -> str:
    return Issuer(SECRET).issue(Grants(subject), 3600.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage(Settings(auth_secret=SECRET, **PUSHING))
    yield opened
    opened.end()


@pytest.fixture
def open_stage() -> Iterator[Stage]:
    """Where nobody is asked who they are."""
    opened = Stage(Settings(**PUSHING))
    yield opened
    opened.end()


@pytest.fixture
def browser(push_service: PushService) -> Browser:
    return Browser(push_service)


def ask(
    stage: Stage, method: str, target: str, body: object = None, subject: str | None = None
) -> tuple[int, dict[str, Any]]:
    """The status and the body of the answer."""
    encoded = b"" if body is None else msgspec.json.encode(body)
    headers = {"Content-Length": str(len(encoded))} if encoded else {}
    if subject is not None:
        headers["Authorization"] = f"Bearer {token_of(subject)}"
    peer = Peer(stage, target, headers, method=method, body=encoded)
    for _ in range(3):
        stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), msgspec.json.decode(rest)


def kept(stage: Stage, subject: str) -> list[Subscription]:
    return stage.loop.run(stage.log.pushes.subscriptions(subject))


def test_a_browser_subscribes_with_what_it_has_and_for_our_key(
    stage: Stage, browser: Browser
) -> None:
    status, said = ask(stage, "GET", "/api/v1/push/key", subject="7")
    assert status == 200
    point = from_base64url(said["key"])
    assert (len(point), point[0]) == (65, 4)
    given = browser.subscription(expirationTime=1_900_000_000_000.5, somethingNew={"a": 1})
    assert ask(stage, "PUT", SUBSCRIPTIONS, given, "7") == (200, {"reader": "7"})
    [subscription] = kept(stage, "7")
    assert subscription.endpoint == browser.endpoint
    assert subscription.p256dh == given["keys"]["p256dh"]
    assert subscription.auth == given["keys"]["auth"]
    assert subscription.server_key == said["key"]
    assert subscription.expires == 1_900_000_000_000
    assert subscription.token_id
    assert subscription.issued is not None


def test_every_process_has_the_same_key(stage: Stage) -> None:
    other = Stage(Settings(auth_secret=SECRET, **PUSHING))
    _, first = ask(stage, "GET", "/api/v1/push/key", subject="7")
    assert ask(stage, "GET", "/api/v1/push/key", subject="8") == (200, first)
    # Of another log it is another.
    assert ask(other, "GET", "/api/v1/push/key", subject="7")[1] != first
    other.end()


def test_who_subscribes_twice_has_one(stage: Stage, browser: Browser) -> None:
    for _ in range(2):
        ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(), "7")
    assert len(kept(stage, "7")) == 1


def test_a_subscription_is_removed_by_whose_it_is(stage: Stage, browser: Browser) -> None:
    ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(), "7")
    body = {"endpoint": browser.endpoint}
    assert ask(stage, "DELETE", SUBSCRIPTIONS, body, "8")[1] == {"reader": "8", "removed": False}
    assert len(kept(stage, "7")) == 1
    whole = browser.subscription()
    assert ask(stage, "DELETE", SUBSCRIPTIONS, whole, "7")[1] == {"reader": "7", "removed": True}
    assert kept(stage, "7") == []
    assert ask(stage, "DELETE", SUBSCRIPTIONS, body, "7")[1] == {"reader": "7", "removed": False}


def test_a_browser_that_is_anothers_by_now_is_theirs(stage: Stage, browser: Browser) -> None:
    for subject in ("7", "8"):
        ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(), subject)
    assert kept(stage, "7") == []
    assert len(kept(stage, "8")) == 1


def test_nobody_subscribes_for_another(stage: Stage, browser: Browser) -> None:
    status, said = ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(reader="8"), "7")
    assert (status, said["code"]) == (403, "forbidden")
    status, said = ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(), None)
    assert status == 401
    for subject in ("7", "8"):
        assert kept(stage, subject) == []


def test_where_nobody_is_asked_a_reader_is_named(open_stage: Stage, browser: Browser) -> None:
    status, said = ask(open_stage, "PUT", SUBSCRIPTIONS, browser.subscription())
    assert (status, said["code"]) == (400, "invalid_parameter")
    given = browser.subscription(reader="7")
    assert ask(open_stage, "PUT", SUBSCRIPTIONS, given) == (200, {"reader": "7"})
    assert len(kept(open_stage, "7")) == 1


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://fcm.googleapis.com/x", "no push service"),
        ("https://example.com/x", "no push service"),
        ("https://fcm.googleapis.com.example.com/x", "no push service"),
        ("https://xfcm.googleapis.com/x", "no push service"),
        ("https://push.services.mozilla.com/x", "no push service"),
        ("https://notpush.apple.com/x", "no push service"),
        ("https://10.0.0.1/x", "no push service"),
        ("https://169.254.169.254/latest/meta-data", "no push service"),
        ("http://[::1]/x", "no push service"),
        ("http://localhost/x", "no push service"),
        ("http://127.0.0.1.nip.io/x", "no push service"),
        ("http://2130706433/x", "no push service"),
        ("https://fcm.googleapis.com@10.0.0.1/x", "https:// URL"),
        ("https://fcm.googleapis.com\\@10.0.0.1/x", "https:// URL"),
        ("https://10.0.0.1#@fcm.googleapis.com/", "https:// URL"),
        ("https://fcm.googleapis.com:99999/x", "https:// URL"),
        ("https://fcm.googleapis.com/\r\nX: y", "https:// URL"),
        ("https://\uff46cm.googleapis.com/x", "https:// URL"),
        ("file:///etc/passwd", "https:// URL"),
        ("//fcm.googleapis.com/x", "https:// URL"),
        ("", "https:// URL"),
        ("https://fcm.googleapis.com/" + "x" * 2048, "2048"),
    ],
)
def test_an_endpoint_is_at_a_push_service_and_nowhere_else(
    stage: Stage, browser: Browser, endpoint: str, said: str
) -> None:
    """Who subscribes says where we send to, and we stand where they do not."""
    status, problem = ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(endpoint=endpoint), "7")
    assert (status, problem["code"]) == (400, "invalid_fields")
    assert said in problem["detail"]
    assert kept(stage, "7") == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://FCM.googleapis.com./fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://web.push.apple.com/abc",
        "https://db5p.notify.windows.com/w/?token=abc%2b",
        "http://127.0.0.1:8080/push",
    ],
)
def test_the_services_of_the_browsers_and_those_that_are_named_are_taken(
    stage: Stage, browser: Browser, endpoint: str
) -> None:
    given = browser.subscription(endpoint=endpoint)
    assert ask(stage, "PUT", SUBSCRIPTIONS, given, "7")[0] == 200


KEYS: Final = {"p256dh": base64url(b"\4" + b"\1" * 64), "auth": base64url(b"a" * 16)}


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"keys": KEYS}, "invalid_fields", "p256dh"),  # on no curve
        ({"keys": {**KEYS, "p256dh": "é"}}, "invalid_fields", "p256dh"),
        ({"keys": {**KEYS, "p256dh": ""}}, "invalid_fields", "p256dh"),
        ({"keys": {"auth": "a"}}, "invalid_fields", "p256dh"),
        ({"keys": {"auth": base64url(b"a" * 15)}}, "invalid_fields", "p256dh"),
        ({"keys": None}, "invalid_fields", "keys"),
        ({"endpoint": 7}, "invalid_fields", "endpoint"),
        ({"expirationTime": "tomorrow"}, "invalid_fields", "expirationTime"),
    ],
)
def test_what_is_no_subscription_is_refused(
    stage: Stage, browser: Browser, changed: dict[str, Any], code: str, said: str
) -> None:
    status, problem = ask(stage, "PUT", SUBSCRIPTIONS, browser.subscription(**changed), "7")
    assert (status, problem["code"]) == (400, code)
    assert said in problem["detail"]


@pytest.mark.parametrize("auth", [base64url(b"a" * 15), base64url(b"a" * 17), "a", "*", ""])
def test_a_secret_of_another_length_is_refused(stage: Stage, browser: Browser, auth: str) -> None:
    given = browser.subscription()
    given["keys"]["auth"] = auth
    status, problem = ask(stage, "PUT", SUBSCRIPTIONS, given, "7")
    assert status == 400
    assert "keys.auth" in problem["detail"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_body_that_is_no_object_is_refused(stage: Stage, method: str) -> None:
    assert ask(stage, method, SUBSCRIPTIONS, [], "7")[1]["code"] == "invalid_fields"
    status, problem = ask(stage, method, SUBSCRIPTIONS, None, "7")
    assert (status, problem["code"]) == (400, "invalid_json")


def test_where_nobody_says_who_it_is_from_nothing_is_pushed_and_that_is_said() -> None:
    stage = Stage(Settings())
    for method, target in (("GET", "/api/v1/push/key"), ("PUT", SUBSCRIPTIONS)):
        status, problem = ask(stage, method, target, None if method == "GET" else {})
        assert (status, problem["code"]) == (501, "push_unavailable")
        assert "STREAMER_PUSH_SUBJECT" in problem["detail"]
    stage.end()


def test_a_subscription_counts_as_a_publish(browser: Browser) -> None:
    stage = Stage(Settings(auth_secret=SECRET, publish_rate=0.1, **PUSHING))
    given = browser.subscription()
    answers = [ask(stage, "PUT", SUBSCRIPTIONS, given, "7")[0] for _ in range(3)]
    assert answers == [200, 429, 429]
    stage.end()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("/nowhere/push.pem", "cannot be read"),
        ("A" * 43, "cannot be read"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n", "cannot be read"),
    ],
)
def test_a_key_that_cannot_be_used_stops_the_start(key: str, said: str) -> None:
    with pytest.raises(InvalidSetting, match="STREAMER_PUSH_KEY") as refused:
        create_app(Settings(push_key=key, **PUSHING), MemoryEventLog())
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)
