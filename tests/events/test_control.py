"""Control events."""

from __future__ import annotations

import json

from streamer.events.control import Control
from streamer.events.cursor import Cursor


def test_a_body_is_one_flat_object_with_its_type_first() -> None:
    """As the body of any event."""
    control = Control("caught_up", {"cursor": "7-0"}, id=Cursor(7, 0), retry_ms=5)
    assert control.body() == b'{"type":"caught_up","cursor":"7-0"}'


def test_a_body_has_no_character_that_a_client_ends_a_line_at() -> None:
    """U+2028, U+2029 and U+0085 are escaped, and line feeds by JSON itself."""
    text = "a\u2028b\u2029c\u0085d\ne\rf\x00g"
    body = Control("error", {"error": text}).body()
    for byte in ("\u2028".encode(), "\u2029".encode(), "\u0085".encode(), b"\n", b"\r", b"\x00"):
        assert byte not in body
    assert json.loads(body)["error"] == text
