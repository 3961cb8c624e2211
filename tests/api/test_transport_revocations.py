"""Tokens are taken back by admins, and what was opened with them ends, in every process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from streamer.access.grants import EVERY_TOPIC, Grants
from streamer.api.asker import Asker, Connection
from streamer.errors import TokenRevoked
from streamer.eventlog.memory.log import MemoryEventLog
from support.stage import HANDSHAKE, Peer, Stage
from support.wall import EPOCH

PATH = "/api/v1/revocations"
STREAM = "/api/v1/projects/p/stream"
REVOKED = (
    b'{"type":"expired","code":"token_revoked","detail":"the token of this stream was revoked"}'
)


def grants(name: str, jti: str, issued: float = EPOCH - 10, **more: Any) -> Grants:  # noqa: ANN401
    return Grants(name, subscribe=EVERY_TOPIC, token_id=jti, issued=issued, **more)


KNOWN = {
    "root": grants("root", "root-1", is_admin=True),
    "ann": grants("ann", "ann-1"),
    "ann's other": grants("ann", "ann-2"),
    "ann's later": grants("ann", "ann-3", EPOCH + 1000),
    "made of ann's": grants("ann", "x", parent_id="ann-1"),
    "bob": grants("bob", "bob-1"),
}


async def by_name(connection: Connection) -> Asker:
    name = dict(connection.scope["headers"])[b"x-name"].decode()
    grants = KNOWN[name]
    if connection.app.state.revocations.is_revoked(grants):
        raise TokenRevoked("the token was revoked")
    return Asker("somewhere", grants.subject, grants)


class Server(Stage):
    def open(self, name: str, *, socket: bool = False) -> Peer:
        headers = {**(HANDSHAKE if socket else {}), "X-Name": name}
        peer = Peer(self, STREAM, headers)
        self.settle()
        return peer

    def ask(self, name: str, method: str, body: bytes = b"", query: str = "") -> tuple[int, Any]:
        headers = {"X-Name": name, "Content-Length": str(len(body))}
        peer = Peer(self, PATH + query, headers, method=method, body=body)
        self.settle()
        head, _, rest = peer.take().partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), json.loads(rest)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(door=by_name)
    yield server
    assert server.loop.faults == []
    server.end()


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        (b'{"jti":"ann-1"}', {"ann", "made of ann's"}),
        (b'{"sub":"ann"}', {"ann", "ann's other", "made of ann's"}),
        (b'{"sub":"nobody"}', set()),
        (b'{"jti":"ann"}', set()),
    ],
)
def test_what_was_opened_with_a_revoked_token_ends_at_once_and_no_other(
    server: Server, body: bytes, ended: set[str]
) -> None:
    peers = {
        (name, socket): server.open(name, socket=socket)
        for name in KNOWN
        for socket in (False, True)
    }
    status, answer = server.ask("root", "POST", body)
    assert status == 201
    assert answer == {**json.loads(body), "revoked_at": "2025-02-02T08:00:00.000Z"}
    server.settle()
    assert {name for (name, _), peer in peers.items() if REVOKED in peer.take()} == ended
    for (name, socket), peer in peers.items():
        ends = (b"\x03\xf0Unauthorized" if socket else b"\r\n0\r\n\r\n") in peer.take()
        assert ends is (name in ended), name
    number = server.publish("projects/p")
    server.settle()
    assert {name for (name, _), peer in peers.items() if number not in peer.numbers} == ended


def test_who_revoked_and_what_ended_is_in_the_log(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """One line each, which nothing in a name can forge."""
    stream_id = server.open("ann").take().partition(b'"stream_id":"')[2].partition(b'"')[0]
    connection = stream_id[:21].decode()
    with caplog.at_level(logging.INFO, "streamer.access"):
        server.ask("root", "POST", b'{"jti":"ann-1"}')
        server.ask("root", "POST", b'{"sub":"a event=forged"}')
    reason = '"the token of this stream was revoked"'
    of_stream = "subject=ann client=somewhere transport=sse topics=projects/p"
    said = [record for record in caplog.records if record.name == "streamer.access"]
    assert [record.getMessage() for record in said] == [
        f"event=revoked code=token_revoked reason={reason} {of_stream} connection={connection}",
        "event=revoked jti=ann-1 by=root client=somewhere",
        'event=revoked sub="a event=forged" by=root client=somewhere',
    ]


def test_a_revoked_token_opens_nothing(server: Server) -> None:
    server.ask("root", "POST", b'{"jti":"ann-1"}')
    assert b" 401 " in server.open("ann").take().splitlines()[0]
    assert b'"code":"token_revoked"' in server.open("ann").take()
    assert b'"code":"token_revoked"' in server.open("ann", socket=True).take()
    assert b'"code":"token_revoked"' in server.open("made of ann's").take()
    assert b" 200 " in server.open("ann's other").take().splitlines()[0]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_an_admin_may(server: Server, method: str) -> None:
    """Also of what is not there, and of what is malformed: nothing is learned from it."""
    for body in (b'{"jti":"ann-1"}', b'{"sub":"nobody"}', b"nonsense"):
        status, problem = server.ask("ann", method, body)
        assert (status, problem["code"]) == (403, "forbidden")
    assert server.ask("root", "GET")[1]["total"] == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"{}", "invalid_fields"),
        (b'{"sub":"a","jti":"b"}', "invalid_fields"),
        (b'{"iss":"a"}', "invalid_fields"),
        (b'{"sub":""}', "invalid_fields"),
        (b'{"sub":7}', "invalid_fields"),
        (b'{"sub":null}', "invalid_fields"),
        (b'{"sub":"a\\nb"}', "invalid_fields"),
        (b'{"sub":"\\u0000"}', "invalid_fields"),
        (b'{"sub":"' + b"a" * 256 + b'"}', "invalid_fields"),
    ],
)
def test_what_names_no_token_is_refused_and_revokes_none(
    server: Server, body: bytes, code: str
) -> None:
    status, problem = server.ask("root", "POST", body)
    assert (status, problem["code"]) == (400, code)
    assert server.ask("root", "GET")[1] == {"revocations": [], "total": 0}


def test_the_list_has_the_newest_first_and_says_how_many_there_are(server: Server) -> None:
    for number in range(3):
        server.ask("root", "POST", b'{"jti":"%d"}' % number)
        server.pass_seconds(1.0)
    server.ask("root", "POST", '{"sub":"ü *"}'.encode())
    status, answer = server.ask("root", "GET", query="?limit=2")
    assert status == 200
    assert answer == {
        "revocations": [
            {"sub": "ü *", "revoked_at": "2025-02-02T08:00:03.000Z"},
            {"jti": "2", "revoked_at": "2025-02-02T08:00:02.000Z"},
        ],
        "total": 4,
    }
    assert server.ask("root", "GET", query="?limit=0")[0] == 400


def test_an_admin_may_revoke_itself(server: Server) -> None:
    stream = server.open("root")
    assert server.ask("root", "POST", b'{"sub":"root"}')[0] == 201
    assert REVOKED in stream.take()
    assert server.ask("root", "GET")[0] == 401


def test_where_nobody_is_asked_there_is_nothing_to_revoke() -> None:
    """What anybody could revoke there would count when the server is closed."""
    server = Server()
    for method in ("GET", "POST"):
        status, problem = server.ask("root", method, b'{"sub":"ann"}')
        assert (status, problem["code"]) == (403, "forbidden")
    assert server.loop.run(server.log.access.revocations())[1] == []
    server.end()


def test_what_another_process_revokes_ends_streams_here_within_a_second(server: Server) -> None:
    stream, other = server.open("ann"), server.open("bob")
    log = server.log._log
    assert isinstance(log, MemoryEventLog)
    elsewhere = Server(door=by_name)
    elsewhere.log._log = log
    elsewhere.app.state.revocations._access = log.access
    assert elsewhere.ask("root", "POST", b'{"sub":"ann"}')[0] == 201
    assert REVOKED not in stream.take()
    server.pass_seconds(0.75)
    assert REVOKED in stream.take()
    assert REVOKED not in other.take()
    elsewhere.end()
