"""What a following client decides: where it resumes, when it comes back, when it stops."""

from __future__ import annotations

import pytest

from streamer.client import Interruption
from streamer.client.reader import LONGEST_ASKED, LONGEST_WAIT, SHORTEST_WAIT, Reader
from streamer.client.received import Received
from streamer.client.refusals import Lost, Refused, Unreachable


def reading(*, jitter: float = 1.0, start: str | None = None, until_end: bool = False) -> Reader:
    return Reader(["projects/p1"], start=start, until_end=until_end, jitter=lambda: jitter)


def event(event_id: str | None, event_type: str = "progress", body: bytes = b"{}") -> Received:
    return Received(event_type, body, event_id)


def waits(reader: Reader, *, lost: Lost | None = None) -> float:
    """The wait after a connection that brought nothing."""
    reader.request()
    return reader.interrupted(lost).seconds


def test_a_first_visit_says_where_to_begin() -> None:
    query, headers = reading(start="earliest", until_end=True).request()
    assert ("topic", "projects/p1") in query
    assert ("from", "earliest") in query
    assert ("until", "end") in query
    assert "Last-Event-ID" not in headers


@pytest.mark.parametrize("in_query", [True, False])
def test_a_later_visit_resumes_after_the_last_id_and_not_from_the_start(*, in_query: bool) -> None:
    reader = reading(start="earliest")
    reader.take(event("5-0"))
    reader.take(event(None, "typing"))
    query, headers = reader.request(in_query=in_query)
    assert (dict(query) | headers)["last_event_id" if in_query else "Last-Event-ID"] == "5-0"
    assert "from" not in dict(query)


def test_a_reader_of_several_jobs_is_done_after_the_last_end() -> None:
    """The others say how many remain."""
    reader = reading()
    reader.take(event(None, "end", b'{"remaining":1}'))
    assert not reader.done
    reader.take(event(None, "end", b'{"remaining":0}'))
    assert reader.done


def test_after_end_it_is_done() -> None:
    """An older server says nothing of others."""
    reader = reading()
    reader.take(event(None, "end"))
    assert reader.done


def test_204_says_that_all_was_read() -> None:
    reader = reading()
    assert not reader.answered(204)
    assert reader.done


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again(status: int) -> None:
    reader = reading()
    with pytest.raises(Lost, match=f"the server answered {status}"):
        reader.answered(status)
    assert not reader.done


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
def test_a_lasting_refusal_is_told_with_its_reason(status: int) -> None:
    with pytest.raises(Refused) as caught:
        reading().answered(status, b'{"detail":"the topic is malformed","code":"invalid_topic"}')
    assert (caught.value.status, caught.value.code) == (status, "invalid_topic")
    assert caught.value.detail == "the topic is malformed"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 100_000, b"{}"])
def test_a_refusal_without_a_reason_names_its_status(body: bytes) -> None:
    with pytest.raises(Refused, match="the server answered 404"):
        reading().answered(404, body)


def test_waits_double_up_to_a_limit_and_start_over_after_an_event() -> None:
    """As docs/PROTOCOL.md has them in a table: the first failure waits like a cut."""
    reader = reading()
    assert [waits(reader) for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert max(waits(reader) for _ in range(20)) == LONGEST_WAIT
    reader.request()
    reader.take(event("1-0"))
    assert reader.interrupted() == Interruption("the server closed the stream", 1.0, 1)
    assert [waits(reader) for _ in range(3)] == [1.0, 2.0, 4.0]


def test_waits_are_spread_over_half_their_length() -> None:
    assert waits(reading(jitter=0.0)) == 0.5
    assert waits(reading(jitter=1.0)) == 1.0


def test_the_stream_says_how_long_to_wait() -> None:
    reader = reading()
    reader.retry_in(200)
    assert [waits(reader), waits(reader)] == [0.2, 0.4]


def test_a_reconnect_event_says_how_long_to_wait_this_once_exactly() -> None:
    """It is jittered already."""
    reader = reading(jitter=0.0)
    reader.request()
    reader.take(event(None, "reconnect", b'{"retry_ms":70}'))
    assert reader.leaving
    assert reader.interrupted().seconds == 0.07
    assert waits(reader) == 0.5


def test_a_reconnect_event_says_why_for_its_connection() -> None:
    reader = reading()
    reader.take(event(None, "reconnect", b'{"retry_ms":50,"detail":"Redis is away"}'))
    assert reader.interrupted(Lost("cut")).reason == "Redis is away"
    reader.request()
    assert reader.interrupted(Lost("cut")).reason == "cut"


def test_a_token_that_has_expired_is_why_a_connection_ends() -> None:
    """The next one is refused, and that is the end of it."""
    reader = reading()
    reader.take(event(None, "expired", b'{"code":"token_expired","detail":"it has expired"}'))
    assert (reader.interrupted().reason, reader.done) == ("it has expired", False)
    with pytest.raises(Refused, match="come back"):
        reader.answered(401, b'{"detail":"come back with a new one"}')


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_retry_after_says_how_long_to_wait_this_once(jitter: float) -> None:
    reader = reading(jitter=jitter)
    for said, seconds in (("7", 7.0), ("120", 120.0), ("9" * 30, LONGEST_ASKED)):
        with pytest.raises(Lost):
            reader.answered(503, retry_after=said)
        assert reader.interrupted().seconds == seconds


@pytest.mark.parametrize("said", ["0", "soon", "-1", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_retry_after_that_says_no_seconds_is_backed_off_from(said: str) -> None:
    reader = reading()
    with pytest.raises(Lost):
        reader.answered(503, retry_after=said)
    assert waits(reader) == 1.0


@pytest.mark.parametrize(
    "body", [b'{"retry_ms":0}', b'{"retry_ms":-5}', b'{"retry_ms":-1e300}', b'{"retry_ms":0.001}']
)
def test_no_server_can_make_it_reconnect_in_a_busy_loop(body: bytes) -> None:
    reader = reading()
    reader.retry_in(0)
    assert waits(reader) == SHORTEST_WAIT
    reader.take(event(None, "reconnect", body))
    assert reader.interrupted().seconds == SHORTEST_WAIT


@pytest.mark.parametrize(
    "body", [b"{}", b'{"retry_ms":"soon"}', b'{"retry_ms":null}', b'{"retry_ms":[1]}']
)
def test_a_reconnect_that_names_no_time_is_one_like_any_other(body: bytes) -> None:
    reader = reading()
    reader.take(event(None, "reconnect", body))
    assert reader.interrupted().seconds == 1.0


@pytest.mark.parametrize("body", [b"", b"[]", b"soon", b"1e9999", b'{"a":' * 100_000])
def test_what_is_not_a_json_object_is_not_of_our_server(body: bytes) -> None:
    with pytest.raises(Refused, match="is this a Streamer"):
        reading().take(event(None, "said", body))


@pytest.mark.parametrize("event_id", ["\x01", " 5-0", "5-0\t", "a\rb"])
def test_an_id_that_no_header_can_carry_moves_nothing(event_id: str) -> None:
    reader = reading()
    reader.take(event("4-0"))
    reader.take(event(event_id))
    assert reader.last_event_id == "4-0"


def test_ids_are_compared_as_numbers_and_only_where_they_are_ids() -> None:
    reader = reading()
    given = ["9-0", "10-0", "9-5", "10-0", "10-1", "x", "x", "9" * 40 + "-0", "10-2"]
    handed_on = [one for one in given if reader.take(event(one)) is not None]
    assert handed_on == ["9-0", "10-0", "10-1", "x", "x", "9" * 40 + "-0", "10-2"]


def test_control_events_may_say_the_same_place_again() -> None:
    reader = reading()
    assert reader.take(event("5-0")) is not None
    for event_type in ("connected", "caught_up", "gap"):
        assert reader.take(event("5-0", event_type)) is not None
    assert reader.take(event("5-0")) is None


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", ""])
def test_an_answer_that_is_no_event_stream_is_a_refusal(kind: str) -> None:
    """As the page of a proxy that wants a login: read as a stream it would be silence for ever."""
    with pytest.raises(Refused, match="not an event stream") as caught:
        reading().answered(200, content_type=kind)
    assert caught.value.status == 200


def test_the_type_of_a_stream_may_have_parameters() -> None:
    assert reading().answered(200, content_type="Text/Event-Stream; charset=utf-8")


def test_a_token_that_is_refused_is_asked_for_once_more_if_there_is_another() -> None:
    """At once, which is no failure; and again after a connection that was accepted."""
    reader = Reader(["a"], renews=True, max_attempts=1, jitter=lambda: 1.0)
    reader.request()
    with pytest.raises(Lost, match="too late"):
        reader.answered(401, b'{"detail":"too late"}')
    assert reader.interrupted().seconds == SHORTEST_WAIT
    with pytest.raises(Refused):
        reader.answered(401)
    reader.take(Received("connected", b"{}", "1-0"))
    with pytest.raises(Lost):
        reader.answered(401)


def test_one_token_that_is_refused_is_refused() -> None:
    with pytest.raises(Refused, match="no token"):
        Reader(["a"]).answered(401, b'{"detail":"no token"}')


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("/api/v1/streams/9b1f.c83a/token", True),
        ("https://elsewhere/api/v1/streams/a/token", False),
        ("//elsewhere/api/v1/streams/a/token", False),
        ("/api/v1/streams/../../x/token", False),
        ("/api/v1/streams/a/token?x", False),
        (5, False),
    ],
)
def test_a_token_is_renewed_at_its_stream_and_nowhere_else(path: object, goes: bool) -> None:
    """Whoever can write into a stream must not be given a token."""
    import json

    body = json.dumps({"type": "expiring", "refresh": path}).encode()
    reader = Reader(["a"], renews=True)
    reader.take(Received("expiring", body))
    assert (reader.refresh == path) is goes
    unable = Reader(["a"])
    unable.take(Received("expiring", body))
    assert unable.refresh is None


def test_attempts_end_where_they_may() -> None:
    reader = Reader(["a"], max_attempts=3)
    for attempt in (1, 2):
        reader.request()
        assert reader.interrupted(Lost("cut")).attempt == attempt
    reader.request()
    with pytest.raises(Unreachable, match="gave up after 3 attempts: cut"):
        reader.interrupted(Lost("cut"))
