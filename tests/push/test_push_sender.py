"""What is unread in time is pushed once, signed and encrypted; what was read is not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.config.settings import Settings
from streamer.errors import AuthUnavailable
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.push import Subscription
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.push import sender as in_sender
from streamer.push import services as in_services
from streamer.push.wired import Push, push_of
from support.listening import InterceptingEventLog
from support.push_service import Browser, PushService, Reply
from support.servers import FakeClock
from support.waiting import wait_until

AFTER: Final = 30.0


class Stage:
    """A log with a held clock, and servers that push what is unread for `AFTER` seconds."""

    def __init__(self, service: PushService) -> None:
        self.clock: Final = FakeClock(int(service.now() * 1000))
        self.memory: Final = MemoryEventLog(clock=self.clock)
        self.log: Final = InterceptingEventLog(self.memory)
        self.service = service
        service.now = lambda: self.clock.now / 1000
        self.revoked: Final[set[str]] = set()
        self.pushes: Final[list[Push]] = []

    def server(self, **settings: object) -> Push:
        given: dict[str, Any] = {
            "push_subject": "mailto:ops@example.com",
            "push_after": AFTER,
            "push_services": ("127.0.0.1",),
            "push_timeout": 1.0,
            **settings,
        }
        push = push_of(
            Settings(**given), self.log, self.is_revoked, clock=lambda: self.clock.now / 1000
        )
        assert push is not None
        self.pushes.append(push)
        return push

    def is_revoked(self, grants: Grants) -> bool:
        return grants.subject in self.revoked or grants.token_id in self.revoked

    async def subscribe(
        self, push: Push, browser: Browser, subject: str = "7", **more: object
    ) -> None:
        given = browser.subscription()
        key = (await push.key()).public
        self.service.keys[browser.path] = key
        await self.log.pushes.subscribe(
            subject,
            msgspec.convert(
                {"endpoint": given["endpoint"], **given["keys"], "server_key": key, **more},
                Subscription,
            ),
        )

    async def tell(self, subject: str = "7", kind: str = "invited", **fields: object) -> Cursor:
        id_ = await self.log.append(new_event(f"users/{subject}", kind, fields))
        assert id_ is not None
        return id_

    async def read(self, to: Cursor, subject: str = "7") -> None:
        await self.log.reader_cursors.move(f"users/{subject}", subject, to)

    async def after(self, seconds: float, *, settle: bool = True) -> None:
        """Let time go by, and every server look once."""
        self.clock.advance(int(seconds * 1000))
        await asyncio.gather(*(push.watch.look() for push in self.pushes))
        if settle:
            await asyncio.gather(*(push.watch.settled() for push in self.pushes))


@pytest.fixture
async def stage(push_service: PushService) -> AsyncIterator[Stage]:
    stage = Stage(push_service)
    yield stage
    push_service.go_on()
    for push in stage.pushes:
        await push.watch.settled()
        await push.watch._sender.close()


async def test_what_is_unread_in_time_is_pushed_once(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    id_ = await stage.tell(title="Ada invited you", message="to chats/42", url="/chats/42")
    await stage.after(AFTER - 1)
    assert stage.service.received == []
    await stage.after(1)
    [said] = browser.pushes
    assert (said["id"], said["type"], said["unread"]) == (str(id_), "invited", 1)
    assert (said["title"], said["body"]) == ("Ada invited you", "to chats/42")
    assert said["url"] == "/chats/42"
    assert said["notification"]["message"] == "to chats/42"
    for _ in range(3):
        await stage.after(3600)
    assert len(stage.service.received) == 1


async def test_what_was_read_in_time_is_not_pushed(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    id_ = await stage.tell()
    await stage.after(AFTER - 1)
    await stage.read(id_)
    for _ in range(3):
        await stage.after(AFTER)
    assert stage.service.received == []


async def test_of_some_that_were_read_the_others_are_pushed(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    first = await stage.tell(title="one")
    await stage.tell(title="two")
    await stage.tell(title="three")
    await stage.read(first)
    await stage.after(AFTER)
    [said] = browser.pushes
    assert (said["title"], said["unread"]) == ("three", 2)


async def test_several_that_are_due_together_are_one_push_and_later_ones_another(
    stage: Stage,
) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    for n in range(5):
        await stage.tell(title=f"number {n}")
        stage.clock.advance(5000)
    await stage.after(AFTER - 25)
    await stage.tell(title="later")
    await stage.after(AFTER - 1)
    assert [(said["title"], said["unread"]) for said in browser.pushes] == [("number 4", 5)]
    await stage.after(1)
    assert [(said["title"], said["unread"]) for said in browser.pushes][1:] == [("later", 6)]


async def test_what_does_not_count_is_neither_pushed_nor_in_the_way(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    await stage.tell(kind="transcode_progress", progress=10)
    await stage.after(AFTER)
    assert stage.service.received == []
    await stage.tell(title="this one")
    for n in range(120):
        await stage.tell(kind="transcode_progress", progress=n / 2)
    await stage.after(AFTER)
    assert [said["title"] for said in browser.pushes] == ["this one"]


async def test_what_is_for_everybody_is_not_pushed_and_is_counted(stage: Stage) -> None:
    """Else one message would wake every device that there is."""
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    await stage.log.append(new_event("system", "system_message", {"message": "back at 8"}))
    await stage.after(AFTER)
    assert stage.service.received == []
    await stage.tell()
    await stage.after(AFTER)
    assert [said["unread"] for said in browser.pushes] == [2]


async def test_every_browser_of_a_user_is_told_and_nobody_elses(stage: Stage) -> None:
    push = stage.server()
    mine, other = [Browser(stage.service) for _ in range(3)], Browser(stage.service)
    for browser in mine:
        await stage.subscribe(push, browser)
    await stage.subscribe(push, other, "8")
    await stage.tell()
    await stage.after(AFTER)
    assert [len(browser.pushes) for browser in (*mine, other)] == [1, 1, 1, 0]


async def test_several_servers_push_once(stage: Stage) -> None:
    servers = [stage.server() for _ in range(4)]
    browsers = [Browser(stage.service) for _ in range(20)]
    for n, browser in enumerate(browsers):
        await stage.subscribe(servers[0], browser, str(n % 5))
    for _ in range(3):
        for n in range(5):
            await stage.tell(str(n))
        await stage.after(AFTER)
    assert [len(browser.pushes) for browser in browsers] == [3] * 20
    assert len(stage.service.received) == 60


async def test_what_is_read_between_the_attempts_is_not_tried_again(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.replies[""] = [Reply(503)]
    id_ = await stage.tell()
    await stage.after(AFTER)
    assert len(stage.service.received) == 1
    await stage.read(id_)
    for _ in range(5):
        await stage.after(3600)
    assert len(stage.service.received) == 1


async def test_what_a_later_attempt_has_told_is_not_told_again_when_it_is_due(
    stage: Stage,
) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.replies[""] = [Reply(503)]
    await stage.tell(title="one")
    await stage.after(AFTER)
    await stage.tell(title="two")
    await stage.after(11)
    assert [(said["title"], said["unread"]) for said in browser.pushes] == [("two", 2)]
    for _ in range(3):
        await stage.after(AFTER)
    assert len(browser.pushes) == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_dead_subscription_is_dropped_and_others_live(stage: Stage, status: int) -> None:
    push = stage.server()
    dead, alive = Browser(stage.service), Browser(stage.service)
    for browser in (dead, alive):
        await stage.subscribe(push, browser)
    stage.service.replies[dead.path] = [Reply(status)]
    for _ in range(2):
        await stage.tell()
        await stage.after(AFTER)
    assert len(alive.pushes) == 2
    assert [it.endpoint for it in await stage.log.pushes.subscriptions("7")] == [alive.endpoint]
    assert len(stage.service.received) == 3


@pytest.mark.parametrize("status", [408, 413, 425, 429, 500, 502, 503])
async def test_what_may_be_taken_later_is_tried_again(stage: Stage, status: int) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.replies[""] = [Reply(status), Reply(status)]
    await stage.tell()
    await stage.after(AFTER)
    assert len(stage.service.received) == 1
    await stage.after(4)  # 5 to 10 seconds
    assert len(stage.service.received) == 1
    await stage.after(6)
    assert len(stage.service.received) == 2
    await stage.after(20)
    assert len(browser.pushes) == 1
    for _ in range(5):
        await stage.after(3600)
    assert len(stage.service.received) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_service_that_says_when_to_come_back_is_left_alone_until_then(
    stage: Stage, form: str
) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    await stage.tell()
    at = datetime.fromtimestamp(stage.clock.now / 1000 + AFTER + 600, UTC)
    said = "600" if form == "seconds" else format_datetime(at, usegmt=True)
    stage.service.replies[""] = [Reply(429, {"Retry-After": said})]
    await stage.after(AFTER)
    for _ in range(59):
        await stage.after(10)
    assert len(stage.service.received) == 1
    await stage.after(15)
    assert len(browser.pushes) == 1


@pytest.mark.parametrize("said", ["7200", "99999999999999999999999", "soon", "-5", "", "1e9"])
async def test_nobody_has_us_wait_for_longer_than_an_hour(stage: Stage, said: str) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.replies[""] = [Reply(429, {"Retry-After": said})]
    await stage.tell()
    await stage.after(AFTER)
    await stage.after(3600)
    assert len(browser.pushes) == 1


async def test_a_push_is_given_up_after_a_dozen_attempts_and_that_is_said(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.replies[""] = [Reply(500)] * 100
    await stage.tell()
    for _ in range(20):
        await stage.after(3700)
    assert len(stage.service.received) == 12
    lines = [it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING]
    assert lines == ["push service 127.0.0.1 was given up for one push: it answers 500"]
    stage.service.replies.clear()
    await stage.tell()
    await stage.after(AFTER)
    assert [said["unread"] for said in browser.pushes] == [2]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403])
async def test_what_is_refused_is_not_tried_again_and_said_without_the_address(
    stage: Stage, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The subscription stays: it may be our key or our clock that is wrong."""
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    elsewhere = {"Location": f"{stage.service.url}/elsewhere"}
    for _ in range(2):
        stage.service.replies[""] = [Reply(status, elsewhere)]
        await stage.tell()
        await stage.after(AFTER)
        await stage.after(AFTER)
    assert len(stage.service.received) == 2
    assert stage.service.wrong == []
    lines = [it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING]
    assert lines == [f"push service 127.0.0.1 refuses a push: it answers {status}"]
    await stage.tell()
    await stage.after(AFTER)
    assert len(browser.pushes) == 1


async def test_a_service_that_is_down_gets_it_when_it_is_back(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.stop()
    await stage.tell()
    await stage.after(AFTER)
    stage.service.start()
    await until_pushed(stage, browser)
    for _ in range(5):
        await stage.after(3600)
    assert len(stage.service.received) == 1


async def until_pushed(stage: Stage, *browsers: Browser) -> None:
    """Let minutes go by until each has one push; what a service is left alone is real time."""
    for push in stage.pushes:
        for service in push.services._services:
            service._back_at = float("-inf")

    async def all_have_one() -> bool:
        await stage.after(60)
        return all(len(browser.pushes) == 1 for browser in browsers)

    await wait_until(all_have_one, "it was not pushed")


async def test_a_service_that_hangs_slows_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with more to send than it has places; and it gets all of it afterwards."""
    monkeypatch.setattr(in_services, "_PLACES", 2)
    hangs, works = stage.service, PushService(host="127.0.0.2")
    works.start()
    push = stage.server(push_services=("127.0.0.1", "127.0.0.2"), push_timeout=0.3)
    slow = [Browser(hangs) for _ in range(9)]
    hangs.hanging.add("")
    for n, browser in enumerate(slow):
        await stage.subscribe(push, browser, str(n))
        await stage.tell(str(n))
    await stage.after(AFTER, settle=False)
    await wait_until(lambda: len(hangs.received) == 2, "two pushes were not under way")
    stage.service = works
    works.now = hangs.now
    quick = Browser(works)
    await stage.subscribe(push, quick)
    await stage.tell()
    await stage.after(AFTER, settle=False)
    await wait_until(lambda: len(quick.pushes) == 1, "the other service was held up")
    for one in stage.pushes:
        await one.watch.settled()
    # It did not answer two: it is left alone.
    assert len(hangs.received) == 2
    hangs.go_on()
    await until_pushed(stage, *slow)
    works.stop()
    assert works.wrong == []


async def test_a_push_whose_answer_was_lost_is_shown_once(stage: Stage) -> None:
    """It comes twice, and says that it is the same."""
    push, browser = stage.server(push_timeout=0.2), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.hanging.add("")
    id_ = await stage.tell()
    await stage.after(AFTER)
    stage.service.go_on()
    await until_pushed(stage, browser)
    assert {push.message["id"] for push in stage.service.received} == {str(id_)}
    assert {push.headers["topic"] for push in stage.service.received} == {"notification"}


async def test_a_server_that_dies_in_between_leaves_it_to_another(stage: Stage) -> None:
    dies, lives = stage.server(), stage.server()
    browser = Browser(stage.service)
    await stage.subscribe(dies, browser)
    stage.service.hanging.add("")
    await stage.tell()
    stage.clock.advance(int(AFTER * 1000))
    running = asyncio.create_task(dies.watch.run())
    await wait_until(lambda: stage.service.received, "it was not sent")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    stage.pushes.remove(dies)
    stage.service.go_on()
    await stage.after(5)  # six times the timeout, the lease, is not over
    assert len(stage.service.received) == 1
    await stage.after(1)
    assert len(browser.pushes) == 1
    assert lives in stage.pushes


async def test_what_is_unsubscribed_while_it_is_due_is_not_pushed(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    await stage.tell()
    await stage.log.pushes.unsubscribe("7", browser.endpoint)
    await stage.after(AFTER)
    assert stage.service.received == []


async def test_who_was_revoked_is_told_no_more(stage: Stage) -> None:
    push = stage.server()
    by_token, by_subject, stays = (Browser(stage.service) for _ in range(3))
    await stage.subscribe(push, by_token, token_id="lost")
    await stage.subscribe(push, stays, token_id="kept")
    await stage.subscribe(push, by_subject, "8")
    stage.revoked.update({"lost", "8"})
    for subject in ("7", "8"):
        await stage.tell(subject)
    await stage.after(AFTER)
    assert [len(it.pushes) for it in (by_token, by_subject, stays)] == [0, 0, 1]
    assert await stage.log.pushes.subscriptions("8") == []


async def test_until_it_is_known_who_was_revoked_nothing_is_pushed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    known: list[bool] = []

    def is_revoked(_grants: Grants) -> bool:
        if not known:
            raise AuthUnavailable("not yet")
        return False

    monkeypatch.setattr(push.watch._sender, "_is_revoked", is_revoked)
    await stage.tell()
    await stage.after(AFTER)
    assert stage.service.received == []
    known.append(True)
    await stage.after(1)
    assert len(browser.pushes) == 1


async def test_a_subscription_whose_time_is_over_is_dropped(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser, expires=stage.clock.now + 10_000)
    await stage.tell()
    await stage.after(AFTER)
    assert stage.service.received == []
    assert await stage.log.pushes.subscriptions("7") == []


async def test_with_a_new_key_old_subscriptions_are_dropped_and_new_ones_work(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Browser(stage.service), Browser(stage.service)
    before = stage.server()
    await stage.subscribe(before, old)
    stage.pushes.remove(before)
    await before.watch._sender.close()
    after = stage.server(push_key="q6Qr2cHcVXYxWZBHlLwcDYVYY1d1mWCdUeXHmQvk4nM")
    assert (await after.key()).public != (await before.key()).public
    await stage.subscribe(after, new)
    await stage.tell()
    await stage.after(AFTER)
    assert [len(browser.pushes) for browser in (old, new)] == [0, 1]
    assert [it.endpoint for it in await stage.log.pushes.subscriptions("7")] == [new.endpoint]


async def test_a_service_that_is_named_no_longer_is_not_sent_to(stage: Stage) -> None:
    before, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(before, browser)
    stage.pushes.remove(before)
    stage.server(push_services=())
    await stage.tell()
    await stage.after(AFTER)
    assert stage.service.received == []


async def test_while_the_log_is_away_nothing_is_lost(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    await stage.tell()
    stage.clock.advance(int(AFTER * 1000))
    stage.log.failing = True
    await push.watch.look()
    await push.watch.settled()
    assert stage.service.received == []
    stage.log.failing = False
    await stage.after(6)
    assert len(browser.pushes) == 1


async def test_what_goes_wrong_in_us_is_logged_and_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)

    def fails(*_: object) -> bytes:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(in_sender, "message_of", fails)
        await stage.tell()
        await stage.after(AFTER)
    assert "a push could not be sent" in caplog.text
    await stage.after(60)
    assert len(browser.pushes) == 1


async def test_it_is_sent_at_once_where_that_is_asked_for(stage: Stage) -> None:
    push, browser = stage.server(push_after=0.0), Browser(stage.service)
    await stage.subscribe(push, browser)
    await stage.tell()
    await stage.after(0)
    assert len(browser.pushes) == 1


async def test_of_a_long_answer_the_beginning_is_read(stage: Stage) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    stage.service.replies[""] = [Reply(201, body=b"x" * 50_000_000)]
    await stage.tell()
    await stage.after(AFTER)
    await stage.after(AFTER)
    assert len(browser.pushes) == len(stage.service.received) == 1


async def test_a_connection_is_used_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    push, browser = stage.server(), Browser(stage.service)
    await stage.subscribe(push, browser)
    for _ in range(3):
        await stage.tell()
        await stage.after(AFTER)
    client = push.watch._sender._clients[True]
    assert len(client._transport._pool.connections) == 1  # type: ignore[attr-defined]
    assert len(browser.pushes) == 3
