"""The application is asked who it is: with what it needs, once for many, and never for long."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Final

import pytest

from streamer.access import application as module
from streamer.access.application import Application
from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.errors import AuthUnavailable, Forbidden, StreamerError, TokenExpired, Unauthorized
from support.answering import Answering, Endless, settled
from support.seconds_clock import SecondsClock

URL: Final = "http://app.internal:8080/streamer?key=k"
HEADERS: Final = [
    (b"host", b"live.example"),
    (b"cookie", b"session=s1; other=\xe9"),
    (b"authorization", b"Bearer opaque"),
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-forwarded-proto", b"https"),
    (b"origin", b"https://app.example"),
    (b"user-agent", b"curl/8"),
    (b"x-api-key", b"k1"),
    (b"x-other", b"x"),
    (b"accept-encoding", b"gzip"),
    (b"content-length", b"17"),
    (b"connection", b"upgrade"),
]


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


@pytest.fixture
def app(clock: SecondsClock) -> Answering:
    """Knows everybody as user 7."""
    return Answering(json.dumps({"sub": "7", "streamer": {"subscribe": ["chats/**"]}}).encode())


@pytest.fixture
async def application(app: Answering, clock: SecondsClock) -> AsyncIterator[Application]:
    application = Application(
        URL, ttl=10, timeout=5, headers=("X-Api-Key",), client=app.client(), clock=clock
    )
    yield application
    await application.close()


async def ask(application: Application, session: bytes = b"s1", uri: str = "/a") -> Grants:
    cookie = (b"cookie", b"session=" + session)
    return await application.ask([cookie], method="GET", uri=uri)


async def test_it_is_sent_what_it_knows_people_by_and_says_who_it_is(
    application: Application, app: Answering
) -> None:
    grants = await application.ask(HEADERS, method="POST", uri="/api/v1/events?x=1")
    assert grants == Grants("7", subscribe=Patterns(["chats/**"]), issued=SecondsClock().now)
    (request,) = app.requests
    assert (request.method, str(request.url)) == ("GET", URL)
    sent = [(name.lower(), value) for name, value in request.headers.raw]
    for header in HEADERS[1:8]:
        assert sent.count(header) == 1
    assert (b"x-original-method", b"POST") in sent
    assert (b"x-original-uri", b"/api/v1/events?x=1") in sent
    assert (b"host", b"app.internal:8080") in sent
    names = [name for name, _ in sent]
    assert b"x-other" not in names
    assert b"content-length" not in names
    assert [value for name, value in sent if name == b"accept-encoding"] == [b"identity"]
    assert sent.count((b"user-agent", b"curl/8")) == names.count(b"user-agent") == 1


async def test_a_header_that_a_proxy_might_set_is_passed_on_only_if_it_is_named(
    application: Application, app: Answering
) -> None:
    """Anybody may send one: what says who they are must be known to come from a proxy."""
    forged = [
        *((b"x-forwarded-user", b"root"), (b"x-forwarded-email", b"root@app.example")),
        *((b"x-forwarded-groups", b"admin"), (b"x-forwarded-access-token", b"t")),
        *((b"x-forwarded-client-cert", b"Subject=root"), (b"x-forwarded", b"root")),
        *(
            (b"x-remote-user", b"root"),
            (b"remote-user", b"root"),
            (b"x-auth-request-user", b"root"),
        ),
        *((b"x-original-uri", b"/admin"), (b"x-original-method", b"PUT")),
        *((b"x-real-ip", b"127.0.0.1"), (b"forwarded", b"for=127.0.0.1")),
    ]
    await application.ask([*forged, (b"x-api-key", b"k1")], method="GET", uri="/a")
    sent = [(name.lower(), value) for name, value in app.requests[0].headers.raw]
    assert not set(forged) & set(sent)
    assert (b"x-api-key", b"k1") in sent
    assert [value for name, value in sent if name == b"x-original-uri"] == [b"/a"]


async def test_a_path_ends_no_header(application: Application, app: Answering) -> None:
    await ask(application, uri="/a\r\nX-Evil: 1\0é")
    assert app.requests[0].headers["x-original-uri"] == "/a%0D%0AX-Evil:%201%00%C3%A9"


async def test_an_answer_holds_for_its_time_for_whoever_sends_the_same(
    application: Application, app: Answering, clock: SecondsClock
) -> None:
    for uri in ("/a", "/b", "/c"):
        await ask(application, uri=uri)
    assert app.asked == 1
    await ask(application, b"s2")
    assert app.asked == 2
    clock.advance(9.9)
    await ask(application)
    assert app.asked == 2
    clock.advance(0.1)
    await ask(application)
    assert app.asked == 3


async def test_whatever_the_application_may_look_at_makes_another_answer(
    application: Application, app: Answering
) -> None:
    """Also where one header's end could be another's beginning."""
    for count, headers in enumerate(
        [
            [(b"cookie", b"a"), (b"origin", b"b")],
            [(b"cookie", b"ab"), (b"origin", b"")],
            [(b"cookie", b"a"), (b"cookie", b"b")],
            [(b"cookie", b"aorigin"), (b"x-forwarded-for", b"b")],
            [(b"cookie", b"a"), (b"x-api-key", b"b")],
            [],
        ],
        1,
    ):
        await application.ask(headers, method="GET", uri="/")
        assert app.asked == count
    await application.ask([(b"origin", b"b"), (b"cookie", b"a")], method="GET", uri="/")
    assert app.asked == 6


async def test_an_answer_holds_no_longer_than_it_says(
    application: Application, app: Answering, clock: SecondsClock
) -> None:
    app.body = json.dumps({"sub": "7", "exp": clock() + 3}).encode()
    assert (await ask(application)).expires == clock() + 3
    clock.advance(3)
    with pytest.raises(TokenExpired):
        await ask(application)
    assert app.asked == 2


async def test_an_answer_is_as_old_as_it_is_or_as_it_says(
    application: Application, app: Answering, clock: SecondsClock
) -> None:
    """Who revokes a subject means what was said until then: not what is said tomorrow."""
    assert (await ask(application)).issued == clock()
    clock.advance(10)
    assert (await ask(application)).issued == clock()
    app.body = json.dumps({"sub": "7", "iat": clock() - 60}).encode()
    clock.advance(10)
    assert (await ask(application)).issued == clock() - 70


async def test_those_who_ask_at_once_share_one_answer_and_may_leave(
    application: Application, app: Answering
) -> None:
    app.may_answer.clear()
    asking = [asyncio.create_task(ask(application)) for _ in range(20)]
    await app.was_asked(1)
    asking[0].cancel()
    await settled()
    app.may_answer.set()
    assert {(await task).subject for task in asking[1:]} == {"7"}
    assert app.asked == 1


async def test_without_a_time_each_is_asked_about(app: Answering, clock: SecondsClock) -> None:
    application = Application(URL, ttl=0, client=app.client(), clock=clock)
    for count in (1, 2, 3):
        await ask(application)
        assert app.asked == count
    await application.close()


@pytest.mark.parametrize(("status", "refusal"), [(401, Unauthorized), (403, Forbidden)])
async def test_a_refusal_holds_for_a_second(
    application: Application,
    app: Answering,
    clock: SecondsClock,
    status: int,
    refusal: type[StreamerError],
) -> None:
    app.status = status
    for _ in range(3):
        with pytest.raises(refusal, match="refuses these credentials"):
            await ask(application)
    assert app.asked == 1
    app.status = 200
    clock.advance(1)
    assert (await ask(application)).subject == "7"


#: What is logged, and how the application answers then.
WRONG: Final[dict[str, dict[str, object]]] = {
    "it answers with the status 302": {"status": 302, "headers": {"Location": "/login"}},
    "it answers with the status 204": {"status": 204},
    "it answers with the status 500": {"status": 500},
    "the answer must be a JSON object": {"body": b"<html>"},
    "sub is missing": {"body": b"{}"},
    "is_admin must be true or false": {"body": b'{"sub":"7","is_admin":1}'},
    "larger than 65536 bytes": {"body": Endless()},
    "compressed": {"headers": {"Content-Encoding": "gzip"}},
    "it cannot be reached (ConnectError)": {"is_away": True},
}


@pytest.mark.parametrize("why", WRONG)
async def test_whatever_else_it_answers_says_nothing_and_is_not_kept(
    application: Application, app: Answering, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    for name, value in WRONG[why].items():
        setattr(app, name, value)
    for _ in range(2):
        with pytest.raises(AuthUnavailable) as caught:
            await ask(application)
        assert caught.value.retry_after == 1.0
        assert "app.internal" not in caught.value.detail
    assert app.asked == 2
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert why in lines[0].getMessage()
    assert "key=k" not in lines[0].getMessage()


async def test_it_must_answer_in_time(app: Answering, caplog: pytest.LogCaptureFixture) -> None:
    application = Application(URL, timeout=0.05, client=app.client())
    app.may_answer.clear()
    with pytest.raises(AuthUnavailable):
        await ask(application)
    assert "no answer in 0.05 seconds" in caplog.text
    await application.close()


async def test_a_crowd_is_sent_away_before_it_takes_the_application_down(
    application: Application, app: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    app.may_answer.clear()
    asking = [asyncio.create_task(ask(application, b"%d" % number)) for number in range(3)]
    await app.was_asked(3)
    with pytest.raises(AuthUnavailable, match="too many wait"):
        await ask(application, b"x")
    app.may_answer.set()
    await asyncio.gather(*asking)
    assert (await ask(application, b"x")).subject == "7"


async def test_answers_that_are_kept_are_bounded(
    application: Application, app: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_ANSWERS", 2)
    for session in (b"1", b"2", b"1", b"3", b"1"):
        await ask(application, session)
    assert app.asked == 3
    await ask(application, b"2")
    assert app.asked == 4


async def test_once_closed_nobody_is_asked_any_more(app: Answering) -> None:
    application = Application(URL, client=app.client())
    app.may_answer.clear()
    asking = asyncio.create_task(ask(application))
    await app.was_asked(1)
    await application.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_by_itself_it_asks_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would be sent everybody's cookies."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    application = Application("http://127.0.0.1:9/")
    assert not application._client._mounts
    await application.close()
