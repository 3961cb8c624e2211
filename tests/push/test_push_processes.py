"""Server processes over one log push each notification once, though one is killed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.eventlog.redis.keys import Keys
from support.live import Live, StartLive
from support.push_service import Browser, PushService
from support.servers import Server
from support.waiting import wait_until_blocking

#: Seconds; six of them are the lease of a push whose server is gone.
TIMEOUT = "0.5"


def settings(prefix: str, **more: str) -> dict[str, str]:
    return {
        "STREAMER_PREFIX": prefix,
        "STREAMER_PUSH_SUBJECT": "mailto:ops@example.com",
        "STREAMER_PUSH_SERVICES": "127.0.0.1",
        "STREAMER_PUSH_AFTER": "0",
        "STREAMER_PUSH_TIMEOUT": TIMEOUT,
        **more,
    }


def subscribe(live: Live, browser: Browser, reader: str = "7") -> None:
    answer = httpx.get(f"{live.url}/api/v1/push/key")
    browser.service.keys[browser.path] = answer.json()["key"]
    answer = httpx.put(
        f"{live.url}/api/v1/push/subscriptions", json=browser.subscription(reader=reader)
    )
    assert answer.status_code == httpx.codes.OK, answer.text


def tell(live: Live, user: str = "7", **fields: Any) -> str:  # noqa: ANN401
    body = {"topic": f"users/{user}", "type": "invited", **fields}
    answer = httpx.post(f"{live.url}/api/v1/events", json=body)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    id_: str = answer.json()["id"]
    return id_


def test_a_server_that_is_killed_while_it_sends_leaves_the_push_to_another(
    start_live: StartLive, push_service: PushService, prefix: str
) -> None:
    dies = start_live(**settings(prefix))
    browser = Browser(push_service)
    subscribe(dies, browser)
    push_service.hanging.add("")
    id_ = tell(dies, title="once")
    wait_until_blocking(lambda: push_service.received, "it was not sent")
    dies.kill()
    push_service.go_on()
    lives = start_live(**settings(prefix))
    wait_until_blocking(lambda: browser.pushes, "it was not sent again")
    # What comes after it is the next push: it was not sent a third time.
    second = tell(lives, title="twice")
    wait_until_blocking(lambda: len(browser.pushes) == 2, "the next was not sent")
    assert [said["id"] for said in browser.pushes] == [id_, second]
    assert {push.message["id"] for push in push_service.received[:-1]} == {id_}


def test_two_servers_push_once_and_never_what_was_read(
    start_live: StartLive, push_service: PushService, prefix: str
) -> None:
    servers = [start_live(path, **settings(prefix)) for path in ("fast", "portable")]
    browsers = {str(n): Browser(push_service) for n in range(10)}
    for n, (user, browser) in enumerate(browsers.items()):
        subscribe(servers[n % 2], browser, user)
    for n, user in enumerate(browsers):
        tell(servers[n % 2], user)
    wait_until_blocking(
        lambda: all(browser.pushes for browser in browsers.values()), "some were not sent"
    )
    last = Browser(push_service)
    subscribe(servers[0], last, "last")
    tell(servers[1], "last")
    wait_until_blocking(lambda: last.pushes, "the last was not sent")
    assert [len(browser.pushes) for browser in browsers.values()] == [1] * 10
    assert len(push_service.received) == 11


def test_after_the_log_was_lost_browsers_subscribe_anew(
    start_live: StartLive, push_service: PushService, prefix: str, redis_server: Server
) -> None:
    """Its key is another one then; and nothing is sent to those that were there before."""
    live = start_live(**settings(prefix))
    old, new = Browser(push_service), Browser(push_service)
    subscribe(live, old)
    with redis_server.client() as client:
        client.delete(*client.scan_iter(f"{{{prefix}}}*"))
    subscribe(live, new)
    assert push_service.keys[old.path] != push_service.keys[new.path]
    tell(live)
    wait_until_blocking(lambda: new.pushes, "it was not sent")
    assert old.pushes == []


def test_an_append_of_any_process_makes_its_user_due(
    start_live: StartLive, push_service: PushService, prefix: str, redis_server: Server
) -> None:
    """A worker knows nothing of pushes, nor how long they wait."""
    from streamer import Notifications, SyncPublisher
    from streamer.eventlog.redis import RedisEventLog

    live = start_live(**settings(prefix))
    browser = Browser(push_service)
    subscribe(live, browser)
    publisher = SyncPublisher(lambda: RedisEventLog(redis_server.url, prefix=prefix))
    Notifications(publisher).transcode_complete("v1", "Cats", "hls", 123, user="7")
    publisher.close()
    wait_until_blocking(lambda: browser.pushes, "it was not sent")
    assert browser.pushes[0]["title"] == "Cats is ready"
    with redis_server.client() as client:
        assert client.zcard(Keys(prefix).push_due) == 0


def test_whose_token_was_taken_back_is_told_no_more(
    start_live: StartLive, push_service: PushService, prefix: str
) -> None:
    secret = "0123456789abcdef" * 2
    live = start_live(**settings(prefix, STREAMER_AUTH_SECRET=secret))
    issuer = Issuer(secret)
    root = Grants("root", is_admin=True, publish=Patterns(("**",)))
    admin = {"Authorization": f"Bearer {issuer.issue(root, 600.0)}"}
    browsers = {user: Browser(push_service) for user in ("7", "8")}
    for user, browser in browsers.items():
        own = {"Authorization": f"Bearer {issuer.issue(Grants(user), 600.0)}"}
        address = f"{live.url}/api/v1/push/subscriptions"
        answer = httpx.put(address, json=browser.subscription(), headers=own)
        assert answer.status_code == httpx.codes.OK, answer.text
    answer = httpx.post(f"{live.url}/api/v1/revocations", json={"sub": "7"}, headers=admin)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    for user in browsers:
        body = {"topic": f"users/{user}", "type": "invited"}
        answer = httpx.post(f"{live.url}/api/v1/events", json=body, headers=admin)
        assert answer.status_code == httpx.codes.CREATED, answer.text
    wait_until_blocking(lambda: browsers["8"].pushes, "it was not sent")
    assert browsers["7"].pushes == []


@pytest.fixture
def trusted(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of 127.0.0.1, and the file of whom it is from."""
    authority = trustme.CA()
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, file


def test_over_tls_a_service_is_sent_to_if_its_certificate_is_trusted(
    start_live: StartLive, prefix: str, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    context, file = trusted
    service = PushService(context)
    service.start()
    doubts = start_live(**settings(prefix))
    browser = Browser(service)
    subscribe(doubts, browser)
    tell(doubts)
    trusts = start_live(**settings(f"{prefix}-2", SSL_CERT_FILE=str(file)))
    subscribe(trusts, browser)
    tell(trusts, title="over TLS")
    wait_until_blocking(lambda: browser.pushes, "it was not sent")
    assert [said["title"] for said in browser.pushes] == ["over TLS"]
    service.stop()
    assert service.wrong == []
