"""The clients of docs/guides/write-a-client.md, exactly as they stand there, and a real server.

And another, `blind_client.py.txt`: it was written from docs/PROTOCOL.md alone, by somebody
who saw nothing else of this project; it has not been changed since.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import httpx
import pytest

from support.documents import file_in
from support.live import Live, StartLive
from support.node_client import node_follow
from support.processes import Program
from support.requirements import needs
from support.scripted_server import HEAD, SILENCE, ScriptedServer
from support.tcp_proxy import TcpProxy

GUIDE: Final = "docs/guides/write-a-client.md"
BLIND: Final = Path(__file__).parents[1] / "fixtures" / "blind_client.py.txt"
#: Lines that each may have: it is read before it is used.
MOST_LINES: Final = {"client.py": 65, "client.mjs": 90}

Body = dict[str, Any]


class Waits:
    """In place of the client's `time`: it never waits, and a test may act meanwhile."""

    def __init__(self) -> None:
        self.seconds: Final[list[float]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.meanwhile()


@pytest.fixture
def waits() -> Waits:
    return Waits()


Follow = Callable[..., Iterator[Body]]


@pytest.fixture(params=["client.py", "client.mjs"])
def follow(waits: Waits, request: pytest.FixtureRequest, tmp_path: Path) -> Follow:
    """A client of the document."""
    return _follow(request.param, waits, tmp_path)


@pytest.fixture(params=["client.py", "client.mjs", "blind"])
def any_follow(waits: Waits, request: pytest.FixtureRequest, tmp_path: Path) -> Follow:
    """Any client."""
    return _follow(request.param, waits, tmp_path)


def _follow(name: str, waits: Waits, directory: Path) -> Follow:
    if name == "client.mjs":
        return node_follow(file_in(GUIDE, name), directory, waits.sleep)
    text = BLIND.read_text(encoding="utf-8") if name == "blind" else file_in(GUIDE, name)
    return _follow_of(text, waits)


def _follow_of(text: str, waits: Waits) -> Follow:
    client = ModuleType("client")
    exec(compile(text, "client", "exec"), client.__dict__)
    client.__dict__["time"] = SimpleNamespace(sleep=waits.sleep)
    found: Follow = client.follow
    return found


def publish(live: Live, *topics: str, type: str = "said", **fields: object) -> str:  # noqa: A002
    """Publish one event; return its id."""
    body = {"topics": topics, "type": type, **fields}
    # Certificates are of no use here, and would be read for each event.
    answer = httpx.post(f"{live.url}/api/v1/events", json=body, verify=False)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ids_in(bodies: Iterator[Body]) -> Iterator[str]:
    """The ids of events as they come; a gap is a failure."""
    for body in bodies:
        assert body["type"] != "gap", body
        if "id" in body:
            yield body["id"]


@pytest.mark.parametrize("name", MOST_LINES)
def test_each_of_the_document_is_short(name: str) -> None:
    lines = file_in(GUIDE, name).splitlines()
    assert len(lines) <= MOST_LINES[name]
    assert max(map(len, lines)) <= 100


def test_it_is_given_everything_once_and_in_order_at_whatever_byte_it_is_cut(
    live: Live, any_follow: Follow, project: str
) -> None:
    """A frame has some 200 bytes: the cuts go through all of it, and through what follows."""
    topic = f"cuts/{project}"
    published = [publish(live, topic)]
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        ids = ids_in(any_follow(proxy.url, topic))
        received = [next(ids)]
        for position in range(1, 230):
            proxy.truncate(position)
            published.append(publish(live, topic, text="é" * 8))
            received.append(next(ids))
    assert received == published
    assert proxy.accepted > 150, "it was not cut"


def test_it_is_given_what_was_published_while_it_was_away(
    live: Live, any_follow: Follow, waits: Waits, project: str
) -> None:
    """Of several topics, in the order of the log, an event of both of them once."""
    topics = f"away/{project}", f"away/{project}/too"
    published = [publish(live, topics[0])]

    def go_on() -> None:
        published.append(publish(live, topics[1]))
        published.append(publish(live, *topics))
        published.append(publish(live, topics[0]))

    waits.meanwhile = go_on
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        ids = ids_in(any_follow(proxy.url, *topics))
        received = [next(ids)]
        for reset in (False, True, False):
            proxy.cut(reset=reset)
            received += [next(ids) for _ in range(3)]
    assert received == published
    assert len(published) == 10


def test_it_reports_a_gap(
    start_live: StartLive, any_follow: Follow, waits: Waits, project: str
) -> None:
    """One, that names exactly what it cannot have; what is kept follows it."""
    live = start_live(STREAMER_RETENTION_LENGTH="3", STREAMER_TAIL_EVENTS="0")
    topic = f"gap/{project}"
    published = [publish(live, topic)]
    waits.meanwhile = lambda: published.extend(publish(live, topic) for _ in range(8))
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        bodies = any_follow(proxy.url, topic)
        assert [next(bodies)["type"] for _ in range(3)] == ["connected", "said", "caught_up"]
        proxy.cut()
        connected, gap, *kept = (next(bodies) for _ in range(5))
    assert (connected["type"], connected["cursor"]) == ("connected", published[0])
    assert (gap["type"], gap["reason"], gap["topic"]) == ("gap", "trimmed", topic)
    assert (gap["after"], gap["until"]) == (published[0], published[5])
    assert [event["id"] for event in kept] == published[6:]


def test_it_stops_at_the_end(live: Live, follow: Follow, waits: Waits, project: str) -> None:
    """And who comes back to what is over is answered 204: it stops at once."""
    topic = f"jobs/{project}"
    ids = [publish(live, topic, type="progress", progress=0.5)]
    ids.append(publish(live, topic, type="completed", result=7))
    bodies = list(follow(live.url, topic))
    assert [body["id"] for body in bodies if "id" in body] == ids
    assert (bodies[-1]["type"], bodies[-1]["remaining"]) == ("end", 0)
    assert list(follow(live.url, topic, cursor=ids[-1])) == []
    assert waits.seconds == []


def test_of_several_jobs_it_stops_at_the_end_of_the_last(
    live: Live, any_follow: Follow, project: str
) -> None:
    jobs = [f"jobs/{project}-{number}" for number in range(2)]
    publish(live, jobs[1], type="error", error="no space")
    publish(live, jobs[0], type="status", status="cancelled")
    ends = [body for body in any_follow(live.url, *jobs) if body["type"] == "end"]
    assert [(end["topic"], end["remaining"]) for end in ends] == [(jobs[1], 1), (jobs[0], 0)]


def test_any_topic_ends_if_it_asks_for_that(live: Live, follow: Follow, project: str) -> None:
    last = publish(live, f"projects/{project}", type="completed")
    *_, event, end = follow(live.url, f"projects/{project}", until="end")
    assert (event["id"], end["type"]) == (last, "end")


def test_it_waits_when_it_is_asked_to_reconnect(
    start_live: StartLive, any_follow: Follow, waits: Waits, project: str
) -> None:
    """As long as the server says; then it is served."""
    live = start_live(STREAMER_MAX_CONNECTIONS="1")
    topic = f"full/{project}"
    with httpx.stream("GET", f"{live.url}/api/v1/stream?topic={topic}") as holder:
        bodies = any_follow(live.url, topic)
        reconnect = next(bodies)
        waits.meanwhile = holder.close
        after = next(bodies)
        while after["type"] == "reconnect":  # the server has not noticed yet
            after = next(bodies)
    assert (reconnect["type"], reconnect["code"]) == ("reconnect", "too_many_connections")
    assert waits.seconds[0] == reconnect["retry_ms"] / 1000
    assert after["type"] == "connected"


def test_it_loses_nothing_to_a_server_that_stops_and_starts_again(
    start_live: StartLive, any_follow: Follow, waits: Waits, project: str
) -> None:
    live = start_live()
    topic = f"restart/{project}"
    published = [publish(live, topic)]

    def start_again() -> None:
        waits.meanwhile = lambda: None
        live.stop()
        live.start()
        published.append(publish(live, topic))

    bodies = any_follow(live.url, topic)
    received = [next(ids_in(bodies))]
    assert live.program is not None
    live.program.stop()
    waits.meanwhile = start_again
    seen = []
    while len(received) < 2:
        body = next(bodies)
        seen.append(body["type"])
        received += [body["id"]] if "id" in body else []
    assert received == published
    assert seen == ["caught_up", "reconnect", "connected", "said"]


def test_it_waits_as_long_as_a_proxy_says(any_follow: Follow, waits: Waits) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    over = b"HTTP/1.1 204 No Content\r\n\r\n"
    with ScriptedServer(busy, over) as server:
        assert list(any_follow(server.url, "a")) == []
    assert waits.seconds == [7]


def test_it_backs_off_while_nobody_answers(
    live_server: Live, follow: Follow, waits: Waits, project: str
) -> None:
    """Twice as long each time, up to half a minute, and never all readers at once."""
    with TcpProxy(("127.0.0.1", live_server.port)) as proxy:
        proxy.refuse()
        waits.meanwhile = lambda: proxy.accept() if len(waits.seconds) == 9 else None
        assert next(follow(proxy.url, f"away/{project}"))["type"] == "connected"
    for number, seconds in enumerate(waits.seconds):
        assert min(30, 2**number) / 2 <= seconds <= min(30, 2**number)
    assert len(waits.seconds) == 9


def test_a_head_that_is_cut_at_whatever_byte_is_no_refusal(
    any_follow: Follow, waits: Waits
) -> None:
    """Python's HTTP reads what came of it as a whole head, without the rest."""
    over = b"HTTP/1.1 204 No Content\r\n\r\n"
    whole = HEAD + b'data: {"type":"said"}\nid: 7-0\n\n'
    heads = [whole[:end] for end in range(1, whole.index(b"\r\n\r\n") + 4)]
    with ScriptedServer(*heads, whole, over) as server:
        assert list(any_follow(server.url, "a")) == [{"type": "said"}]
    assert len(waits.seconds) == len(heads) + 1


@pytest.mark.parametrize("name", MOST_LINES)
def test_it_leaves_a_connection_that_says_nothing_more(
    waits: Waits, tmp_path: Path, name: str
) -> None:
    """For three heartbeats; here they are short."""
    whole = "SILENCE, LONGEST_WAIT = 45, 30" if name == "client.py" else "SILENCE = 45_000"
    text = file_in(GUIDE, name)
    assert whole in text
    text = text.replace(whole, whole.replace("45_000", "200").replace("45", "0.2"))
    follow = (
        _follow_of(text, waits) if name == "client.py" else node_follow(text, tmp_path, waits.sleep)
    )
    over = b"HTTP/1.1 204 No Content\r\n\r\n"
    said = HEAD + b'data: {"type":"said"}\nid: 7-0\n\n:\n'
    with ScriptedServer(said + SILENCE, SILENCE, over) as server:
        assert list(follow(server.url, "a")) == [{"type": "said"}]
    assert "Last-Event-ID: 7-0\r\n" in server.requests[2]


def test_it_gives_up_where_it_is_refused(live: Live, follow: Follow, waits: Waits) -> None:
    with pytest.raises(RuntimeError, match="'nonsense' is not an event id"):
        next(follow(live.url, "a", cursor="nonsense"))
    assert waits.seconds == []


def test_what_it_does_not_know_changes_nothing(
    any_follow: Follow,
) -> None:
    """Lines, types and fields of the future, heartbeats between them, and half a frame."""
    frames = (
        b':\nx-new: 1\nevent: later\ndata: {"type":"later"}\nid: 7-0\n\n:\n'
        b'data: {"type":"said","new":{}}\n\n'
        b'event: said\ndata: {"type":"said"}\nid: 8-0\n'
    )
    over = b"HTTP/1.1 204 No Content\r\n\r\n"
    with ScriptedServer(HEAD + frames, over) as server:
        assert list(any_follow(server.url, "a")) == [{"type": "later"}, {"type": "said", "new": {}}]
    assert "Last-Event-ID: 7-0\r\n" in server.requests[1]


@pytest.mark.parametrize("name", MOST_LINES)
def test_as_a_program_it_prints_events_and_reports_gaps_on_standard_error(
    start_live: StartLive, tmp_path: Path, project: str, name: str
) -> None:
    """With its own clock: it is cut, waits, and comes back to what retention has left."""
    live = start_live(
        STREAMER_RETENTION_LENGTH="3", STREAMER_TAIL_EVENTS="0", STREAMER_RETRY_MS="100"
    )
    file = tmp_path / name
    file.write_text(file_in(GUIDE, name), encoding="utf-8")
    command = [sys.executable, "-W", "error"] if name.endswith(".py") else [needs("node")]
    topic = f"jobs/{project}"
    with (
        TcpProxy(("127.0.0.1", live.port)) as proxy,
        Program([*command, file, proxy.url, topic]) as program,
    ):
        program.wait_for("caught_up")
        proxy.refuse()
        proxy.cut()
        ids = [publish(live, topic) for _ in range(5)]
        ids.append(publish(live, topic, type="completed"))
        proxy.accept()
        assert program.wait() == 0
        printed = [json.loads(line) for line in program.out.splitlines()]
        gap = json.loads(program.err)
    assert [body["id"] for body in printed if "id" in body] == ids[3:]
    assert printed[-1]["type"] == "end"
    assert (gap["type"], gap["until"]) == ("gap", ids[2])
