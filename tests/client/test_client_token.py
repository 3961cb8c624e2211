"""The Python client presents a token, to the server that it is for, and shows it nowhere."""

from __future__ import annotations

import functools
import threading
import time
import traceback
from collections.abc import Callable, Iterator

import httpx
import jwt
import pytest
from click.testing import CliRunner, Result

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.cli import main
from streamer.client import Interruption, Refused
from streamer.client.bearer import Bearer
from streamer.client.publish import publish
from support.following import END, WAYS, Way, answers, body, over_every_way, says
from support.live import StartLive
from support.scripted_server import ScriptedServer
from support.waiting import wait_until_blocking

pytestmark = pytest.mark.usefixtures("soon")

#: What the tokens of a real server are signed with.
SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = "hunter2.eyJ.x_-"
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b"event: end\ndata: {}\n\n"
)
REFUSED = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\n"
    b'Content-Length: 21\r\nConnection: close\r\n\r\n{"detail":"too late"}'
)
PUBLISHED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 12\r\n"
    b'Connection: close\r\n\r\n{"id":"1-0"}'
)


def moved(to: str, path: str) -> bytes:
    head = f"HTTP/1.1 307 Moved\r\nLocation: {to}{path}\r\nContent-Length: 0\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


def presented(server: ScriptedServer) -> list[str | None]:
    """The ``Authorization`` of each request."""
    found = []
    for request in server.requests:
        lines = dict(line.partition(": ")[::2] for line in request.split("\r\n"))
        found.append({name.lower(): value for name, value in lines.items()}.get("authorization"))
    return found


@over_every_way()
def test_a_token_is_sent_with_each_request(way: Way) -> None:
    with ScriptedServer(says(END)) as server:
        way.follow(server.url, "a", token=TOKEN)
        assert presented(server) == [f"Bearer {TOKEN}"]
    assert TOKEN not in server.requests[0].partition("\r\n")[0]


def test_a_token_is_sent_with_what_is_published() -> None:
    with ScriptedServer(PUBLISHED) as server:
        assert publish(server.url, "a", "note", {}, token=TOKEN) == "1-0"
        assert presented(server) == [f"Bearer {TOKEN}"]


def asked(way: Way, tokens: Iterator[str]) -> Callable[[], object]:
    """A function that is asked for one token after the other."""

    async def later() -> str:
        return next(tokens)

    return later if way.asynchronous else tokens.__next__


@over_every_way()
def test_a_function_is_asked_before_each_connection_and_once_more_where_it_is_refused(
    way: Way,
) -> None:
    with ScriptedServer(REFUSED, says(END)) as server:
        way.follow(server.url, "a", token=asked(way, iter(["one", "two"])))
        assert presented(server) == ["Bearer one", "Bearer two"]
    with ScriptedServer(REFUSED, REFUSED) as server:
        with pytest.raises(Refused, match="too late"):
            way.follow(server.url, "a", token=asked(way, iter(["one", "two"])))
        assert presented(server) == ["Bearer one", "Bearer two"]


@over_every_way()
def test_what_the_function_raises_is_the_caller_s(way: Way) -> None:
    """Also where it looks like a connection that was lost."""

    def failing() -> str:
        raise httpx.ConnectError("the application is away")

    async def failing_later() -> str:
        return failing()

    with ScriptedServer() as server, pytest.raises(httpx.ConnectError, match="application"):
        way.follow(server.url, "a", token=failing_later if way.asynchronous else failing)


@over_every_way()
def test_an_open_stream_goes_on_with_another_token(way: Way, start_live: StartLive) -> None:
    """It is warned before its token ends, and outlives it, on one connection."""
    live = start_live(STREAMER_AUTH_SECRET=SECRET, STREAMER_AUTH_LEEWAY="0")
    everything = Patterns(["**"])
    issuer, grants = Issuer(SECRET), Grants("ann", subscribe=everything, publish=everything)
    made: list[str] = []

    def token() -> str:
        made.append(issuer.issue(grants, 60 if made else 5))
        return made[-1]

    async def token_later() -> str:
        return token()

    def publish_when_the_first_is_over() -> None:
        wait_until_blocking(lambda: len(made) == 2, "no other token was asked for")
        over = jwt.decode(made[0], options={"verify_signature": False})["exp"]
        wait_until_blocking(lambda: time.time() > over + 0.5, "time stood still")
        publish(live.url, "jobs/j", "completed", {}, token=made[1])

    background = threading.Thread(target=publish_when_the_first_is_over)
    background.start()
    told: list[Interruption] = []
    asked_for = token_later if way.asynchronous else token
    events = way.follow(live.url, "jobs/j", token=asked_for, on_reconnect=told.append)
    background.join()
    assert told == []
    assert [event.type for event in events] == ["connected", "caught_up", "completed", "end"]
    assert len(made) == 2


@over_every_way()
def test_a_token_that_is_not_taken_is_one_that_ends(way: Way) -> None:
    """The stream goes on to its end, and with the next token after it."""
    path = "/api/v1/streams/a/token"
    expiring = body("expiring", refresh=path, expires_at="2026-11-27T11:47:18.000Z")
    expired = body("expired", code="token_expired", detail="it has expired")
    script = says(body("connected", "1-0"), expiring, expired)
    refresh = [answers("404 Not Found")] * (way.transport == "sse")
    told: list[str] = []
    with ScriptedServer(script, *refresh, says(END)) as server:
        way.follow(
            server.url,
            "a",
            token=asked(way, iter(["one", "two", "three"])),
            on_reconnect=lambda one: told.append(one.reason),
        )
    shown = ["Bearer one", "Bearer three"]
    if refresh:
        shown.insert(1, "Bearer two")
        assert server.requests[1].startswith(f"POST {path} ")
    assert presented(server) == shown
    assert told == ["it has expired"]


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_another_server_that_it_is_sent_to_is_not_given_it(way: Way) -> None:
    """It is for the one that it was meant for."""
    with ScriptedServer(STREAM) as there:
        script = moved(there.url, "/api/v1/stream?topic=a")
        with ScriptedServer(script) as here:
            way.follow(here.url, "a", token=TOKEN)
            assert (presented(here), presented(there)) == ([f"Bearer {TOKEN}"], [None])
    with ScriptedServer(PUBLISHED) as there, ScriptedServer(moved(there.url, "/x")) as here:
        publish(here.url, "a", "note", {}, token=TOKEN)
        assert (presented(here), presented(there)) == ([f"Bearer {TOKEN}"], [None])


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN} x", f"{TOKEN}é", ""])
def test_what_no_header_carries_is_refused_without_being_shown(token: str) -> None:
    url = "http://127.0.0.1:9"
    calls: list[Callable[[], object]] = [lambda: publish(url, "a", "note", {}, token=token)]
    calls += [functools.partial(way.follow, url, "a", token=token) for way in WAYS]
    for ask in calls:
        with pytest.raises(Refused, match="no header can carry") as refused:
            ask()
        assert "hunter2" not in "".join(traceback.format_exception(refused.value))


def test_it_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Bearer(TOKEN))
    assert "hunter2" not in repr(vars(Bearer(TOKEN)).keys())


def call(*arguments: str, token: str | None = None) -> Result:
    environ = {"STREAMER_TOKEN": token, "COLUMNS": "300"}
    return CliRunner().invoke(main, list(arguments), env=environ)


def commands(url: str) -> Iterator[list[str]]:
    yield ["tail", "a", "--url", url]
    yield ["publish", "a", "note", "--url", url]


def test_commands_take_it_from_the_variable_or_an_option_and_show_it_nowhere() -> None:
    for number, answer in enumerate((STREAM, PUBLISHED)):
        for option, variable in (([], TOKEN), (["--token", TOKEN], "other")):
            with ScriptedServer(answer) as server:
                result = call(*list(commands(server.url))[number], *option, token=variable)
                assert result.exit_code == 0, result.output
                assert presented(server) == [f"Bearer {TOKEN}"]
                assert "hunter2" not in result.output
        with ScriptedServer(REFUSED) as server:
            result = call(*list(commands(server.url))[number], "--token", TOKEN)
            assert result.exit_code == 1
            assert "too late" in result.output
            assert "hunter2" not in result.output


def test_a_token_that_cannot_be_one_is_refused_without_being_shown() -> None:
    for arguments in commands("http://127.0.0.1:9"):
        for option, variable in (([], f"{TOKEN} x"), (["--token", f"{TOKEN}\n"], None)):
            result = call(*arguments, *option, token=variable)
            assert result.exit_code == 2
            assert "is '***'; it must be a token" in result.output
            assert "hunter2" not in result.output
    assert "hunter2" not in call("check", token=TOKEN).output
