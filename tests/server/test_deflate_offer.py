"""What is agreed to of permessage-deflate (RFC 7692, section 7.1)."""

from __future__ import annotations

import pytest

from streamer.server.deflate_offer import agreed

AGREED = "permessage-deflate; client_no_context_takeover"
WITH_BITS = f"{AGREED}; server_max_window_bits=15"


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", AGREED),
        ("permessage-deflate; client_max_window_bits", AGREED),  # every browser
        ("permessage-deflate; client_max_window_bits=15; server_max_window_bits=15", WITH_BITS),
        ('permessage-deflate; server_max_window_bits="15"', WITH_BITS),
        ("permessage-deflate;client_no_context_takeover;client_max_window_bits=8", AGREED),
        ("Permessage-Deflate", AGREED),
        ("x-webkit-deflate-frame, permessage-deflate", AGREED),
        ("permessage-deflate; unknown, permessage-deflate; server_max_window_bits=15", WITH_BITS),
        ("permessage-deflate; server_no_context_takeover, permessage-deflate", AGREED),
    ],
)
def test_the_first_offer_that_can_be_taken_is(offer: str, answer: str) -> None:
    """A parameter of the server's is named where it was offered, and only there."""
    assert agreed([offer]) == answer


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "bbf-usp-protocol",
        "permessage-deflate; server_no_context_takeover",  # it keeps no window
        "permessage-deflate; server_max_window_bits=14",  # it has none so large
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; mode=x",
    ],
)
def test_an_offer_that_cannot_be_taken_is_declined(offer: str) -> None:
    """Without a word: the connection is one without compression."""
    assert agreed([offer]) is None


def test_offers_of_several_fields_are_one_list() -> None:
    assert agreed(["permessage-deflate; x", "permessage-deflate"]) == AGREED
