"""What is a trace, as W3C Trace Context has it, and how an event carries one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import EventTooLarge
from streamer.events.event import Event
from streamer.events.new_event import MAX_EVENT_BYTES, frame_size, new_event
from streamer.events.trace import MAX_STATE, Trace, read_trace

IDS: Final = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
PARENT: Final = f"00-{IDS}-01"
TRACE: Final = Trace(PARENT)


def body_of(fields: Mapping[str, Any], trace: Trace | None = None) -> dict[str, Any]:
    event = new_event("a/b", "note", fields, trace=trace)
    decoded: dict[str, Any] = json.loads(Event(None, event.type, event.topics, event.fields).body)
    return decoded


def test_a_traceparent_says_which_trace_it_is_and_where_in_it() -> None:
    trace = read_trace(PARENT, "vendor=a,other@system=b c")
    assert trace == Trace(PARENT, "vendor=a,other@system=b c")
    assert f"{trace.trace_id}-{trace.span_id}" == IDS
    assert trace.is_sampled
    assert not Trace(f"00-{IDS}-02").is_sampled


@pytest.mark.parametrize(
    "parent",
    [
        "",
        IDS,
        f"00-{IDS}",
        f"00-{IDS}-0",
        f"00-{IDS}-01-",
        f"00-{IDS}-01-more",
        f"00-{IDS}-01\n",
        f"00-{IDS}-01, 00-{IDS}-01",
        f"ff-{IDS}-01",
        f"0-{IDS}-01",
        f"00-{IDS.upper()}-01",
        f"00-{IDS[:-1]}g-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
        f"cc-{IDS}-01more",
        f"00-{IDS}-0x",
        f"00-{IDS}-٠١",  # noqa: RUF001 - digits, but not of ASCII
        PARENT.encode(),
        None,
        1,
        [PARENT],
        {"traceparent": PARENT},
    ],
    ids=repr,
)
def test_a_malformed_traceparent_is_none(parent: object) -> None:
    assert read_trace(parent, "vendor=a") is None


def test_a_later_version_is_said_in_ours() -> None:
    """Section 3.2.4: what is known of it is read, and the rest is not passed on."""
    assert read_trace(f"cc-{IDS}-ff") == Trace(f"00-{IDS}-03")
    assert read_trace(f"01-{IDS}-01-what-the-future-will-be-like") == TRACE


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1", "a=1"),
        ("a=1 , b=2,,\t", "a=1,b=2"),
        ("0tenant@vendor=x", "0tenant@vendor=x"),
        ('quoted="\\"', 'quoted="\\"'),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=", ""),
        ("a=b=c", ""),
        ("a=\x7f", ""),
        ("a=é", ""),
        ("a=1\r\nx: y", ""),
        (",", ""),
        ("", ""),
        (",".join(f"k{n}=1" for n in range(33)), ""),
        ("a=" + "x" * (MAX_STATE - 2), ""),  # a value has 256 characters
        (f"a={'x' * 256},b={'x' * 251}", f"a={'x' * 256},b={'x' * 251}"),
        (f"a={'x' * 256},b={'x' * 252}", ""),
        (None, ""),
        (["a=1"], ""),
    ],
    ids=repr,
)
def test_a_malformed_tracestate_leaves_the_trace_as_it_is(state: object, kept: str) -> None:
    assert read_trace(PARENT, state) == Trace(PARENT, kept)


@given(st.text(), st.text())
def test_whatever_is_read_is_read_again_as_it_is(parent: str, state: str) -> None:
    trace = read_trace(parent, state) or read_trace(PARENT, state)
    assert trace is not None
    assert read_trace(*trace) == trace


def test_an_event_outside_of_a_trace_has_not_a_byte_of_one() -> None:
    event = new_event("projects/p1", "note", {"text": "x"})
    assert event.fields == b'{"project_id":"p1","text":"x"}'
    assert event.trace is None


@pytest.mark.parametrize("fields", [{}, {"text": "x"}], ids=["no fields", "fields"])
def test_an_event_carries_the_trace_that_it_was_published_in(fields: dict[str, str]) -> None:
    body = body_of(fields, Trace(PARENT, 'a="\\'))
    assert body == {
        "type": "note",
        "topic": "a/b",
        **fields,
        "traceparent": PARENT,
        "tracestate": 'a="\\',
    }


def test_a_trace_of_an_events_own_wins() -> None:
    """It is where the event began; the request that brings it is on its way."""
    own = f"00-{IDS}-00"
    assert body_of({"traceparent": own}, TRACE)["traceparent"] == own
    assert body_of({"traceparent": own}) == {"type": "note", "topic": "a/b", "traceparent": own}


@pytest.mark.parametrize("own", ["", "x", None, 1, {}, f"00-{IDS}"], ids=repr)
def test_a_malformed_trace_of_its_own_is_left_out(own: object) -> None:
    assert body_of({"traceparent": own, "tracestate": "a=1"}) == {"type": "note", "topic": "a/b"}
    assert body_of({"traceparent": own}, TRACE)["traceparent"] == PARENT


def test_an_event_is_never_refused_for_the_trace_around_it() -> None:
    """It has the room that is left: where there is none, the trace is left out."""
    around = frame_size("note", ("a/b",), b'{"text":""}')
    text = "x" * (MAX_EVENT_BYTES - around)
    assert body_of({"text": text}, TRACE) == {"type": "note", "topic": "a/b", "text": text}
    with pytest.raises(EventTooLarge):
        new_event("a/b", "note", {"text": text + "x"}, trace=TRACE)
    added = len(f',"traceparent":"{PARENT}"')
    fits = text[added:]
    assert body_of({"text": fits}, TRACE)["traceparent"] == PARENT
    assert "traceparent" not in body_of({"text": fits + "x"}, TRACE)


def test_a_job_event_carries_it_and_its_snapshot_changes_by_nothing() -> None:
    plain = new_event("jobs/j", "progress", {"progress": 0.5})
    traced = new_event("jobs/j", "progress", {"progress": 0.5}, trace=TRACE)
    assert plain.changes == traced.changes
    assert json.loads(traced.fields)["traceparent"] == PARENT
