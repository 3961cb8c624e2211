"""Retention: the longest configured prefix of whole segments wins."""

from __future__ import annotations

import pytest

from streamer.config.retention import Retention, RetentionPolicy

DEFAULT, CHATS, CHAT_7 = Retention(1, 1.0), Retention(2, 20.0), Retention(3, 3.0)
POLICY = RetentionPolicy(DEFAULT, {"chats": CHATS, "chats/7": CHAT_7})


@pytest.mark.parametrize(
    ("topic", "kept"),
    [
        ("jobs/1", DEFAULT),
        ("chats", CHATS),
        ("chats/42", CHATS),
        ("chats/77", CHATS),
        ("chats/7", CHAT_7),
        ("chats/7/typing", CHAT_7),
        ("chatsworth", DEFAULT),
        ("a/chats", DEFAULT),
    ],
)
def test_a_topic_is_kept_as_its_prefix_says(topic: str, kept: Retention) -> None:
    """`chats` covers `chats/42`, not `chatsworth`."""
    assert POLICY.of(topic) == kept


def test_the_longest_age_is_over_all_prefixes() -> None:
    """Nothing at rest is older."""
    assert POLICY.longest_age == 20.0
    assert RetentionPolicy().longest_age == RetentionPolicy().of("a").max_age == 86400.0
