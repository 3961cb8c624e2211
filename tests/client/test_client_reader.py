"""What a following client decides: where it resumes, when it comes back, when it stops."""

from __future__ import annotations

import pytest

from streamer.client.follow import LONGEST_WAIT, SHORTEST_WAIT, Follow, Refused
from streamer.client.received import Received


def follow(*, jitter: float = 1.0, start: str | None = None, until_end: bool = False) -> Follow:
    return Follow(["projects/p1"], start=start, until_end=until_end, jitter=lambda: jitter)


def event(event_id: str | None, event_type: str = "progress", body: bytes = b"{}") -> Received:
    return Received(event_type, body, event_id)


def test_a_first_visit_says_where_to_begin() -> None:
    query, headers = follow(start="earliest", until_end=True).request()
    assert ("topic", "projects/p1") in query
    assert ("from", "earliest") in query
    assert ("until", "end") in query
    assert "Last-Event-ID" not in headers


def test_a_later_visit_resumes_after_the_last_id_and_not_from_the_start() -> None:
    reader = follow(start="earliest")
    reader.take(event("5-0"))
    reader.take(event(None, "typing"))
    query, headers = reader.request()
    assert headers["Last-Event-ID"] == "5-0"
    assert "from" not in dict(query)


def test_a_reader_of_several_jobs_is_done_after_the_last_end() -> None:
    """The others say how many remain."""
    reader = follow()
    reader.take(event(None, "end", b'{"remaining":1}'))
    assert not reader.done
    reader.take(event(None, "end", b'{"remaining":0}'))
    assert reader.done


def test_after_end_it_is_done() -> None:
    reader = follow()
    reader.take(event(None, "end"))
    assert reader.done


def test_204_says_that_all_was_read() -> None:
    reader = follow()
    assert not reader.answered(204)
    assert reader.done


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again(status: int) -> None:
    reader = follow()
    assert not reader.answered(status)
    assert not reader.done


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
def test_a_lasting_refusal_is_told_with_its_reason(status: int) -> None:
    with pytest.raises(Refused) as caught:
        follow().answered(status, b'{"detail":"the topic is malformed"}')
    assert caught.value.status == status
    assert caught.value.detail == "the topic is malformed"


def test_a_refusal_without_a_reason_names_its_status() -> None:
    with pytest.raises(Refused, match="the server answered 404"):
        follow().answered(404, b"<html>")


def test_waits_double_up_to_a_limit_and_start_over_after_an_event() -> None:
    reader = follow()
    assert [reader.wait() for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert max(reader.wait() for _ in range(20)) == LONGEST_WAIT
    reader.take(event("1-0"))
    assert reader.wait() == 1.0


def test_waits_are_spread_over_half_their_length() -> None:
    assert follow(jitter=0.0).wait() == 0.5
    assert follow(jitter=1.0).wait() == 1.0


def test_the_stream_says_how_long_to_wait() -> None:
    reader = follow()
    reader.retry_in(200)
    assert [reader.wait(), reader.wait()] == [0.2, 0.4]


def test_a_reconnect_event_says_how_long_to_wait_this_once() -> None:
    reader = follow()
    reader.take(event(None, "reconnect", b'{"retry_ms":50}'))
    assert reader.wait() == 0.05
    assert reader.wait() == 2.0


def test_a_reconnect_event_says_why_for_its_connection() -> None:
    reader = follow()
    reader.take(event(None, "reconnect", b'{"retry_ms":50,"detail":"Redis is away"}'))
    assert reader.reason == "Redis is away"
    reader.request()
    assert reader.reason is None


def test_a_token_that_has_expired_is_why_a_connection_ends() -> None:
    """The next one is refused, and that is the end of it."""
    reader = follow()
    reader.take(event(None, "expired", b'{"code":"token_expired","detail":"it has expired"}'))
    assert (reader.reason, reader.done) == ("it has expired", False)
    with pytest.raises(Refused, match="come back"):
        reader.answered(401, b'{"detail":"come back with a new one"}')


def test_retry_after_says_how_long_to_wait_this_once() -> None:
    reader = follow()
    reader.answered(503, retry_after="7")
    assert reader.wait() == 7.0


@pytest.mark.parametrize(
    "body", [b'{"retry_ms":0}', b'{"retry_ms":-5}', b'{"retry_ms":-1e400}', b'{"retry_ms":0.001}']
)
def test_no_server_can_make_it_reconnect_in_a_busy_loop(body: bytes) -> None:
    reader = follow()
    reader.retry_in(0)
    assert reader.wait() == SHORTEST_WAIT
    reader.take(event(None, "reconnect", body))
    assert reader.wait() == SHORTEST_WAIT


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"soon", b'{"retry_ms":"soon"}', b'{"retry_ms":null}']
)
def test_a_reconnect_that_names_no_time_is_one_like_any_other(body: bytes) -> None:
    reader = follow()
    reader.take(event(None, "reconnect", body))
    assert reader.wait() == 1.0


@pytest.mark.parametrize("event_id", ["\x01", " 5-0", "5-0\t", "a\rb"])
def test_an_id_that_no_header_can_carry_moves_nothing(event_id: str) -> None:
    reader = follow()
    reader.take(event("4-0"))
    reader.take(event(event_id))
    assert reader.last_event_id == "4-0"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", ""])
def test_an_answer_that_is_no_event_stream_is_a_refusal(kind: str) -> None:
    """As the page of a proxy that wants a login: read as a stream it would be silence for ever."""
    with pytest.raises(Refused, match="not an event stream") as caught:
        follow().answered(200, content_type=kind)
    assert caught.value.status == 200


def test_the_type_of_a_stream_may_have_parameters() -> None:
    assert follow().answered(200, content_type="Text/Event-Stream; charset=utf-8")


def test_a_token_that_is_refused_is_asked_for_once_more_if_there_is_another() -> None:
    """At once; and again after a connection that was accepted."""
    reader = Follow(["a"], renews=True, jitter=lambda: 1.0)
    assert not reader.answered(401)
    assert reader.wait() == SHORTEST_WAIT
    with pytest.raises(Refused):
        reader.answered(401)
    reader.take(Received("connected", b"{}", "1-0"))
    assert not reader.answered(401)


def test_one_token_that_is_refused_is_refused() -> None:
    with pytest.raises(Refused, match="no token"):
        Follow(["a"]).answered(401, b'{"detail":"no token"}')
