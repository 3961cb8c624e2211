"""What is looked at of a request to an AI server, before it is asked."""

from __future__ import annotations

import pytest

from streamer.dialects.openai.requests import Wanted
from streamer.errors import InvalidInput

DEEP = b"[" * 9999 + b"]" * 9999


@pytest.mark.parametrize("name", [b"model", b"stream", b"input"])
@pytest.mark.parametrize("value", [b'"\xff"', b'"\\ud800"', b"1e999", DEEP], ids=lambda v: v[:9])
def test_what_cannot_be_read_is_refused_and_no_fault_of_ours(name: bytes, value: bytes) -> None:
    if (name, value) == (b"input", b"1e999"):
        return  # which is JSON, and the AI server's to read
    with pytest.raises(InvalidInput):
        Wanted(b'{"%b":%b}' % (name, value))
