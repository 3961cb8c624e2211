"""Patterns of topics: what each covers, and that none covers more than it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access.grants import EVERYTHING, Grants
from streamer.access.patterns import MAX_PATTERNS, Patterns
from streamer.errors import InvalidTopic

SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "7", "."]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("users/7", ["users/7"], ["users/70", "users/7/x", "Users/7", "users", "users/*"]),
        ("projects/*", ["projects/p1", "projects/*"], ["projects", "projects/a/b", "projects/**"]),
        (
            "projects/**",
            ["projects/a", "projects/a/b", "projects/a/*", "projects/**"],
            ["projects"],
        ),
        ("*/x", ["a/x"], ["a/y", "x", "a/b/x"]),
        ("**", ["a", "a/b/c", "**", "*/x"], []),
        ("a/*/c/**", ["a/b/c/d", "a/b/c/d/e"], ["a/b/c", "a/b/x/d"]),
    ],
)
def test_a_pattern_covers_what_it_says(
    pattern: str, covered: list[str], not_covered: list[str]
) -> None:
    patterns = Patterns([pattern])
    assert [topic for topic in covered if not patterns.cover(topic)] == []
    assert [topic for topic in not_covered if patterns.cover(topic)] == []


@given(SEGMENTS, st.booleans(), SEGMENTS, st.booleans(), SEGMENTS)
def test_who_covers_a_pattern_covers_all_its_topics(
    wide: list[str], wide_rest: bool, narrow: list[str], narrow_rest: bool, topic: list[str]
) -> None:
    """What is asked of a token in exchange never reads more than the token itself."""
    outer = "/".join([*wide, *(["**"] if wide_rest else [])])
    inner = "/".join([*narrow, *(["**"] if narrow_rest else [])])
    name = "/".join(topic).replace("*", "a")
    if Patterns([outer]).cover(inner) and Patterns([inner]).cover(name):
        assert Patterns([outer]).cover(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a//b",
        "users/7*",
        "*a",
        "**/a",
        "a/**/b",
        "a/***",
        "a b",
        "a\n",
        "é",
        7,
        None,
        "a/" * 8 + "a",
    ],
)
def test_what_is_no_pattern_is_refused(text: object) -> None:
    with pytest.raises(InvalidTopic):
        Patterns([text])


def test_a_token_holds_a_bounded_number_of_patterns() -> None:
    with pytest.raises(InvalidTopic, match="at most 256"):
        Patterns([f"a/{n}" for n in range(MAX_PATTERNS + 1)])


def test_a_subject_reads_its_own_topic_and_no_other() -> None:
    grants = Grants("7")
    assert grants.may_read("users/7")
    assert not any(grants.may_read(topic) for topic in ("users/70", "users/7/x", "users", "a/7"))
    assert not grants.may_publish("users/7")


@pytest.mark.parametrize("subject", ["", "*", "**", "7/x"])
def test_a_subject_that_is_no_segment_owns_nothing(subject: str) -> None:
    assert not Grants(subject).may_read(f"users/{subject}")


def test_an_admin_reads_all_and_publishes_where_it_is_allowed_to() -> None:
    admin = Grants("1", is_admin=True)
    assert admin.may_read("projects/x")
    assert admin.may_read("**")
    assert not admin.may_publish("projects/x")
    assert EVERYTHING.may_publish("projects/x")
