"""The client against a server that cuts, refuses and comes back, over each transport."""

from __future__ import annotations

import pytest

from streamer.client import GapEvent, Interruption, Refused, Unreachable
from support.following import END, Way, answers, body, cursor_in, ids, over_every_way, says
from support.scripted_server import ScriptedServer

pytestmark = [pytest.mark.usefixtures("soon"), over_every_way()]

BUSY = answers("503 Service Unavailable")
CONNECTED = body("connected", "1-0", topic="jobs/j", snapshot={})
TWO, THREE = body("progress", "2-0", progress=0.5), body("progress", "3-0", progress=0.75)
WHOLE = says(CONNECTED, TWO, THREE, END)


def test_a_reader_that_is_cut_off_gets_every_event_once(way: Way) -> None:
    """In the middle of an event, and refused in passing."""
    told: list[Interruption] = []
    script = (says(CONNECTED, TWO, THREE, cut=1), BUSY, says(body("connected", "2-0"), THREE, END))
    with ScriptedServer(*script) as server:
        events = way.follow(server.url, "jobs/j", on_reconnect=told.append)
    assert list(ids(events)) == ["2-0", "3-0"]
    assert [cursor_in(request) for request in server.requests] == [None, "2-0", "2-0"]
    assert [one.reason for one in told][1] == "the server answered 503"
    assert [one.attempt for one in told] == [1, 2]


def test_what_was_handed_on_is_not_handed_on_again(way: Way) -> None:
    """Whatever a proxy that keeps answers says again, and wherever it says the reader is."""
    with ScriptedServer(says(CONNECTED, TWO, THREE), WHOLE) as server:
        events = way.follow(server.url, "jobs/j")
    assert list(ids(events)) == ["2-0", "3-0"]
    assert [event.type for event in events].count("connected") == 2


def test_a_log_that_starts_over_is_followed_from_its_new_beginning(way: Way) -> None:
    gap = body("gap", "1-0", topic=None, after="9-0", until="1-0", reason="reset")
    high = body("progress", "9-0", progress=0.1)
    script = (says(CONNECTED, high), says(body("connected", "9-0"), gap, TWO, END))
    with ScriptedServer(*script) as server:
        events = way.follow(server.url, "jobs/j")
    assert list(ids(events)) == ["9-0", "2-0"]
    (lost,) = (event for event in events if isinstance(event, GapEvent))
    assert (lost.after, lost.until, lost.reason, lost.id) == ("9-0", "1-0", "reset", "1-0")


def test_a_gap_stands_where_the_events_are_missing(way: Way) -> None:
    gap = body("gap", "2-0", topic="jobs/j", after="0-1", until="2-0", reason="trimmed")
    with ScriptedServer(says(CONNECTED, gap, THREE, END)) as server:
        events = way.follow(server.url, "jobs/j", start="earliest")
    assert [event.type for event in events] == ["connected", "gap", "progress", "end"]
    assert "from=earliest" in server.requests[0]


def test_a_connection_that_says_nothing_more_is_left(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three heartbeats, of which the server is asked for one every 15 seconds."""
    monkeypatch.setattr("streamer.client.reader.HEARTBEATS", 0.02)
    told: list[Interruption] = []
    with ScriptedServer(says(CONNECTED, TWO, silent=True), WHOLE) as server:
        events = way.follow(server.url, "jobs/j", on_reconnect=told.append)
        assert "heartbeat=15" in server.requests[0]
    assert list(ids(events)) == ["2-0", "3-0"]
    assert [one.reason for one in told] == ["nothing was received for 0.3 s"]


def test_the_heartbeat_that_is_asked_for_is_the_reader_s(way: Way) -> None:
    with ScriptedServer(WHOLE) as server:
        way.follow(server.url, "jobs/j", heartbeat=2)
    assert "heartbeat=2" in server.requests[0]


def test_a_server_that_asks_to_come_back_is_asked_again_when_it_said(way: Way) -> None:
    """A full or draining server says so and ends: nothing follows it."""
    away = body("reconnect", retry_ms=60, code="draining", detail="this process shuts down")
    told: list[Interruption] = []
    with ScriptedServer(says(away, silent=True), says(CONNECTED, away), WHOLE) as server:
        events = way.follow(server.url, "jobs/j", on_reconnect=told.append)
    assert [one.seconds for one in told] == [0.06, 0.06]
    assert {one.reason for one in told} == {"this process shuts down"}
    assert [event.type for event in events].count("reconnect") == 0


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_is_waited_for(way: Way, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.client.reader.LONGEST_ASKED", 0.02)
    told: list[Interruption] = []
    with ScriptedServer(answers(status, "Retry-After: 7"), WHOLE) as server:
        way.follow(server.url, "jobs/j", on_reconnect=told.append)
    assert [one.seconds for one in told] == [0.02]


def test_a_reader_that_comes_too_late_is_done_at_once(way: Way) -> None:
    with ScriptedServer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") as server:
        assert way.follow(server.url, "jobs/j", after="9-0") == []
    assert cursor_in(server.requests[0]) == "9-0"


def test_a_refusal_is_raised_with_its_reason(way: Way) -> None:
    problem = '{"detail":"no such thing","code":"not_found"}'
    with (
        ScriptedServer(answers("404 Not Found", content=problem)) as server,
        pytest.raises(Refused, match="no such thing") as refused,
    ):
        way.follow(server.url, "jobs/j")
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_the_page_of_a_proxy_is_a_refusal(way: Way) -> None:
    """Read as a stream it would be silence for ever."""
    page = answers("200 OK", "Content-Type: text/html", content="<html>Sign in")
    with ScriptedServer(page) as server, pytest.raises(Refused, match="answered text/html"):
        way.follow(server.url, "jobs/j")


def test_what_is_no_event_is_a_refusal(way: Way) -> None:
    """It is some other server."""
    with (
        ScriptedServer(lambda request: says(CONNECTED)(request).replace(b"{", b"[")) as server,
        pytest.raises(Refused, match="is this a Streamer"),
    ):
        way.follow(server.url, "jobs/j")


def test_it_gives_up_after_as_many_failures_in_a_row_as_may_be(way: Way) -> None:
    """A stream that is cut is not one of them: it was served."""
    with (
        ScriptedServer(BUSY, says(CONNECTED), BUSY, BUSY) as server,
        pytest.raises(Unreachable, match="gave up after 2 attempts: the server answered 503") as up,
    ):
        way.follow(server.url, "jobs/j", max_attempts=2)
    assert up.value.attempts == 2
    assert len(server.requests) == 4


def test_a_server_that_nobody_knows_is_tried_again(way: Way) -> None:
    told: list[Interruption] = []
    with pytest.raises(Unreachable, match="its name is not known"):
        way.follow("http://nowhere.invalid", "a", max_attempts=2, on_reconnect=told.append)
    assert [(one.unreachable, one.attempt) for one in told] == [(True, 1)]


def test_a_port_where_nothing_listens_is_named_so(way: Way) -> None:
    with ScriptedServer() as server:
        pass
    with pytest.raises(Unreachable, match="nothing listens there"):
        way.follow(server.url, "a", max_attempts=1)


def test_a_server_without_tls_is_not_asked_over_tls_again_and_again(way: Way) -> None:
    with ScriptedServer(b"HTTP/1.1 400 Bad\r\n\r\n") as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(Refused, match="not trusted"):
            way.follow(url, "a")


def test_a_handshake_that_is_cut_off_is_tried_again(way: Way) -> None:
    """The server may be restarting."""
    with ScriptedServer(b"", b"HTTP/1.1 20", WHOLE) as server:
        assert list(ids(way.follow(server.url, "jobs/j"))) == ["2-0", "3-0"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [("localhost:8000", "http://"), ("ftp://h", "http://"), ("http://u:hunter2@h:x", "malformed")],
)
def test_a_url_of_no_server_is_refused_at_once(way: Way, url: str, problem: str) -> None:
    """It would be tried again for ever."""
    with pytest.raises(ValueError, match=problem) as caught:
        way.follow(url, "a")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"heartbeat": 0}, "1 to 300"),
        ({"max_attempts": 0}, "1 and more"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_what_can(
    way: Way, options: dict[str, int], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        way.follow("http://h", "a", **options)
    with pytest.raises(ValueError, match="no topic"):
        way.follow("http://h")
    with pytest.raises(ValueError, match="allowed are sse, websocket"):
        way._replace(transport="poll").follow("http://h", "a")


def test_an_id_is_given_back_exactly_as_it_came(way: Way) -> None:
    """Also one that is none of ours."""
    strange = body("note", "a&b=ü%20c")
    with ScriptedServer(says(strange), says(END)) as server:
        way.follow(server.url, "jobs/j")
    resumed = server.requests[1]
    assert "a%26b%3D%C3%BC%2520c" in resumed or "a&b=ü%20c" in resumed


def test_an_ephemeral_event_has_no_id_and_moves_nothing(way: Way) -> None:
    typing = body("typing", topic="chats/1", user="ada", new={"kept": [1]})
    with ScriptedServer(says(TWO, typing), says(END)) as server:
        events = way.follow(server.url, "chats/1")
    assert (events[1].id, events[1].time) == (None, None)
    assert events[1].fields == {"user": "ada", "new": {"kept": [1]}}
    assert cursor_in(server.requests[1]) == "2-0"
