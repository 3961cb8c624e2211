"""The one door into the log: what passes it, how it is encoded, what is refused."""

from __future__ import annotations

import math
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer import errors
from streamer.events.event import CONTROL_TYPES
from streamer.events.new_event import MAX_TOPICS, _is_type, new_event

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=5), json_values, max_size=4))
def test_fields_are_one_line_that_reads_back(fields: dict[str, Any]) -> None:
    """Nothing in them is a line end to any client, and nothing is lost."""
    fields = {
        name: value
        for name, value in fields.items()
        if name not in {"topic", "topics", "timestamp"}
    }
    encoded = new_event("chats/1", "tick", fields).fields
    assert len(encoded.decode().splitlines()) == 1
    assert msgspec.json.decode(encoded) == fields


@pytest.mark.parametrize(
    ("topics", "fields", "encoded"),
    [
        ("chats/1", {}, b"{}"),
        ("projects/p", {}, b'{"project_id":"p"}'),
        (["projects/p", "jobs/j"], {"n": 1}, b'{"project_id":"p","job_id":"j","n":1}'),
        (["jobs/j", "projects/p"], {"project_id": "x"}, b'{"project_id":"x","job_id":"j"}'),
        ("chats/1", {"a": "\u2028\u2029\u0085"}, rb'{"a":"\u2028\u2029\u0085"}'),
    ],
)
def test_ids_in_topics_are_added_to_the_fields(
    topics: str | list[str], fields: dict[str, Any], encoded: bytes
) -> None:
    """Unless the publisher gave them."""
    assert new_event(topics, "tick", fields).fields == encoded


@pytest.mark.parametrize(
    ("progress", "encoded"),
    [(1.0000000000000002, b"1.0"), (1 + 1e-6, b"1.0"), (-1e-9, b"0.0"), (1, b"1"), (0.5, b"0.5")],
)
def test_a_progress_that_rounding_put_beyond_its_ends_is_its_end(
    progress: float, encoded: bytes
) -> None:
    """What is stored is what the snapshot learns."""
    event = new_event("chats/1", "progress", {"progress": progress})
    assert event.fields == b'{"progress":' + encoded + b"}"
    assert float(event.changes["progress"]) == float(encoded)


@pytest.mark.parametrize("progress", [1.00001, -0.00001, math.nan, 2])
def test_a_progress_further_beyond_its_ends_is_refused(progress: float) -> None:
    with pytest.raises(errors.InvalidFields, match="progress"):
        new_event("chats/1", "progress", {"progress": progress})


def test_the_snapshot_learns_json() -> None:
    """Name by name, ready to be stored."""
    event = new_event("jobs/j", "completed", {"task_name": "t", "result": ["\u2028"]})
    assert event.terminal
    assert event.task == "t"
    assert event.changes == {
        "status": b'"completed"',
        "progress": b"1.0",
        "result": rb'["\u2028"]',
        "error": b"null",
    }


def test_an_ephemeral_event_changes_nothing() -> None:
    """It is not stored, so nothing may depend on it."""
    event = new_event("jobs/j", "completed", {"task_name": "t"}, ephemeral=True)
    assert (event.terminal, event.task, event.changes) == (False, None, {})


def test_a_topic_given_twice_counts_once() -> None:
    """In the order given."""
    assert new_event(["b", "a", "b"], "tick").topics == ("b", "a")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("error", "topics", "kind", "fields", "options"),
    [
        (errors.InvalidTopic, [], "tick", {}, {}),
        (errors.InvalidTopic, [f"a/{n}" for n in range(MAX_TOPICS + 1)], "tick", {}, {}),
        (errors.InvalidTopic, "a b", "tick", {}, {}),
        (errors.InvalidTopic, ["a", "b"], "tick", {}, {"ephemeral": True}),
        (errors.InvalidType, "a", "", {}, {}),
        (errors.InvalidType, "a", "Tick", {}, {}),
        (errors.InvalidType, "a", "tick\n", {}, {}),
        (errors.InvalidType, "a", "t" * 65, {}, {}),
        (errors.InvalidType, "a", None, {}, {}),
        (errors.InvalidType, "a", 5, {}, {}),
        *[(errors.ReservedType, "a", kind, {}, {}) for kind in sorted(CONTROL_TYPES)],
        *[
            (errors.InvalidFields, "a", "tick", {name: 1}, {})
            for name in ("id", "type", "topic", "topics", "timestamp")
        ],
        (errors.InvalidFields, "a", "tick", {"x": object()}, {}),
        (errors.InvalidFields, "a", "tick", {"x": nested(100_000)}, {}),
        (errors.InvalidFields, "a", "tick", {"x": "\ud800"}, {}),
        (errors.InvalidFields, "a", "progress", {"progress": math.nan}, {}),
        (errors.InvalidParameter, "a", "tick", {}, {"idempotency_key": ""}),
        (errors.InvalidParameter, "a", "tick", {}, {"idempotency_key": "k" * 256}),
        (errors.EventTooLarge, "a", "tick", {"x": "y" * 65536}, {}),
        (errors.EventTooLarge, "a", "tick", {"x": "y" * 100}, {"max_bytes": 150}),
    ],
)
def test_bad_input_is_refused_where_it_enters(
    error: type[errors.StreamerError],
    topics: str | list[str],
    kind: object,
    fields: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """With an error that says what was wrong."""
    with pytest.raises(error) as raised:
        new_event(topics, cast("str", kind), fields, **options)
    assert 10 < len(raised.value.detail) < 400


def test_a_type_that_is_too_long_to_be_one_is_not_kept() -> None:
    """Whoever publishes could fill memory with a thousand of them."""
    kept = _is_type.cache_info().currsize
    with pytest.raises(errors.InvalidType):
        new_event("a", "t" * 100_000)
    assert _is_type.cache_info().currsize == kept
