"""The lines of `streamer.access`: one for each who is refused, and nothing forges another."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access.audit import audit
from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.access.validity import Validity
from streamer.api.refusals import note_denial
from streamer.config.settings import Settings
from streamer.errors import (
    Forbidden,
    InvalidToken,
    InvalidTopic,
    TokenExpired,
    TokenRevoked,
    Unauthorized,
)
from support.asking import ClosedStage, grants

#: One field: a name of ours, and a word or a string of JSON.
_FIELD: Final = re.compile(r'([a-z_]+)=([A-Za-z0-9._~:/@+\[\]-]+|"(?:[^"\\]|\\.)*")(?: |\Z)')

FORGED: Final = "x\r\n2026-11-27 INFO streamer.access: event=refreshed subject=admin"
EVIL: Final = [
    FORGED,
    'a" event=refreshed b="',
    "a subject=admin",
    "a\\",
    'a\\" b=c',
    "\x1b[2K\x1b[1Ahidden",
    "\x00\x07\x08\x7f",
    "\u2028\u2029\u0085\x0b\x0c",
    "\u202egnp.exe",
    "\udcff\ud800",
    "ünï ⚡",
    "%0d%0aevent=refreshed",
    "",
]


def fields_of(line: str) -> dict[str, str]:
    """The fields of a line, which is nothing beside them."""
    found, at = {}, 0
    while at < len(line):
        field = _FIELD.match(line, at)
        assert field is not None, line[at:]
        name, value = field.groups()
        assert name not in found, "a field was forged"
        found[name] = json.loads(value) if value.startswith('"') else value
        at = field.end()
    return found


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "streamer.access"]


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streamer.access")


@pytest.mark.parametrize("text", EVIL)
def test_a_value_is_one_value_whatever_is_in_it(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    audit("refused", code="forbidden", reason=text, subject=text, path="/a")
    (line,) = lines(caplog)
    assert line.isascii()
    assert line.isprintable()
    said = {"reason": text, "subject": text} if text else {}
    assert fields_of(line) == {"event": "refused", "code": "forbidden", **said, "path": "/a"}


@pytest.mark.parametrize(
    ("error", "happening"),
    [
        (TokenExpired("its time is over", subject="ann"), "expired"),
        (TokenRevoked("it was taken back", subject="ann"), "revoked"),
        (InvalidToken("forged"), "refused"),
    ],
)
def test_whoever_comes_with_what_holds_no_longer_is_named_if_a_signature_names_them(
    caplog: pytest.LogCaptureFixture, error: Unauthorized, happening: str
) -> None:
    note_denial({"path": "/a", "method": "GET", "client": ("1.2.3.4", 5)}, error)
    (line,) = lines(caplog)
    said = fields_of(line)
    assert (said["event"], said.get("subject")) == (happening, error.subject or None)


def test_a_token_that_has_ended_names_its_subject_to_the_audit() -> None:
    with pytest.raises(TokenExpired) as caught:
        Validity().check({"sub": "ann", "exp": 1000}, 2000.0)
    assert caught.value.subject == "ann"
    assert "ann" not in caught.value.detail


@given(text=st.text(max_size=250))
def test_no_text_ends_a_line_or_adds_a_field(text: str) -> None:
    """Of a long one there is the beginning."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment]
    logger = logging.getLogger("streamer.access")
    logger.addHandler(handler)
    try:
        audit("refused", subject=text, client="192.0.2.7")
    finally:
        logger.removeHandler(handler)
    line = records[0].getMessage()
    assert line.isascii()
    assert line.isprintable()
    shown = text if len(text) <= 200 else text[:200] + "..."
    assert fields_of(line).get("subject", "") == shown
    assert fields_of(line)["client"] == "192.0.2.7"


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (Unauthorized("no token came"), "refused"),
        (Forbidden("you may not read a"), "refused"),
        (TokenExpired("its time is over"), "expired"),
        (TokenRevoked("it was taken back"), "revoked"),
        (InvalidTopic("not a topic"), None),
    ],
)
def test_what_is_of_access_has_a_line_and_no_other_error(
    error: Any,  # noqa: ANN401 - one of ours
    event: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scope = {"path": "/a b", "method": "GET", "client": ("192.0.2.7", 1)}
    note_denial(scope, error)
    expected = {
        "event": event,
        "code": error.code,
        "reason": error.detail,
        "client": "192.0.2.7",
        "method": "GET",
        "path": "/a b",
    }
    assert [fields_of(line) for line in lines(caplog)] == ([expected] if event else [])


ANN: Final = grants("ann", reads=("projects/p1",))
#: What whoever issues tokens may call somebody, and another claims to be.
MALLORY: Final = Grants("admin event=refreshed", subscribe=Patterns(["projects/p1"]))

PATH: Final = "/api/v1/projects/p2/stream"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, {"code": "unauthorized", "method": "GET", "path": PATH}),
        ({"token": "forged"}, {"code": "invalid_token", "method": "GET", "path": PATH}),
        ({"token": "ended"}, {"event": "expired", "code": "token_expired", "path": PATH}),
        ({"token": "ann"}, {"code": "forbidden", "subject": "ann", "path": PATH}),
        (
            {"token": "ann", "method": "WEBSOCKET"},
            {"code": "forbidden", "subject": "ann", "method": "WEBSOCKET", "path": PATH},
        ),
        (
            {"token": "ann", "target": "/api/v1/projects/p2/events", "method": "POST"},
            {"code": "forbidden", "subject": "ann", "method": "POST"},
        ),
        (
            {"token": "ann", "target": "/api/v1/jobs/j1"},
            {"code": "forbidden", "subject": "ann", "path": "/api/v1/jobs/j1"},
        ),
        (
            {"token": "ann", "target": "/files/j1.mp4"},
            {"code": "forbidden", "subject": "ann", "path": "/files/j1.mp4"},
        ),
        (
            {"target": "/api/v1/projects/p%0d%0aevent=refreshed%22/stream?token=forged"},
            {"code": "invalid_token", "path": '/api/v1/projects/p\r\nevent=refreshed"/stream'},
        ),
        (
            {"method": "POST", "headers": {"Origin": "https://evil.example"}},
            {"code": "forbidden", "method": "POST"},
        ),
        (
            {"token": MALLORY.subject.partition(" ")[0]},
            {"code": "forbidden", "subject": MALLORY.subject},
        ),
    ],
)
def test_who_is_refused_is_in_one_line(
    asked: dict[str, Any], said: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    stage = ClosedStage(ANN, settings=Settings())
    stage.tokens.good["admin"] = MALLORY
    try:
        stage.ask(asked.pop("target", PATH), body=b"{}", **asked)
    finally:
        stage.end()
    (line,) = lines(caplog)
    found = fields_of(line)
    assert {"event": "refused", **said}.items() <= found.items()
    assert found["reason"]
    assert "forged" not in line


def test_a_topic_that_is_not_subscribed_has_a_line_too(caplog: pytest.LogCaptureFixture) -> None:
    stage = ClosedStage(ANN)
    try:
        peer = stage.peer("/api/v1/projects/p1/stream", "ann", method="WEBSOCKET")
        peer.send_frames('{"type":"subscribe","topic":"projects/p2"}')
        stage.answer(peer)
    finally:
        stage.end()
    (line,) = lines(caplog)
    assert fields_of(line)["reason"] == "you may not read projects/p2"
    assert fields_of(line)["subject"] == "ann"
