"""One reader's life, transition by transition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from streamer.events.control import Control
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.page import Gap, Page
from streamer.events.snapshot import Snapshot
from streamer.hub.controls import connected_control, gap_control, named_by
from streamer.hub.limits import HubLimits
from streamer.hub.session import (
    Join,
    ReadLog,
    Send,
    Session,
    State,
)
from streamer.hub.tail import Tail

LIMITS = HubLimits()


def at(ms: int) -> Cursor:
    return Cursor(ms, 0)


def event(ms: int, *topics: str, terminal: bool = False, size: int = 2) -> Event:
    fields = b"{" + b" " * (size - 2) + b"}"
    kind = "completed" if terminal else "note"
    return Event(at(ms), kind, topics or ("a",), fields, terminal=terminal)


def tail_of(*numbers: int, floor: int = 0) -> Tail:
    tail = Tail(at(floor), max_events=1000, max_bytes=1 << 20)
    for number in numbers:
        tail.append(event(number))
    return tail


def page(*items: Event | Gap, cursor: int, complete: bool = True) -> Page:
    gaps = tuple(item for item in items if isinstance(item, Gap))
    events = tuple(item for item in items if isinstance(item, Event))
    return Page(gaps, events, at(cursor), complete)


def said(items: Sequence[Event | Control]) -> list[int | str]:
    """Ids of events, types of control events."""
    return [item.type if isinstance(item, Control) else cursor_of(item).ms for item in items]


def cursor_of(item: Event | Control) -> Cursor:
    assert item.id is not None
    return item.id


def told(item: Event | Control) -> Any:  # noqa: ANN401 - a JSON object
    """The body of a control event."""
    assert isinstance(item, Control)
    return msgspec.json.decode(item.body())


def session_at(ms: int, *topics: str, until_end: bool = False) -> Session:
    return Session(topics or ("a",), at(ms), until_end=until_end, limits=LIMITS)


# Replay


def test_a_session_at_the_head_of_the_tail_joins_at_once() -> None:
    """And says once that it is caught up."""
    session = session_at(5)
    step = session.next_step(tail_of(5))
    assert isinstance(step, Join)
    assert said(step.items) == ["caught_up"]
    assert told(step.items[0]) == {"type": "caught_up", "cursor": "5-0"}
    assert session.state is State.LIVE


def test_caught_up_moves_the_cursor_of_the_client() -> None:
    """From the origin of an empty topic: who comes back there is told of no loss."""
    session = Session(("a",), ORIGIN, limits=LIMITS)
    session.take_page(Page((), (), at(7), complete=True))
    step = session.next_step(tail_of(7))
    assert isinstance(step, Join)
    (caught_up,) = step.items
    assert isinstance(caught_up, Control)
    assert caught_up.id == at(7)


def test_a_session_in_the_tail_is_sent_what_follows_it() -> None:
    """Then it joins."""
    session, tail = session_at(3), tail_of(2, 3, 5, 8)
    step = session.next_step(tail)
    assert isinstance(step, Send)
    assert said(step.items) == [5, 8]
    assert session.cursor == at(8)
    assert isinstance(session.next_step(tail), Join)


def test_a_session_before_the_tail_reads_the_log() -> None:
    """From its cursor, all of its topics."""
    session = session_at(3, "b", "a")
    assert session.next_step(tail_of(9, floor=4)) == ReadLog(("b", "a"), at(3))
    assert session.state is State.REPLAYING


def test_a_session_ahead_of_the_tail_asks_the_log_who_is_right() -> None:
    """Its cursor may be of another process that heard sooner, or of another log."""
    session, tail = session_at(9), tail_of(5)
    assert session.next_step(tail) == ReadLog(("a",), at(9))
    assert session.take_page(page(cursor=9)) == []
    assert isinstance(session.next_step(tail), Join)


def test_a_live_session_that_resumes_asks_the_log_anew() -> None:
    """That nothing was after its cursor was said long ago; the log may have been lost since."""
    session = session_at(9)
    session.take_page(page(cursor=9))
    assert isinstance(session.next_step(tail_of(5)), Join)
    session.resume()
    assert session.next_step(tail_of(5)) == ReadLog(("a",), at(9))


def test_a_live_session_is_moved_with_the_others_of_its_feed() -> None:
    """It goes on from where they stand."""
    session, tail = session_at(3), tail_of(2, 3, 5, 8)
    session.move_to(at(5))
    step = session.next_step(tail)
    assert isinstance(step, Send)
    assert said(step.items) == [8]


def test_a_page_moves_the_cursor_beyond_its_last_event() -> None:
    """Nothing else was published up to there."""
    session = session_at(1)
    assert said(session.take_page(page(event(2), event(3), cursor=7))) == [2, 3]
    assert session.cursor == at(7)


def test_a_session_joins_only_when_the_log_had_no_more() -> None:
    """An incomplete page is followed by the next one."""
    session, tail = session_at(1), tail_of(9, floor=8)
    session.take_page(page(event(2), cursor=2, complete=False))
    assert session.next_step(tail) == ReadLog(("a",), at(2))
    session.take_page(page(event(9), cursor=9))
    assert isinstance(session.next_step(tail), Join)


def test_what_came_while_a_page_was_read_is_taken_from_the_tail() -> None:
    """The page was complete when it was read, and is no longer."""
    session, tail = session_at(1), tail_of(2, floor=1)
    session.take_page(page(event(2), cursor=5))
    tail.append(event(6))
    step = session.next_step(tail)
    assert isinstance(step, Send)
    assert said(step.items) == [6]


def test_what_left_the_tail_while_a_page_was_read_is_read_again() -> None:
    """The tail has moved beyond the page."""
    session = session_at(1)
    session.take_page(page(cursor=2))
    assert session.next_step(tail_of(9, floor=8)) == ReadLog(("a",), at(2))


def test_caught_up_is_said_once_in_a_life() -> None:
    """Not after each lag."""
    session, tail = session_at(5), tail_of(5)
    assert said(session.next_step(tail).items) == ["caught_up"]  # type: ignore[union-attr]
    session.filled()
    session.drained()
    step = session.next_step(tail)
    assert isinstance(step, ReadLog) or step.items == []
    session.take_page(page(cursor=5))
    step = session.next_step(tail)
    assert isinstance(step, Join)
    assert step.items == []


def test_a_replay_is_handed_over_in_pieces() -> None:
    """About a socket's worth at a time."""
    tail = Tail(at(0), max_events=100, max_bytes=1 << 30)
    for number in range(1, 5):
        tail.append(event(number, size=LIMITS.page_bytes // 2 + 1))
    session = session_at(0)
    pieces = []
    while isinstance(step := session.next_step(tail), Send):
        pieces.append(said(step.items))
    assert pieces == [[1, 2], [3, 4]]


# Gaps


@pytest.mark.parametrize("reason", ["trimmed", "expired", "reset"])
def test_a_gap_moves_the_cursor_to_the_last_event_lost(reason: str) -> None:
    """And stands before what follows."""
    session = session_at(1)
    items = session.take_page(page(Gap("a", at(1), at(4), reason), event(6), cursor=6))
    assert said(items) == ["gap", 6]
    assert cursor_of(items[0]) == at(4)
    assert told(items[0]) == {
        "type": "gap",
        "topic": "a",
        "after": "1-0",
        "until": "4-0",
        "reason": reason,
        "cursor": "4-0",
    }


def test_a_gap_beyond_another_topics_event_leaves_the_cursor_before_that_event() -> None:
    """Who is cut off between the two is told of the gap again, and is given the event."""
    session = session_at(1, "a", "b")
    gap = Gap("a", at(1), at(4), "trimmed")
    items = session.take_page(page(gap, event(3, "b"), event(6), cursor=6))
    assert said(items) == ["gap", 3, 6]
    assert cursor_of(items[0]) == at(1)
    assert session.cursor == at(6)


def test_of_several_gaps_only_the_last_moves_the_cursor() -> None:
    """Who is cut off between two of them is told of both again."""
    session = session_at(1, "a", "b")
    gaps = (Gap("a", at(1), at(4), "trimmed"), Gap("b", at(1), at(3), "trimmed"))
    items = session.take_page(page(*gaps, event(6), cursor=6))
    assert [cursor_of(item) for item in items] == [at(1), at(4), at(6)]


def test_a_gap_beyond_the_end_is_told_before_it() -> None:
    """Ending at another topic's terminal event takes no loss along in silence."""
    session = Session(("a", "b"), at(1), until_end=True, limits=LIMITS)
    gap = Gap("b", at(1), at(9), "trimmed")
    items = session.take_page(page(gap, event(3, terminal=True), event(12), cursor=12))
    assert said(items) == ["gap", 3, "end"]


def test_a_gap_of_the_log_itself_has_no_topic() -> None:
    """It is everybody's."""
    gap = Gap(None, at(9), at(4), "reset")
    assert msgspec.json.decode(gap_control(gap, at(4)).body())["topic"] is None


def test_a_log_that_went_back_takes_the_session_back() -> None:
    """What will come is after the log's own position, not after the session's."""
    session = session_at(9)
    assert said(session.take_page(page(Gap(None, at(9), at(4), "reset"), cursor=4))) == ["gap"]
    assert session.cursor == at(4)


def test_who_was_slow_asks_the_log_again_whether_it_is_at_the_head() -> None:
    """The log may have been lost while it drained."""
    session = session_at(9)
    session.take_page(page(cursor=9))
    session.filled()
    session.drained()
    assert session.next_step(tail_of(floor=4)) == ReadLog(("a",), at(9))


# The end


def test_until_end_is_cut_at_the_first_terminal_event() -> None:
    """What follows it is not sent, and the cursor stays at it."""
    session = session_at(0, until_end=True)
    items = session.take([event(1), event(2, terminal=True), event(3), event(4, terminal=True)])
    assert said(items) == [1, 2, "end"]
    assert told(items[-1]) == {"type": "end", "topic": "a", "reason": "completed", "remaining": 0}
    assert (session.state, session.cursor) == (State.ENDED, at(2).next())


def test_a_page_with_the_end_leaves_the_cursor_behind_the_terminal_event() -> None:
    """Not at the page's own."""
    session = session_at(0, until_end=True)
    session.take_page(page(event(1, terminal=True), cursor=7))
    assert session.cursor == at(1).next()


def test_a_terminal_event_ends_nobody_who_did_not_ask() -> None:
    """A project goes on after one of its jobs."""
    session = session_at(0)
    assert said(session.take([event(1, terminal=True), event(2)])) == [1, 2]
    assert session.state is State.REPLAYING


def test_end_names_the_reason_and_the_topic() -> None:
    """As the last control event."""
    session = session_at(0)
    end = session.end("failed", "jobs/j")
    assert end.fields == {"topic": "jobs/j", "reason": "failed", "remaining": 0}
    assert session.state is State.ENDED


def test_end_names_the_topic_that_was_asked_for() -> None:
    """Not the first that the event was published to."""
    session = session_at(0, "chats/1", "jobs/j", until_end=True)
    items = session.take([event(1, "projects/p", "jobs/j", terminal=True)])
    assert told(items[-1])["topic"] == "jobs/j"


def of_jobs(*topics: str, at_ms: int = 0) -> Session:
    return Session(topics, at(at_ms), per_job=True, limits=LIMITS)


def ends(items: Sequence[Event | Control]) -> list[tuple[str, int]]:
    bodies = [told(item) for item in items if isinstance(item, Control) and item.type == "end"]
    return [(body["topic"], body["remaining"]) for body in bodies]


def test_a_reader_of_jobs_is_told_the_end_of_each_and_ends_with_the_last() -> None:
    """One that is run again meanwhile goes on to be sent, and has no second end."""
    session = of_jobs("jobs/a", "jobs/b")
    items = session.take(
        [
            event(1, "projects/p", "jobs/b", terminal=True),
            event(2, "projects/p", "jobs/b"),
            event(3, "projects/p", "jobs/b", terminal=True),
            event(4, "projects/p", "jobs/a"),
        ]
    )
    assert said(items) == [1, "end", 2, 3, 4]
    assert ends(items) == [("jobs/b", 1)]
    assert session.state is State.REPLAYING
    items = session.take([event(5, "jobs/a", terminal=True), event(6, "jobs/b")])
    assert said(items) == [5, "end"]
    assert ends(items) == [("jobs/a", 0)]
    assert (session.state, session.cursor) == (State.ENDED, at(5).next())


def test_one_event_may_end_several_jobs() -> None:
    """Each is named."""
    session = of_jobs("jobs/a", "jobs/b")
    items = session.take([event(1, "projects/p", "jobs/b", "jobs/a", terminal=True)])
    assert ends(items) == [("jobs/a", 1), ("jobs/b", 0)]
    assert session.state is State.ENDED


def over_at(ms: int | None) -> Snapshot:
    return Snapshot(cursor=at(9), status="failed", terminal=None if ms is None else at(ms))


def test_a_job_that_was_over_where_a_reader_starts_is_ended_at_once() -> None:
    """One whose end is still to be sent is ended then."""
    session = of_jobs("jobs/a", "jobs/b", "jobs/c", at_ms=5)
    snapshots = {"jobs/a": over_at(5), "jobs/b": over_at(6), "jobs/c": over_at(None)}
    items = session.over(snapshots)
    assert ends(items) == [("jobs/a", 2)]
    assert told(items[0])["reason"] == "failed"
    assert session.state is State.REPLAYING
    assert ends(session.take([event(6, "jobs/b", terminal=True)])) == [("jobs/b", 1)]


def test_a_reader_of_jobs_that_are_all_over_ends_at_once() -> None:
    """It is caught up, too."""
    session = of_jobs("jobs/a", "jobs/b", at_ms=9)
    items = session.over({"jobs/a": over_at(5), "jobs/b": over_at(9)})
    assert said(items) == ["end", "caught_up", "end"]
    assert session.state is State.ENDED


def test_who_reads_no_jobs_alone_is_not_ended_by_what_was_over() -> None:
    """A project goes on."""
    session = session_at(9, "projects/p")
    assert session.over({"projects/p": over_at(5)}) == []
    assert not session.may_end


def test_a_job_that_is_added_has_to_end_too_and_one_that_is_taken_off_has_not() -> None:
    """Also where its end is among what it missed."""
    session = of_jobs("jobs/a", "jobs/b", at_ms=5)
    session.change_topics(("jobs/a", "jobs/c"), backfill=("jobs/c", at(1)))
    assert session.over({"jobs/c": over_at(3)}) == []
    assert ends(session.take([event(6, "jobs/a", terminal=True)])) == [("jobs/a", 1)]
    items = session.take_page(page(event(3, "jobs/c", terminal=True), cursor=6))
    assert said(items) == [3, "end"]
    assert ends(items) == [("jobs/c", 0)]
    assert session.state is State.ENDED
    added = of_jobs("jobs/a", at_ms=5)
    added.change_topics(("jobs/a", "jobs/b"))
    assert ends(added.over({"jobs/b": over_at(3)})) == [("jobs/b", 1)]


# What the transport says

MOVES = {
    ("replaying", "filled"): State.LAGGING,
    ("replaying", "drained"): State.REPLAYING,
    ("live", "filled"): State.LAGGING,
    ("live", "drained"): State.LIVE,
    ("lagging", "filled"): State.LAGGING,
    ("lagging", "drained"): State.REPLAYING,
    ("ended", "filled"): State.ENDED,
    ("ended", "drained"): State.ENDED,
    ("replaying", "resume"): State.REPLAYING,
    ("live", "resume"): State.REPLAYING,
    ("lagging", "resume"): State.LAGGING,
    ("ended", "resume"): State.ENDED,
    ("replaying", "finish"): State.ENDED,
    ("live", "finish"): State.ENDED,
    ("lagging", "finish"): State.ENDED,
    ("ended", "finish"): State.ENDED,
}


@pytest.mark.parametrize(("state", "word"), MOVES)
def test_a_word_moves_a_session(state: str, word: str) -> None:
    """Every state, every word; an ended session stays so."""
    session = session_at(1)
    session.state = State(state)
    getattr(session, word)()
    assert session.state is MOVES[state, word]


def test_a_reader_is_stuck_when_it_takes_nothing_for_the_timeout() -> None:
    """Counted from when it was first looked at."""
    session = session_at(1)
    session.filled()
    assert not session.is_stuck(100.0, 500, 30.0)
    assert not session.is_stuck(129.9, 500, 30.0)
    assert session.is_stuck(130.0, 500, 30.0)


def test_a_reader_that_takes_anything_is_not_stuck() -> None:
    """The time begins anew."""
    session = session_at(1)
    session.filled()
    session.is_stuck(100.0, 500, 30.0)
    assert not session.is_stuck(131.0, 499, 30.0)
    assert not session.is_stuck(160.0, 499, 30.0)
    assert session.is_stuck(161.0, 499, 30.0)


def test_what_is_added_to_a_queue_that_nobody_takes_is_no_progress() -> None:
    """Else who pings and reads nothing would never be stuck."""
    session = session_at(1)
    session.filled()
    session.is_stuck(100.0, 500, 30.0)
    assert not session.is_stuck(110.0, 600, 30.0)
    assert session.is_stuck(130.0, 700, 30.0)
    assert not session.is_stuck(131.0, 650, 30.0), "it took 50"


def test_a_reader_that_fills_up_again_has_its_whole_time() -> None:
    """What was measured before does not count."""
    session = session_at(1)
    session.filled()
    session.is_stuck(100.0, 500, 30.0)
    session.drained()
    assert not session.is_stuck(140.0, 500, 30.0)
    session.filled()
    assert not session.is_stuck(150.0, 500, 30.0)
    assert not session.is_stuck(179.0, 500, 30.0)
    assert session.is_stuck(180.0, 500, 30.0)


# Topics that come and go


def test_a_topic_that_is_added_is_read_from_the_cursor_on() -> None:
    """A live session replays to find its place in the new feed."""
    session, tail = session_at(5), tail_of(5)
    session.next_step(tail)
    session.change_topics(("a", "b"))
    assert session.state is State.REPLAYING
    assert session.next_step(tail_of(floor=7)) == ReadLog(("a", "b"), at(5))


def test_a_slow_session_stays_slow_when_its_topics_change() -> None:
    """It drains first."""
    session = session_at(5)
    session.filled()
    session.change_topics(("a", "b"))
    assert session.state is State.LAGGING


def test_what_was_missed_of_an_added_topic_is_read_first() -> None:
    """By pages, up to the cursor, without what has been seen by another topic."""
    session, tail = session_at(2, "a"), tail_of(floor=20)
    session.take_page(page(event(6, "a", "b"), cursor=10))
    session.change_topics(("a", "b"), ("b", at(1)))
    assert session.next_step(tail) == ReadLog(("b",), at(1), backfill=True)
    first = page(event(2, "b"), event(4, "b"), event(6, "a", "b"), cursor=6, complete=False)
    assert said(session.take_page(first)) == [2, 4]
    assert session.next_step(tail) == ReadLog(("b",), at(6), backfill=True)
    assert said(session.take_page(page(event(9, "b"), event(12, "b"), cursor=12))) == [9]
    assert session.cursor == at(10), "a backfill does not move the cursor"
    assert session.next_step(tail) == ReadLog(("a", "b"), at(10))


def test_an_event_of_before_the_start_is_not_seen_by_another_topic() -> None:
    """A first visit to `a` at 5 has not seen what `a` had at 3."""
    session = session_at(5, "a")
    session.change_topics(("a", "b"), ("b", at(1)))
    assert said(session.take_page(page(event(3, "a", "b"), cursor=5))) == [3]


def test_an_event_of_a_topic_that_was_added_later_is_not_seen_by_it() -> None:
    """`b` was added at 10; what `b` and `c` had at 5 is owed when `c` asks for it."""
    session = session_at(0, "a")
    session.take_page(page(cursor=10))
    session.change_topics(("a", "b"))
    session.change_topics(("a", "b", "c"), ("c", at(0)))
    assert said(session.take_page(page(event(5, "b", "c"), cursor=10))) == [5]


def test_two_topics_added_at_once_give_an_event_of_both_once() -> None:
    """The first backfill sends it, the second one does not."""
    session = session_at(0, "a")
    session.take_page(page(cursor=10))
    session.change_topics(("a", "b"), ("b", at(0)))
    session.change_topics(("a", "b", "c"), ("c", at(0)))
    both = event(5, "b", "c")
    assert said(session.take_page(page(both, cursor=10))) == [5]
    assert said(session.take_page(page(both, event(6, "c"), cursor=10))) == [6]


def test_a_topic_that_is_left_is_not_read_any_more() -> None:
    """Nor what was missed of it."""
    session = session_at(10, "a")
    session.change_topics(("a", "b"), ("b", at(1)))
    session.change_topics(("a",))
    assert session.next_step(tail_of(floor=20)) == ReadLog(("a",), at(10))


def test_a_gap_in_what_was_missed_ends_at_the_cursor() -> None:
    """What was lost beyond it is told by the replay from there."""
    session = session_at(10, "a")
    session.change_topics(("a", "b"), ("b", at(1)))
    items = session.take_page(page(Gap("b", at(1), at(14), "trimmed"), cursor=14))
    assert said(items) == ["gap"]
    assert cursor_of(items[0]) == at(10)


def test_a_lost_log_is_a_gap_of_the_added_topic_and_not_of_what_comes_of_it() -> None:
    """Without a topic, its cursor would pass what is kept of `b` and comes next."""
    session = session_at(10, "a")
    session.change_topics(("a", "b"), ("b", at(1)))
    gap, *rest = session.take_page(page(Gap(None, at(1), at(4), "reset"), event(6, "b"), cursor=10))
    assert isinstance(gap, Control)
    assert msgspec.json.decode(gap.body()) == {
        "type": "gap",
        "topic": "b",
        "after": "1-0",
        "until": "4-0",
        "reason": "reset",
        "cursor": "10-0",
    }
    assert said(rest) == [6]


def test_a_cursor_that_is_not_behind_needs_no_backfill() -> None:
    """The replay from the session's own cursor has it all."""
    session = session_at(10, "a")
    session.change_topics(("a", "b"), ("b", at(10)))
    assert session.next_step(tail_of(floor=20)) == ReadLog(("a", "b"), at(10))


# The first thing said


def test_connected_to_a_project_names_it() -> None:
    """With the reader's own cursor as id, for a browser that is cut off at once."""
    snapshot = Snapshot(cursor=at(9), status="running", progress=0.5)
    control = connected_control(
        ("projects/p1",),
        at(7),
        {"projects/p1": snapshot},
        resumed=True,
        retry_ms=2345,
        stream=("here.1", 1_738_483_210.123),
    )
    assert (control.id, control.retry_ms) == (at(7), 2345)
    assert msgspec.json.decode(control.body()) == {
        "type": "connected",
        "topic": "projects/p1",
        "project_id": "p1",
        "message": "Connected to project p1",
        "cursor": "7-0",
        "resumed": True,
        "stream_id": "here.1",
        "expires_at": "2025-02-02T08:00:10.123Z",
        "snapshot": {
            "status": "running",
            "progress": 0.5,
            "message": None,
            "result": None,
            "error": None,
            "attempt": None,
            "cursor": "9-0",
            "tasks": {},
            "jobs": {},
            "jobs_left_out": 0,
            "truncated": False,
        },
    }


def test_connected_to_several_topics_lists_them() -> None:
    """In the order they were asked for, with a snapshot of each."""
    snapshots = {"a": Snapshot(), "b": Snapshot(progress=1.0)}
    control = connected_control(
        ("b", "a"), ORIGIN, snapshots, resumed=False, retry_ms=1, stream=("here.2", None)
    )
    body = msgspec.json.decode(control.body())
    assert body["stream_id"] == "here.2"
    assert "expires_at" not in body, "it does not end"
    assert body["topics"] == ["b", "a"]
    assert body["cursor"] == "0-0"
    assert "topic" not in body
    assert {t: s["progress"] for t, s in body["snapshots"].items()} == {"b": 1.0, "a": None}


@pytest.mark.parametrize(
    ("topic", "named"),
    [
        ("projects/p", {"project_id": "p", "message": "Connected to project p"}),
        ("jobs/j", {"job_id": "j", "message": "Connected to job j"}),
        ("jobs/j/k", {"message": "Connected to jobs/j/k"}),
        ("chats/42", {"message": "Connected to chats/42"}),
    ],
)
def test_a_connection_is_named_by_its_topic(topic: str, named: dict[str, str]) -> None:
    """Projects and jobs by their ids."""
    assert named_by(topic) == named
