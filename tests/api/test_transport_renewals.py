"""An open stream goes on with a new token of the same subject, and with no other."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.errors import LogUnavailable
from streamer.eventlog.access import Renewal
from streamer.events.new_event import new_event
from streamer.hub.stream_ids import StreamIds
from support.asgi_peer import AsgiPeer
from support.asking import ClosedStage
from support.stage import HANDSHAKE, Peer
from support.wall import EPOCH

PATH = "/api/v1/projects/p/stream"


def grants(name: str, *topics: str, lives: float | None = None, **more: Any) -> Grants:  # noqa: ANN401
    expires = None if lives is None else EPOCH + lives
    return Grants(name, subscribe=Patterns(topics), expires=expires, **more)


TOKENS = {
    "short": grants("ann", "projects/p", "chats/1", lives=100, issued=EPOCH),
    "long": grants("ann", "projects/p", "chats/2", lives=1000, token_id="long", issued=EPOCH),
    "for-ever": grants("ann", "projects/*"),
    "less": grants("ann", "projects/q", lives=1000),
    "of-bob": grants("bob", "projects/p", lives=1000),
    "admin": grants("root", is_admin=True, lives=1000),
    "over": grants("ann", "projects/p", lives=0),
}


class Server(ClosedStage):
    """Knows tokens by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens.good.update(TOKENS)

    def open(self, token: str, path: str = PATH, *, socket: bool = False) -> Peer:
        peer = self.peer(path, token, method="WEBSOCKET" if socket else "GET")
        self.settle()
        self.settle()
        return peer

    def post(self, stream_id: str, token: str | None, path: str = "") -> tuple[int, str]:
        """The status and the code of the answer."""
        target = path or f"/api/v1/streams/{stream_id}/token"
        answer = self.ask(target, token, method="POST")
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split(" ", 2)[1]), json.loads(body)["code"] if body else ""


def stream_id_of(peer: Peer | AsgiPeer) -> str:
    received = peer.take() if isinstance(peer, Peer) else peer.received
    return received.partition(b'"stream_id":"')[2].partition(b'"')[0].decode()


def command(peer: Peer, server: Server, **fields: str) -> bytes:
    """Send one; return what came since."""
    before = len(peer.take())
    peer.send_frames(json.dumps(fields))
    server.settle()
    server.settle()
    return peer.take()[before:]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()
    assert server.loop.faults == []
    assert not server.hub.counts


# Over WebSocket


def test_a_websocket_goes_on_with_a_new_token(server: Server) -> None:
    socket = server.open("short", socket=True)
    said = command(socket, server, type="token", token="long")
    assert b'{"type":"refreshed","expires_at":"2025-02-02T08:16:40.000Z"}' in said
    server.pass_seconds(200.0)
    number = server.publish("projects/p")
    server.settle()
    assert socket.numbers == [number]
    server.pass_seconds(800.0)
    assert b'"code":"token_expired"' in socket.take()


def test_a_token_that_does_not_end_is_said_to(server: Server) -> None:
    socket = server.open("short", socket=True)
    assert b'"expires_at":null' in command(socket, server, type="token", token="for-ever")
    server.pass_seconds(2000.0)
    assert b"expired" not in socket.take()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("of-bob", "not_found"),
        ("admin", "not_found"),
        ("less", "forbidden"),
        ("forged", "invalid_token"),
        ("ended", "token_expired"),
        ("over", "token_expired"),
        ("", "invalid_frame"),
        ("a b", "invalid_frame"),
        ("a\r\nx: y", "invalid_frame"),
        ("ü", "invalid_frame"),
        ("a=b", "invalid_frame"),
    ],
)
def test_another_is_refused_and_the_socket_keeps_the_one_it_has(
    server: Server, token: str, code: str
) -> None:
    socket = server.open("short", socket=True)
    said = command(socket, server, type="token", token=token)
    assert b'{"type":"refused","code":"%b"' % code.encode() in said
    assert b"refreshed" not in said
    server.pass_seconds(99.75)
    assert b"token_expired" not in socket.take().replace(said, b"")
    server.pass_seconds(0.25)
    assert b'{"type":"expired","code":"token_expired"' in socket.take()


def test_a_frame_without_a_token_is_refused_without_repeating_what_it_holds(
    server: Server,
) -> None:
    socket = server.open("short", socket=True)
    for fields in ({}, {"token": ["secret-1"]}, {"token": "secret 2"}, {"tokens": "secret-3"}):
        said = command(socket, server, type="token", **fields)
        assert b"invalid_frame" in said
        assert b"secret" not in said


def test_what_is_subscribed_afterwards_is_by_the_new_token(server: Server) -> None:
    socket = server.open("short", socket=True)
    assert b"forbidden" in command(socket, server, type="subscribe", topic="chats/2")
    command(socket, server, type="token", token="long")
    assert b'"subscribed"' in command(socket, server, type="subscribe", topic="chats/2")
    assert b"forbidden" in command(socket, server, type="subscribe", topic="chats/1")


def test_so_it_is_when_the_token_came_by_another_connection(server: Server) -> None:
    socket = server.open("short", socket=True)
    assert server.post(stream_id_of(socket), "long")[0] == 204
    assert b"forbidden" in command(socket, server, type="subscribe", topic="chats/1")
    assert b'"subscribed"' in command(socket, server, type="subscribe", topic="chats/2")


@pytest.mark.parametrize("steps", range(14))
def test_nothing_is_subscribed_that_a_token_which_comes_meanwhile_may_not_read(
    server: Server, steps: int
) -> None:
    """Whichever comes first, at whatever point of the other: one of them is refused."""
    socket = server.open("short", socket=True)
    stream_id = stream_id_of(socket)
    socket.send_frames('{"type":"subscribe","topic":"chats/1"}')
    for _ in range(steps):
        server.step()
    renewing = server.peer(f"/api/v1/streams/{stream_id}/token", "long", method="POST")
    status = server.answer(renewing).split(b" ", 2)[1]
    server.settle()
    is_subscribed = b'"subscribed"' in socket.take()
    assert (status, is_subscribed) in [(b"204", False), (b"403", True)]
    assert (b'"forbidden"' in socket.take()) is not is_subscribed


def test_a_token_that_may_not_read_what_was_subscribed_is_refused(server: Server) -> None:
    socket = server.open("short", socket=True)
    command(socket, server, type="subscribe", topic="chats/1")
    assert b"forbidden" in command(socket, server, type="token", token="long")
    command(socket, server, type="unsubscribe", topic="chats/1")
    assert b"refreshed" in command(socket, server, type="token", token="long")


def test_a_server_that_is_not_ours_renews_as_well(server: Server) -> None:
    peer = AsgiPeer(server, PATH, {"Authorization": "Bearer short"}, kind="websocket")
    server.settle()
    server.settle()
    peer.send_frame('{"type":"token","token":"long"}')
    server.settle()
    assert b'"refreshed"' in peer.received
    server.pass_seconds(200.0)
    assert b"expired" not in peer.received
    peer.leave()


def test_a_socket_that_leaves_while_its_token_is_looked_at_leaves_nothing(
    server: Server,
) -> None:
    socket = Peer(server, "/api/v1/jobs/j/stream", {**HANDSHAKE, "Authorization": "Bearer admin"})
    server.settle()
    server.settle()
    server.tokens.good["again"] = grants("root", lives=1000)
    server.log.pausing = True
    socket.send_frames('{"type":"token","token":"again"}')
    for _ in range(5):
        socket.go_on()
        server.loop.turn(5)
    assert server.log.waiting == 1, "its project is looked up"
    socket.leave()
    server.settle()
    server.settle()
    assert not server.hub.counts


# Over HTTP


@pytest.mark.parametrize("is_socket", [False, True])
def test_a_stream_goes_on_with_the_token_of_a_request(server: Server, is_socket: bool) -> None:
    stream = server.open("short", socket=is_socket)
    server.pass_seconds(50.0)
    assert b'"expiring"' in stream.take()
    address = stream.take().partition(b'"refresh":"')[2].partition(b'"')[0].decode()
    assert server.post("", "long", address) == (204, "")
    server.pass_seconds(889.75)
    assert stream.take().count(b'"expiring"') == 1
    server.pass_seconds(0.25)
    assert stream.take().count(b'"expiring"') == 2, "a minute before the new end"
    assert b'"expired"' not in stream.take()
    number = server.publish("projects/p")
    server.settle()
    assert stream.numbers == [number]
    server.pass_seconds(60.0)
    assert b'{"type":"expired","code":"token_expired"' in stream.take()


def test_what_is_not_open_and_what_is_somebody_elses_are_the_same_answer(server: Server) -> None:
    """Never there, malformed, just closed, or another's: nothing tells them apart."""
    stream, closed = server.open("short"), server.open("short")
    gone = stream_id_of(closed)
    closed.leave()
    server.settle()
    path = "/api/v1/streams/{}/token"
    process = server.hub.stream_ids.process
    answers = {
        server.ask(path.format(stream_id), token, method="POST")
        for stream_id, token in (
            (stream_id_of(stream), "of-bob"),
            (stream_id_of(stream), "admin"),
            (gone, "long"),
            (f"{process}.{'0' * 32}", "long"),
            ("nonsense", "long"),
            ("a.b", "long"),
            (f"{process}.{'%0d' * 32}", "long"),
        )
    }
    assert len({answer.replace("of-bob", "") for answer in answers}) == 1
    assert "404" in answers.pop().splitlines()[0]


def test_a_token_that_may_not_read_the_stream_changes_nothing(server: Server) -> None:
    stream = server.open("short")
    assert server.post(stream_id_of(stream), "less") == (403, "forbidden")
    assert server.post(stream_id_of(stream), "forged") == (401, "invalid_token")
    assert server.post(stream_id_of(stream), "over") == (401, "token_expired")
    assert server.post(stream_id_of(stream), None) == (401, "unauthorized")
    server.pass_seconds(100.0)
    assert b'"expired"' in stream.take()


def test_the_new_token_is_that_by_which_it_is_revoked(server: Server) -> None:
    stream = server.open("short")
    server.post(stream_id_of(stream), "long")
    revocations = server.app.state.revocations
    server.loop.run(revocations.revoke("jti", "long"))
    server.settle()
    assert b'"code":"token_revoked"' in stream.take()


def test_a_job_is_looked_up_in_its_project(server: Server) -> None:
    """The log may be slow, and the stream may end meanwhile: then it is not open."""
    event = new_event(["jobs/j", "projects/p"], "progress", {"progress": 0.5, "task_name": "t"})
    server.loop.run(server.log.append(event))
    stream = server.open("short", "/api/v1/jobs/j/stream")
    assert server.post(stream_id_of(stream), "less") == (403, "forbidden")
    assert server.post(stream_id_of(stream), "long") == (204, "")
    server.log.pausing = True
    target = f"/api/v1/streams/{stream_id_of(stream)}/token"
    asking = server.peer(target, "long", method="POST")
    server.loop.turn(10)
    assert server.log.waiting == 1
    stream.leave()
    server.loop.turn(10)
    server.settle()
    assert b" 404 " in asking.take().splitlines()[0]


def test_it_is_in_the_log_and_no_token_is(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    stream = server.open("short")
    with caplog.at_level(logging.INFO, "streamer.access"):
        server.post(stream_id_of(stream), "long")
        server.post(stream_id_of(stream), "less")
    said = [record.getMessage() for record in caplog.records if record.name == "streamer.access"]
    named = "subject=ann client=unknown transport=sse topics=projects/p"
    assert said[0] == f"event=refreshed {named} connection={stream_id_of(stream)[:21]}"
    assert said[1].startswith("event=refused code=forbidden")
    assert not any(word in line for line in said for word in ("long", "less"))


# In another process


@pytest.fixture
def other(server: Server) -> Iterator[Server]:
    """Another process of the same log."""
    other = Server()
    other.app.state.renewals._log = server.log
    yield other
    other.end()
    assert other.loop.faults == []


def ask_elsewhere(server: Server, other: Server, stream_id: str, token: str) -> tuple[str, float]:
    """Ask `other` to renew a stream that `server` may have; the answer, and how long it took."""
    before = other.loop.time()
    peer = other.peer(f"/api/v1/streams/{stream_id}/token", token, method="POST")
    for _ in range(60):
        for each in (server, other):
            each.settle()
            each.loop.advance(0.05)
        if answer := peer.take():
            return answer.decode(), other.loop.time() - before
    raise AssertionError("no answer came")


def test_a_stream_of_another_process_is_renewed_there(server: Server, other: Server) -> None:
    stream = server.open("short")
    answer, took = ask_elsewhere(server, other, stream_id_of(stream), "long")
    assert answer.startswith("HTTP/1.1 204 ")
    assert took <= 1.0
    server.pass_seconds(200.0)
    assert b"expired" not in stream.take()


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [("of-bob", 404, "not_found"), ("less", 403, "forbidden"), ("over", 401, "token_expired")],
)
def test_another_process_refuses_as_this_one_does(
    server: Server, other: Server, token: str, status: int, code: str
) -> None:
    stream = server.open("short")
    answer, _ = ask_elsewhere(server, other, stream_id_of(stream), token)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert f'"code":"{code}"' in answer
    server.pass_seconds(100.0)
    assert b'"expired"' in stream.take()


def test_a_process_that_is_gone_is_waited_for_two_seconds(server: Server, other: Server) -> None:
    """The answer is that of any stream that is not open."""
    answer, took = ask_elsewhere(server, other, StreamIds().next(), "long")
    assert answer.startswith("HTTP/1.1 404 ")
    assert 1.9 <= took <= 2.3
    mine = server.ask(
        f"/api/v1/streams/{server.hub.stream_ids.next()}/token", "long", method="POST"
    )
    assert answer == mine


def test_nobody_has_us_ask_the_log_without_end(server: Server) -> None:
    """Of one subject some wait at a time; the others are theirs."""
    path = f"/api/v1/streams/{StreamIds().next()}/token"
    waiting = [server.peer(path, "long", method="POST") for _ in range(20)]
    server.settle()
    assert [peer.take() for peer in waiting] == [b""] * 20
    answer = server.ask(path, "long", method="POST")
    assert answer.startswith("HTTP/1.1 429 ")
    assert "retry-after: 1" in answer
    bobs = server.peer(path, "of-bob", method="POST")
    server.settle()
    assert bobs.take() == b""
    server.pass_seconds(2.5)
    assert {peer.take().split(b" ", 2)[1] for peer in (*waiting, bobs)} == {b"404"}
    again = server.peer(path, "long", method="POST")
    server.settle()
    assert again.take() == b"", "it waits, as the first did"


def test_a_renewal_that_is_not_understood_is_answered(server: Server) -> None:
    """As one of a process of another version may be."""
    stream = server.open("short")
    access = server.log.access
    for number, text in enumerate((b"", b"\xff", msgspec.msgpack.encode({"subject": 7}))):
        renewal = Renewal(str(number), stream_id_of(stream), text)
        server.loop.run(access.send(server.hub.stream_ids.process, renewal))
    server.pass_seconds(1.0)
    for number in range(3):
        answer = server.loop.run(access.answer_to(str(number)))
        assert answer is not None
        assert json.loads(answer)[0] == "not_found"


@pytest.mark.parametrize("method", ["send", "answer_to"])
def test_a_log_that_is_away_is_said_to_be(
    server: Server, other: Server, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = server.open("short")

    async def fail(*_: object) -> None:
        raise LogUnavailable("away")

    monkeypatch.setattr(server.log.access, method, fail)
    answer, _ = ask_elsewhere(server, other, stream_id_of(stream), "long")
    assert answer.startswith("HTTP/1.1 503 ")
    monkeypatch.undo()
    answer, _ = ask_elsewhere(server, other, stream_id_of(stream), "long")
    assert answer.startswith("HTTP/1.1 204 ")


def test_a_log_that_is_away_when_it_is_looked_at_is_looked_at_again(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = server.open("short")

    async def fail(*_: object) -> None:
        raise LogUnavailable("away")

    monkeypatch.setattr(server.log.access, "take", fail)
    server.pass_seconds(10.0)
    monkeypatch.undo()
    server.pass_seconds(1.0)
    answer, _ = ask_elsewhere(server, other, stream_id_of(stream), "long")
    assert answer.startswith("HTTP/1.1 204 ")
