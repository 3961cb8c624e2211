"""What is agreed to of permessage-deflate (RFC 7692, section 7.1)."""

from __future__ import annotations

import pytest

from streamer.server.deflate_offer import agreed

ALONE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "


@pytest.mark.parametrize(
    ("offer", "bits"),
    [
        ("permessage-deflate", 12),
        ("permessage-deflate; client_max_window_bits", 12),  # every browser
        ("permessage-deflate; client_max_window_bits=15; server_max_window_bits=15", 12),
        ('permessage-deflate; server_max_window_bits="10"', 10),
        ("permessage-deflate;server_no_context_takeover;client_no_context_takeover", 12),
        ("Permessage-Deflate", 12),
        ("x-webkit-deflate-frame, permessage-deflate", 12),
        ("permessage-deflate; unknown, permessage-deflate; server_max_window_bits=9", 9),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", 12),
    ],
)
def test_the_first_offer_that_can_be_taken_is(offer: str, bits: int) -> None:
    """What is sent needs nothing of what was sent before, and no window beyond the answer."""
    found = agreed([offer])
    assert found is not None
    assert (found.window_bits, found.answer) == (bits, f"{ALONE}server_max_window_bits={bits}")


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "bbf-usp-protocol",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=8",  # zlib writes none so small
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; mode=x",
    ],
)
def test_an_offer_that_is_not_understood_is_declined(offer: str) -> None:
    """Without a word: the connection is one without compression."""
    assert agreed([offer]) is None


def test_offers_of_several_fields_are_one_list() -> None:
    found = agreed(["permessage-deflate; x", "permessage-deflate"])
    assert found is not None
