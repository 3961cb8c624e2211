"""URLs of the event log: what is read from each form, and what is refused with which words."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.config.reading import InvalidSetting
from streamer.config.redis_url import (
    ALLOWED,
    InvalidRedisURL,
    RedisURL,
    parse_redis_url,
    without_password,
)
from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog

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
    ("redis://h?db=x", "db must be a whole number"),
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
    ("//[x", "schemes"),
    ("redis://a..b", "a host"),
    ("redis://h%00", "a host"),
    ("redis://[1]", "a host"),
    ("redis://[::1]]", "a host"),
    ("redis://:6379", "a host"),
    ("redis://h\x00", "an invisible character"),
    ("redis://h/100000", "not a number"),
    ("redis://h/-1", "not a number"),
    ("redis://h/1?db=2", "two databases"),
    ("redis://h?db=100000", "from 0 to 99999"),
    ("redis://h?db=1&db=2", "twice"),
    ("redis://h?client_name=my%20app", "client_name must be"),
    ("redis://h?client_name=a;password=p", "client_name must be"),
    ("redis://h?ssl_cert_reqs=none", "only for TLS"),
    ("unix:///s?ssl_cert_reqs=none", "only for TLS"),
    ("rediss://h?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs must be none, optional or required"),
    ("rediss://h?ssl_cert_reqs=", "ssl_cert_reqs must be none, optional or required"),
    ("rediss://h?ssl_check_hostname=yes", "ssl_check_hostname must be true or false"),
    ("rediss://h?ssl_ca_certs=/nowhere", "ssl_ca_certs must be an existing file"),
    ("rediss://h?ssl_ca_certs=", "ssl_ca_certs must be an existing file"),
    ("rediss://h?ssl_ca_path=/nowhere", "ssl_ca_path must be an existing directory"),
    ("rediss://h?ssl_keyfile=/dev/../etc/passwd", "needs ssl_certfile"),
    ("redis+sentinel://h/e?ssl_cert_reqs=none", "only for TLS"),
    ("redis+cluster://h?ssl_cert_reqs=none", "only for TLS"),
    ("unix://run/redis.sock", "two slashes"),
    ("unix:///run/%00", "visible characters"),
    ("unix:///run/a@b", "%40"),
    (f"unix:///{'x' * 107}", "1 to 107 bytes"),
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
        ("redis+sentinel://u:secret@h:1,h:2/events", "redis+sentinel://***@h:1,h:2/events"),
        ("redis+cluster://:secret@h:1", "redis+cluster://***@h:1"),
        (
            "redis+sentinel://h/e?sentinel_password=secret&db=1",
            "redis+sentinel://h/e?sentinel_password=***&db=1",
        ),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


#: Shapes in which people write a password without escaping it, or where it does not belong.
MALFORMED: tuple[str, ...] = (
    "redis://:{}/er2@h",
    "redis://:{}?x@h",
    "redis://:{}#x@h",
    "redis://:a@{}@h:x",
    "redis://u:{}",
    "redis://:{}",
    "redis://u:1/2?{}@h",
    "redis://u:1/2?{}=x@h",
    "redis://h?{}",
    "redis://h?{}=1",
    "redis://h?PASSWORD={}",
    "redis://h?pass%77ord={}&x=1",
    "redis://h?db={}",
    "redis://h?db=0;password={}",
    "redis://h?client_name=a;password={}",
    "rediss://h?ssl_ca_certs=/x;password={}",
    "redis://h/{}",
    "redis://u:p[{}@h",
    "redis+sentinel://u:{}@h:1",
    "redis+sentinel://h/e?sentinel_password={}&x=1",
    "redis+sentinel://h:1,:{}@h:2,/e",
    "redis+cluster://u:{}@h/1",
    "unix://:{}@run/s",
    "unix:///{}@run/s?x=1",
    "unix:///{}@run/s",
    "unix:///u:{}@/run/s",
    "http://u:{}@h",
    "u:{}@h:6379",
    "{}@h",
    "{}",
    "{}://h",
    "//[{}",
    " redis://:{}@h",
    "redis://:{} x@h",
    "redis:/:{}@h",
)
#: The same where they are right: the URL is taken, and shown without them.
SECRET: tuple[str, ...] = (
    "redis://:{}@h",
    "redis://{}@h",
    "redis://{}:{}@h/1",
    "REDIS://:a@{}@h",
    "rediss://:%7b{}@[::1]:1",
    "redis://h?password={}",
    "redis://h?username={}&db=1",
    "redis://h?pass%77ord={}",
    "unix://u:{}@/run/s",
    "unix:///run/s?password={}",
    "redis+sentinel://u:{}@h/e?sentinel_password={}",
    "redis+cluster://:{}@h,h:2",
)


@pytest.mark.parametrize("shape", MALFORMED)
def test_a_malformed_url_is_refused_without_showing_any_part_that_may_be_a_password(
    shape: str,
) -> None:
    """It stands in a terminal, in the log of a deployment, in the traceback of a program."""
    text = shape.replace("{}", "hunter2")
    assert "hunter2" not in without_password(text)
    with pytest.raises(InvalidRedisURL) as caught:
        parse_redis_url(text)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    for variable in ("STREAMER_REDIS_URL", "STREAMER_BROKER_URL"):
        with pytest.raises(InvalidSetting) as told:
            Settings.from_env({variable: text})
        assert "hunter2" not in "".join(traceback.format_exception(told.value))


@pytest.mark.parametrize("shape", SECRET)
def test_no_user_and_no_password_is_shown_of_a_url_that_is_right(shape: str) -> None:
    text = shape.replace("{}", "hunter2")
    assert "hunter2" not in repr(parse_redis_url(text))
    assert "hunter2" not in without_password(text)
    assert "***" in without_password(text)
    settings = Settings(redis_url=text, broker_url=text)
    assert "hunter2" not in repr(settings)
    assert "redis_url=" in repr(settings)


@given(
    before=st.text("redis:/@?#&=+[]%,u.h1; ", max_size=12),
    after=st.text("redis:/@?#&=+[]%,u.h1; ", max_size=12),
    start=st.sampled_from(["", "redis://", "rediss://", "redis+sentinel://", "unix://"]),
)
def test_whatever_its_shape_a_url_shows_nothing_before_its_last_at(
    start: str, before: str, after: str
) -> None:
    """And a text that is refused shows nothing at all."""
    text = f"{start}{before}SECRET{after}"
    shown = without_password(text)
    try:
        parse_redis_url(text)
    except InvalidRedisURL as error:
        hidden, shown = True, f"{shown} {error}"
    else:
        hidden = "@" in text[text.index("SECRET") :].partition("?")[0]
    assert not (hidden and "SECRET" in shown)


def test_a_word_that_is_surely_no_password_is_said_back() -> None:
    assert [without_password(text) for text in ("localhost:6379", "127.0.0.1", "")] == [
        "localhost:6379",
        "127.0.0.1",
        "",
    ]
