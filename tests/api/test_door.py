"""Who is let in, at each door and by each way; and that no token is left anywhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest
from litestar.connection import ASGIConnection

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.api.farewells import LINGER
from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.errors import AuthUnavailable, Forbidden, Unauthorized
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.new_event import new_event
from support.asking import COOKIE, ClosedStage, grants, status_of
from support.stage import Peer, Stage

PROJECT: Final = "/api/v1/projects/p1"
BODY: Final = b'{"type":"note"}'
#: Each way in: a target and a method.
WAYS: Final = {
    "sse": (f"{PROJECT}/stream", "GET"),
    "websocket": (f"{PROJECT}/stream", "WEBSOCKET"),
    "older websocket": ("/api/v1/ws/projects/p1/stream", "WEBSOCKET"),
    "poll": (f"{PROJECT}/events", "GET"),
    "status": (f"{PROJECT}/status", "GET"),
    "publish": (f"{PROJECT}/events", "POST"),
}
ANN: Final = grants("ann", reads=("projects/p1",), writes=("projects/p1",))
BOB: Final = grants("bob", reads=("projects/p1", "projects/p2"), writes=("projects/p1",))
NOBODY: Final = grants("nobody")
#: How a close frame of a server begins whose code is 1008 (RFC 6455 section 5.5.1).
CLOSED_1008: Final = b"\x03\xf0"

Opened = Callable[..., ClosedStage]


@pytest.fixture
def opened() -> Iterator[Opened]:
    stages: list[Stage] = []

    def open_(*args: Any, **wired: Any) -> Stage:  # noqa: ANN401 - as the stages have them
        stages.append(ClosedStage(ANN, BOB, NOBODY, *args, **wired))
        return stages[-1]

    yield open_  # type: ignore[misc]
    for stage in stages:
        stage.end()


def is_let_in(answer: str) -> bool:
    return answer.startswith(("HTTP/1.1 200 ", "HTTP/1.1 201 ")) or '"type":"connected"' in answer


# Where the token is


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["header", "query", "cookie"])
def test_a_good_token_lets_in_by_every_way(opened: Opened, way: str, place: str) -> None:
    target, method = WAYS[way]
    headers = {}
    if place == "query":
        target += "?token=ann"
    else:
        name, value = ("Cookie", f"{COOKIE}=ann") if place == "cookie" else ("Authorization", "")
        headers = {name: value or "Bearer ann"}
    answer = opened().ask(target, method=method, body=BODY, headers=headers)
    assert is_let_in(answer), answer


@pytest.mark.parametrize("offered", ["bearer, ann", "streamer, bearer, ann"])
def test_a_subprotocol_may_hold_it_and_is_answered_properly(opened: Opened, offered: str) -> None:
    headers = {"Sec-WebSocket-Protocol": offered}
    answer = opened().ask(f"{PROJECT}/stream", method="WEBSOCKET", headers=headers)
    assert f"Sec-WebSocket-Protocol: {offered.split(',', maxsplit=1)[0]}\r\n" in answer
    assert '"type":"connected"' in answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "unauthorized"),
        ("forged", "invalid_token"),
        ("ended", "token_expired"),
        ("no word", "unauthorized"),
    ],
)
def test_no_other_is_let_in_by_any_way(
    opened: Opened, way: str, token: str | None, code: str
) -> None:
    target, method = WAYS[way]
    answer = opened().ask(target, token, method=method, body=BODY)
    assert not is_let_in(answer)
    assert f'"code":"{code}"' in answer
    if method != "WEBSOCKET":
        assert status_of(answer) == 401
        error = "" if code == "unauthorized" else ' error="invalid_token"'
        assert f"www-authenticate: Bearer{error}\r\n" in answer


# WebSockets say it as their clients read it


@pytest.mark.parametrize(
    ("path", "frame"),
    [
        (f"{PROJECT}/stream", '"type":"refused","code":'),
        ("/api/v1/ws/projects/p1/stream", '"type":"error","code":'),
    ],
)
@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        (None, "unauthorized", b"Unauthorized"),
        ("forged", "invalid_token", b"Unauthorized"),
        ("ended", "token_expired", b"Unauthorized"),
        ("nobody", "forbidden", b"Forbidden"),
    ],
)
def test_a_refused_websocket_is_told_in_a_frame_and_closed_with_a_word(  # noqa: PLR0917
    opened: Opened, path: str, frame: str, token: str | None, code: str, reason: bytes
) -> None:
    stage = opened()
    peer = stage.peer(path, token, method="WEBSOCKET")
    said = stage.answer(peer).decode("latin-1")
    assert f'{frame}"{code}"' in said
    assert CLOSED_1008 not in peer.take()
    stage.loop.advance(LINGER * 1.1)
    stage.settle()
    frame_of_close = CLOSED_1008 + reason
    assert peer.take().endswith(bytes((0x88, len(frame_of_close))) + frame_of_close)


def test_a_topic_that_may_not_be_read_is_not_subscribed_and_the_connection_lives(
    opened: Opened,
) -> None:
    stage = opened()
    peer = stage.peer(f"{PROJECT}/stream", "ann", method="WEBSOCKET")
    peer.send_frames(
        '{"type":"subscribe","topic":"projects/p2"}',
        '{"type":"subscribe","topic":"users/ann"}',
        "ping",
    )
    said = stage.answer(peer).decode("latin-1")
    assert '"code":"forbidden","detail":"you may not read projects/p2"' in said
    assert '"type":"subscribed","topic":"users/ann"' in said
    assert '"type":"pong"' in said
    stage.publish("projects/p2", text="secret")
    number = stage.publish("projects/p1")
    stage.settle()
    assert peer.numbers == [number]


# Pages of other sites


FOREIGN: Final = {"Origin": "https://evil.example"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("allowed", [(), ("*",), ("https://app.example",)])
def test_a_foreign_page_cannot_use_a_cookie(
    opened: Opened, way: str, allowed: tuple[str, ...]
) -> None:
    """Not even where any page may do what anybody may."""
    target, method = WAYS[way]
    stage = opened(settings=Settings(allowed_origins=allowed))
    headers = {"Cookie": f"{COOKIE}=ann", **FOREIGN}
    answer = stage.ask(target, method=method, body=BODY, headers=headers)
    assert not is_let_in(answer)
    assert '"code":"forbidden"' in answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://app.example"},
        {"Origin": "http://localhost"},
        {"Origin": "https://proxied.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_page_and_one_that_is_listed_can(
    opened: Opened, way: str, page: dict[str, str]
) -> None:
    target, method = WAYS[way]
    stage = opened(settings=Settings(allowed_origins=("https://app.example",)))
    headers = {"Cookie": f"{COOKIE}=ann", **page}
    assert is_let_in(stage.ask(target, method=method, body=BODY, headers=headers))


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_has_a_token_itself_needs_no_cookie(opened: Opened, way: str) -> None:
    target, method = WAYS[way]
    stage = opened(settings=Settings(allowed_origins=("*",)))
    assert is_let_in(stage.ask(target, "ann", method=method, body=BODY, headers=FOREIGN))


@pytest.mark.parametrize("token", [None, "nobody"])
def test_a_page_can_read_why_it_is_refused(opened: Opened, token: str | None) -> None:
    stage = opened(settings=Settings(allowed_origins=("https://app.example",)))
    answer = stage.ask(f"{PROJECT}/stream", token, headers={"Origin": "https://app.example"})
    assert status_of(answer) == (401 if token is None else 403)
    assert "access-control-allow-origin: https://app.example\r\n" in answer
    assert "access-control-allow-credentials: true\r\n" in answer
    assert (
        "www-authenticate" in answer.partition("access-control-expose-headers: ")[2].split("\r")[0]
    )
    assert "referrer-policy: no-referrer\r\n" in answer


def test_a_page_may_ask_for_what_it_needs(opened: Opened) -> None:
    stage = opened(settings=Settings(allowed_origins=("https://app.example",)))
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, last-event-id",
    }
    answer = stage.ask(f"{PROJECT}/stream", method="OPTIONS", headers=headers)
    assert status_of(answer) == 204
    allowed = answer.partition("access-control-allow-headers: ")[2].split("\r")[0]
    assert {"authorization", "last-event-id", "cache-control"} <= set(allowed.split(", "))
    assert "access-control-allow-credentials: true\r\n" in answer


# When it cannot be known


def test_while_nobody_can_say_who_it_is_a_stream_is_asked_to_come_back(opened: Opened) -> None:
    """A 503 would be final for an EventSource."""
    stage = opened()
    stage.tokens.fault = AuthUnavailable("the issuer is away")
    answer = stage.ask(f"{PROJECT}/stream", "ann")
    assert status_of(answer) == 200
    assert '"type":"reconnect"' in answer
    assert '"code":"auth_unavailable"' in answer
    assert status_of(stage.ask(f"{PROJECT}/events", "ann")) == 503
    assert status_of(stage.ask(f"{PROJECT}/events", "ann", method="POST", body=BODY)) == 503


def test_what_was_revoked_is_asked_about_each_time(opened: Opened) -> None:
    revoked: set[str] = set()
    stage = opened(is_revoked=lambda who: who.subject in revoked)
    assert is_let_in(stage.ask(f"{PROJECT}/events", "ann"))
    revoked.add("ann")
    assert '"code":"token_revoked"' in stage.ask(f"{PROJECT}/events", "ann")
    assert is_let_in(stage.ask(f"{PROJECT}/events", "bob"))


# What it costs


def test_a_token_that_is_known_costs_no_turn_of_the_loop(opened: Opened) -> None:
    stage = opened()
    stage.ask("/healthz")
    scope = {
        "type": "http",
        "client": ("127.0.0.1", 1),
        "headers": [(b"authorization", b"Bearer ann")],
        "query_string": b"",
        "litestar_app": stage.app,
    }
    asking = stage.app.state.door(ASGIConnection(scope))  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as over:
        asking.send(None)
    assert over.value.value.subject == "ann"
    assert scope["headers"] == []


# Doors by the settings, and by the program

SECRET: Final = "a secret of more than 32 bytes, for tests"


def test_the_settings_open_a_door_by_token() -> None:
    stage = Stage(Settings(auth_secret=SECRET))
    token = Issuer(SECRET).issue(ANN, 60)
    try:
        for way, said in (({"Authorization": f"Bearer {token}"}, "200"), ({}, "401")):
            peer = Peer(stage, f"{PROJECT}/stream", way)
            stage.settle()
            stage.settle()
            assert peer.take().startswith(f"HTTP/1.1 {said} ".encode())
    finally:
        stage.end()


async def by_session(connection: ASGIConnection[Any, Any, Any, Any]) -> Mapping[str, Any] | None:
    """As an application of sessions would have it."""
    user = connection.cookies.get("session")
    if user == "banned":
        raise Forbidden("you were banned")
    bearer = connection.headers.get("authorization", "").removeprefix("Bearer ")
    known = {"ann", "a-key"} & {user, bearer}
    return {"sub": "ann", "streamer": {"subscribe": ["projects/p1"]}} if known else None


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"Cookie": "session=ann"}, 200),
        ("", {"Cookie": "session=ann", "Origin": "http://localhost:3000"}, 200),
        ("", {"Cookie": "session=ann", **FOREIGN}, 403),
        ("", {"Authorization": "Bearer a-key"}, 200),
        ("?token=a-key", {}, 200),
        ("?token=a-key&token=a-key", {}, 401),
        ("?token=a-key", {"Authorization": "Bearer other"}, 401),
        ("", {"Cookie": "session=eve"}, 401),
        ("", {"Cookie": "session=banned"}, 403),
        ("", {}, 401),
    ],
)
def test_a_function_of_the_program_says_who_is_asking(
    query: str, headers: dict[str, str], status: int
) -> None:
    stage = Stage(Settings(send_timeout=5.0), authorize=by_session)
    try:
        peer = Peer(stage, f"{PROJECT}/stream{query}", headers)
        stage.settle()
        stage.settle()
        assert peer.take().startswith(f"HTTP/1.1 {status} ".encode()), peer.take()
        other = Peer(stage, f"/api/v1/projects/p2/stream{query}", headers)
        stage.settle()
        stage.settle()
        assert other.take().startswith(b"HTTP/1.1 40")
    finally:
        stage.end()


def test_a_token_that_was_made_here_is_good_where_the_program_says_who_is_asking() -> None:
    stage = Stage(Settings(send_timeout=5.0), authorize=by_session)
    try:
        made = stage.app.state.exchange.exchange(ANN, ["projects/p1"], [], 60)
        token, _ = stage.loop.run(made)
        peer = Peer(stage, f"{PROJECT}/stream?token={token}", {"Cookie": "session=eve"})
        stage.settle()
        stage.settle()
        assert peer.take().startswith(b"HTTP/1.1 200 ")
    finally:
        stage.end()


async def nobody(_connection: object) -> Any:  # noqa: ANN401 - never returns
    raise Unauthorized("nobody")


@pytest.mark.parametrize(
    "wired",
    [
        {"settings": Settings(auth_secret=SECRET), "authorize": by_session},
        {"settings": Settings(auth_secret=SECRET), "door": nobody},
        {"settings": Settings(), "authorize": by_session, "door": nobody},
        {"settings": Settings(auth="none"), "authorize": by_session},
    ],
)
def test_of_two_doors_the_weaker_would_count_so_there_is_one(wired: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="by one"):
        create_app(log=MemoryEventLog(), **wired)


def test_the_door_is_closed_with_the_app() -> None:
    async def live() -> None:
        app = create_app(
            Settings(auth_url="http://127.0.0.1:9/whoami", auth_url_ttl=0), MemoryEventLog()
        )
        async with app.lifespan():
            pass
        door: Any = app.state.door
        assert door._application._client.is_closed

    asyncio.run(live())


# No token is left anywhere

MARKER: Final = "marker-7c1f"


@pytest.mark.parametrize("known", [True, False], ids=["good", "bad"])
@pytest.mark.parametrize("place", ["header", "subprotocol", "query", "cookie", "misnamed", "twice"])
@pytest.mark.parametrize("way", [*WAYS, "nowhere", "open"])
def test_a_token_is_in_no_line_no_answer_and_nothing_that_lives_on(
    opened: Opened, way: str, place: str, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    target, method = {**WAYS, "nowhere": ("/nothing/here", "GET"), "open": ("/healthz", "GET")}[way]
    headers = {
        "header": {"Authorization": f"Bearer {MARKER}"},
        "subprotocol": {"Sec-WebSocket-Protocol": f"bearer, {MARKER}"},
        "query": {},
        "cookie": {"Cookie": f"{COOKIE}={MARKER}"},
        "misnamed": {},
        "twice": {"Authorization": f"Bearer {MARKER}"},
    }[place]
    target += {
        "query": f"?token={MARKER}",
        "misnamed": f"?access_token={MARKER}",
        "twice": f"?token={MARKER}2&%74oken={MARKER}3",
    }.get(place, "")
    who = Grants(MARKER, subscribe=ANN.subscribe, publish=ANN.publish)
    stage = opened(*([who] if known else []))
    # Of a known one only the token is a secret.
    for token, its in list(stage.tokens.good.items()):
        stage.tokens.good[token] = grants("ann") if token == MARKER else its
    with caplog.at_level(logging.DEBUG):
        peer = stage.peer(target, method=method, body=BODY, headers=headers)
        answer = stage.answer(peer)
        stage.loop.advance(LINGER * 1.1)
        stage.settle()
    assert caplog.records
    assert MARKER not in caplog.text
    assert not [record for record in caplog.records if MARKER in repr(vars(record))]
    assert MARKER.encode() not in answer + peer.take()
    protocol: Any = peer.transport.get_protocol()
    # Where nobody is asked, headers stay for as long as the connection waits for more.
    names = ("scope", "headers", "request", "response", "cycle") if way in WAYS else ()
    for name in (*names, "url"):
        kept = getattr(protocol, name, None)
        assert MARKER not in repr(kept), name
        assert MARKER not in repr(vars(kept) if hasattr(kept, "__dict__") else kept), name


# What is somebody's own


def test_an_idempotency_key_is_its_subjects_own(opened: Opened) -> None:
    stage = opened()

    def publish(who: str) -> str:
        headers = {"Idempotency-Key": "k"}
        answer = stage.ask(f"{PROJECT}/events", who, method="POST", body=BODY, headers=headers)
        assert status_of(answer) == 201
        return answer.rpartition("\r\n")[2]

    first, second, other = publish("ann"), publish("ann"), publish("bob")
    assert first == second
    assert other != first


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none_is_refused_here_as_well(opened: Opened, key: str) -> None:
    headers = {"Idempotency-Key": key}
    answer = opened().ask(f"{PROJECT}/events", "ann", method="POST", body=BODY, headers=headers)
    assert status_of(answer) == 400
    assert "the idempotency key has" in answer


def test_a_key_of_a_subject_is_none_of_a_jobs(opened: Opened) -> None:
    """By its key nobody can be the first to end somebody's job."""
    stage = opened()
    body = b'{"type":"completed","task_name":"t","job_id":"j","result":{}}'
    headers = {"Idempotency-Key": "j:end"}
    stage.ask(f"{PROJECT}/events", "ann", method="POST", body=body, headers=headers)
    event = new_event(
        ("projects/p1", "jobs/j"),
        "status",
        {"task_name": "t", "status": "cancelled"},
        idempotency_key="j:end",
    )
    before = stage.loop.run(stage.log._log.head())
    assert stage.loop.run(stage.log._log.append(event)) > before  # type: ignore[operator]


@pytest.mark.parametrize(
    ("topics", "status"),
    [
        (["projects/p1"], 201),
        (["projects/p1", "projects/p2"], 403),
        (["projects/p2", "projects/p1"], 403),
        (["projects/p1"] * 20, 201),
        (["projects/p1"] * 20 + ["projects/p2"], 403),
        (["projects/../projects/p1"], 403),
        (["projects/P1"], 403),
        (["projects/p1\n"], 403),
        (["projects/*"], 403),
        ([], 400),
    ],
)
def test_an_event_is_published_to_all_of_its_topics_or_to_none(
    opened: Opened, topics: list[str], status: int
) -> None:
    stage = opened()
    body = b'{"type":"note","topics":[%b]}' % b",".join(
        b'"%b"' % topic.encode("unicode_escape") for topic in topics
    )
    before = stage.loop.run(stage.log._log.head())
    assert status_of(stage.ask("/api/v1/events", "bob", method="POST", body=body)) == status
    after = stage.loop.run(stage.log._log.head())
    assert (after > before) == (status == 201)


def test_what_has_ended_is_not_said_to_who_may_not_read_it(opened: Opened) -> None:
    """A reader that has been given the end is answered 204, and so would anybody learn of it."""
    stage = opened()
    fields = {"task_name": "t", "status": "cancelled"}
    event = new_event(("projects/p9", "jobs/j9"), "status", fields)
    id_ = stage.loop.run(stage.log._log.append(event))
    for path in ("/api/v1/jobs/j9/stream", "/api/v1/projects/p9/stream?until=end"):
        answer = stage.ask(path, "ann", headers={"Last-Event-ID": str(id_)})
        assert status_of(answer) == 403
