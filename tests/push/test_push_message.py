"""What a push says: in words, in few bytes, whatever the notification is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.eventlog.push import Subscription
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.json_line import encode_line
from streamer.push.message import MOST_BYTES, message_of
from streamer.push.post import encrypted
from support.push_service import Browser, PushService


def said(kind: str, unread: int = 1, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    event = Event(Cursor(1_738_483_210_123, 0), kind, ("users/7",), encode_line(fields))
    packed = message_of(event, unread)
    assert len(packed) <= MOST_BYTES
    found: dict[str, Any] = json.loads(packed)
    return found


@pytest.mark.parametrize(
    ("kind", "fields", "title", "body"),
    [
        ("transcode_complete", {"title": "Cats", "format_type": "hls"}, "Cats is ready", "hls"),
        ("transcode_failed", {"title": "Cats", "error": "no space"}, "Cats failed", "no space"),
        ("transcode_failed", {"error": "no space"}, "Transcode failed", "no space"),
        ("system_message", {"level": "error", "message": "m"}, "Error", "m"),
        ("system_message", {"level": {"a": 1}, "message": "m"}, "Message", "m"),
        ("invited", {}, "Invited", ""),
        ("order.was_paid", {"text": "12 €"}, "Order was paid", "12 €"),
        ("invited", {"title": "Chat 42", "body": "by ada"}, "Chat 42", "by ada"),
        ("message", {"username": "ada", "message": "hello"}, "ada", "hello"),
        ("invited", {"title": 7, "message": None}, "Invited", ""),
    ],
)
def test_it_is_put_into_words_by_its_type_and_else_by_what_it_has(
    kind: str, fields: dict[str, Any], title: str, body: str
) -> None:
    found = said(kind, 3, **fields)
    assert (found["title"], found["body"], found["unread"]) == (title, body, 3)
    assert (found["id"], found["type"]) == ("1738483210123-0", kind)
    assert found["notification"]["type"] == kind


def test_where_it_leads_to_is_said_if_it_can_be_an_address() -> None:
    assert said("invited", url="/chats/42")["url"] == "/chats/42"
    for url in ("é", "a\nb", "x" * 501, 7, None):
        assert "url" not in said("invited", url=url)


def test_long_texts_are_cut_where_one_sees_it() -> None:
    found = said("invited", title="t" * 1000, message="m" * 60_000)
    assert found["title"] == "t" * 99 + "…"
    assert found["body"] == "m" * 499 + "…"
    assert "notification" not in found


@given(
    st.dictionaries(st.sampled_from(["title", "message", "url", "other"]), st.text(max_size=4000))
)
def test_whatever_is_said_every_push_service_takes_it(fields: dict[str, str]) -> None:
    said("invited", 999_999, **fields)


def test_the_widest_characters_are_cut_further() -> None:
    found = said("invited", title="\x01" * 1000, message="\x01" * 1000)
    assert found["body"].endswith("…")


def test_a_browser_reads_it_and_the_longest_is_as_long_as_may_be() -> None:
    browser = Browser(PushService())
    keys = browser.subscription()["keys"]
    subscription = Subscription("https://push.example", **keys, server_key="k")
    longest = b"x" * MOST_BYTES
    sealed = encrypted(longest, subscription)
    assert len(sealed) == 4096
    assert browser.read(sealed) == longest
    assert encrypted(longest, subscription)[:86] != sealed[:86]  # a salt and a key of its own
