"""The Python client presents a token, to the server that it is for, and shows it nowhere."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.client import Refused, follow, follow_async
from streamer.client.bearer import Bearer
from streamer.client.publish import publish
from support.scripted_server import ScriptedServer

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


async def test_a_token_is_sent_with_each_request() -> None:
    with ScriptedServer(STREAM) as server:
        list(follow(server.url, "a", token=TOKEN))
        assert presented(server) == [f"Bearer {TOKEN}"]
    with ScriptedServer(STREAM) as server:
        assert [event.type async for event in follow_async(server.url, "a", token=TOKEN)] == ["end"]
        assert presented(server) == [f"Bearer {TOKEN}"]
    with ScriptedServer(PUBLISHED) as server:
        assert publish(server.url, "a", "note", {}, token=TOKEN) == "1-0"
        assert presented(server) == [f"Bearer {TOKEN}"]


async def test_a_function_is_asked_before_each_connection_and_once_more_where_it_is_refused() -> (
    None
):
    tokens = iter(["one", "two"])
    with ScriptedServer(REFUSED, STREAM) as server:
        list(follow(server.url, "a", token=lambda: next(tokens)))
        assert presented(server) == ["Bearer one", "Bearer two"]
    more = iter(["one", "two"])

    async def another() -> str:
        return next(more)

    with ScriptedServer(REFUSED, REFUSED) as server:
        with pytest.raises(Refused, match="too late"):
            [event async for event in follow_async(server.url, "a", token=another)]
        assert presented(server) == ["Bearer one", "Bearer two"]


def test_another_server_that_it_is_sent_to_is_not_given_it() -> None:
    """It is for the one that it was meant for."""
    with ScriptedServer(STREAM) as there:
        script = moved(there.url, "/api/v1/stream?topic=a")
        with ScriptedServer(script) as here:
            list(follow(here.url, "a", token=TOKEN))
            assert (presented(here), presented(there)) == ([f"Bearer {TOKEN}"], [None])
    with ScriptedServer(PUBLISHED) as there, ScriptedServer(moved(there.url, "/x")) as here:
        publish(here.url, "a", "note", {}, token=TOKEN)
        assert (presented(here), presented(there)) == ([f"Bearer {TOKEN}"], [None])


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f"{TOKEN} x", f"{TOKEN}é", ""])
def test_what_no_header_carries_is_refused_without_being_shown(token: str) -> None:
    for ask in (
        lambda: list(follow("http://127.0.0.1:9", "a", token=token)),
        lambda: publish("http://127.0.0.1:9", "a", "note", {}, token=token),
    ):
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
