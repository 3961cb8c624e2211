"""Topics: what is one, and what it names."""

from __future__ import annotations

import pytest

from streamer.errors import InvalidTopic
from streamer.events.topic import check_topic, job_of, job_topic, project_of, project_topic


@pytest.mark.parametrize(
    "text",
    ["a", "projects/campaign_001", "chats/42", "A.b-c~d_e", "x" * 64, "/".join("abcdefgh"), ".."],
)
def test_topics_keep_their_case_and_text(text: str) -> None:
    """1 to 8 segments of 1 to 64 allowed characters."""
    assert check_topic(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "a b",
        "a\n",
        "a\nb",
        "a\x00",
        "é",
        "a{b}",
        "a*",
        "a:b",
        "x" * 65,
        "/".join("abcdefghi"),
        "a" * 10_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """The error shows some of it and says what is allowed."""
    with pytest.raises(InvalidTopic, match="1 to 8 segments") as raised:
        check_topic(text)
    assert len(raised.value.detail) < 300


def test_a_project_and_a_job_have_a_topic_each() -> None:
    """And a topic tells whose it is."""
    assert project_topic("p1") == "projects/p1"
    assert job_topic("j1") == "jobs/j1"
    assert project_of("projects/p1") == "p1"
    assert job_of("jobs/j1") == "j1"


@pytest.mark.parametrize("topic", ["projects", "chats/p1", "projects/p1/x", "xprojects/p1"])
def test_other_topics_are_no_projects(topic: str) -> None:
    """Only one segment after the prefix is an id."""
    assert project_of(topic) is None
    assert job_of(topic.replace("projects", "jobs")) is None


@pytest.mark.parametrize("bad", ["", "a/b", "a b", "x" * 65, "p\n"])
def test_an_id_is_one_segment(bad: str) -> None:
    """A slash in it would name somebody else's topic."""
    with pytest.raises(InvalidTopic, match="is not a project id"):
        project_topic(bad)
    with pytest.raises(InvalidTopic, match="is not a job id"):
        job_topic(bad)


@pytest.mark.parametrize("given", [None, 7, b"chats/1", ["chats"], {"topic": "chats"}])
def test_what_is_no_text_is_no_topic(given: object) -> None:
    """A publisher in Python passes on whatever it was given."""
    with pytest.raises(InvalidTopic, match="is not a topic"):
        check_topic(given)  # type: ignore[arg-type]
    with pytest.raises(InvalidTopic, match="is not a project id"):
        project_topic(given)  # type: ignore[arg-type]
