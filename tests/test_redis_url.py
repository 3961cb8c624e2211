"""URLs of the event log: what is read from each form, and what is refused with which words."""

from __future__ import annotations

import pytest

from streamer.eventlog.redis import RedisEventLog
from streamer.redis_url import ALLOWED, InvalidRedisURL, RedisURL, parse_redis_url, without_password
from streamer.setting import InvalidSetting
from streamer.settings import Settings

READ: list[tuple[str, RedisURL]] = [
    ("redis://h", RedisURL("server", "redis://h")),
    ("redis://h:1/3", RedisURL("server", "redis://h:1/3")),
    ("rediss://u:p@h:1/", RedisURL("server", "rediss://u:p@h:1/")),
    ("redis://[::1]:6379/0", RedisURL("server", "redis://[::1]:6379/0")),
    ("unix:///run/redis.sock?db=2", RedisURL("server", "unix:///run/redis.sock?db=2")),
    (
        "redis+sentinel://h1:1,h2,[::1]:3/events",
        RedisURL(
            "sentinel",
            "redis://localhost/0",
            nodes=(("h1", 1), ("h2", 26379), ("::1", 3)),
            service="events",
        ),
    ),
    (
        "rediss+sentinel://u:p%40@h/events/4?sentinel_username=s&sentinel_password=q%26&db=4",
        RedisURL(
            "sentinel",
            "rediss://u:p%40@localhost/4?db=4",
            nodes=(("h", 26379),),
            service="events",
            sentinel_username="s",
            sentinel_password="q&",
        ),
    ),
    (
        "redis+cluster://:p@h1,h2:2/",
        RedisURL("cluster", "redis://:p@localhost/0", nodes=(("h1", 6379), ("h2", 2))),
    ),
    ("redis+cluster://h/0", RedisURL("cluster", "redis://localhost/0", nodes=(("h", 6379),))),
]


@pytest.mark.parametrize(("text", "url"), READ, ids=[text for text, _ in READ])
def test_a_url_is_read(text: str, url: RedisURL) -> None:
    assert parse_redis_url(text) == url


REFUSED: list[tuple[str, str]] = [
    ("", "schemes"),
    ("localhost:6379", "schemes"),
    ("http://h", "schemes"),
    ("redis:/h", "schemes"),
    ("redis+ring://h", "schemes"),
    ("unix+cluster:///s", "schemes"),
    ("redis://h h", "a space"),
    ("redis://", "a host"),
    ("redis://[::1", "a host"),
    ("redis://u:p[q@h", "%5B"),
    ("redis+sentinel://u:p[q@h/events", "%5B"),
    ("redis://h:port", "a host"),
    ("redis://h:0", "a host"),
    ("redis://h:65536", "a host"),
    ("redis://h:123456", "a host"),
    ("redis://a,b", "several hosts"),
    ("redis://h/db", "not a number"),
    ("redis://h/1/2", "not a number"),
    ("redis://h?db=x", "not a number"),
    ("redis://h?socket_timeout=1", "'socket_timeout', which is none of"),
    ("redis://h?sentinel_password=x", "'sentinel_password', which is none of"),
    ("redis://u:p#q@h", "%23"),
    ("unix://", "no socket"),
    ("unix:///", "no socket"),
    ("redis+sentinel://h:1", "the service"),
    ("redis+sentinel://h:1/", "the service"),
    ("redis+sentinel://h:1/my master", "a space"),
    ("redis+sentinel://h:1/events/x", "not a number"),
    ("redis+sentinel://h:1/events/0/1", "not a number"),
    ("redis+sentinel:///events", "a host"),
    ("redis+sentinel://h:1,,h:2/events", "a host"),
    ("redis+cluster://h:1,", "a host"),
    ("redis+cluster://h/1", "no database"),
    ("redis+cluster://h?db=1", "no database"),
]


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=[text for text, _ in REFUSED])
def test_a_malformed_url_is_refused_with_what_is_allowed(text: str, told: str) -> None:
    """By the parser, by the log and by the settings, in the same words."""
    with pytest.raises(InvalidRedisURL) as caught:
        parse_redis_url(text)
    assert told in str(caught.value)
    assert ALLOWED in str(caught.value)
    with pytest.raises(ValueError, match="allowed are"):
        RedisEventLog(text)
    for variable in ("STREAMER_REDIS_URL", "STREAMER_BROKER_URL"):
        if text:
            with pytest.raises(InvalidSetting) as told_at_start:
                Settings.from_env({variable: text})
            assert str(told_at_start.value).startswith(variable)
            assert told in str(told_at_start.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis+sentinel://u:secret@h:1,h:2/events", "redis+sentinel://u:***@h:1,h:2/events"),
        ("redis+cluster://:secret@h:1", "redis+cluster://:***@h:1"),
        (
            "redis+sentinel://h/e?sentinel_password=secret&db=1",
            "redis+sentinel://h/e?sentinel_password=***&db=1",
        ),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_refused_setting_does_not_show_its_password() -> None:
    """It stands in a terminal, or in the log of a deployment."""
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({"STREAMER_REDIS_URL": "redis+sentinel://u:secret@h:1"})
    assert "secret" not in str(caught.value)
