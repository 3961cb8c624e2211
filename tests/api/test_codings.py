"""Which content coding a stream has is what its client likes best of those there are."""

from __future__ import annotations

import pytest

from streamer.api.codings import coding_of, is_allowed


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("br", ""),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("zstd, gzip", "gzip"),
        ("gzip;q=0.5, zstd", "zstd"),
        ("gzip;q=0, zstd;q=0.1", "zstd"),
        ("gzip;q=0", ""),
        ("gzip;q=0.000", ""),
        ("gzip ; Q=0.3", "gzip"),
        ("identity;q=1, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("*", ""),
        ("gzip;q=x", ""),
        ("gzip;level=9", ""),
        (",,gzip,,", "gzip"),
        ("\x85gzip", ""),
    ],
)
def test_the_best_liked_is_taken(accepted: str, coding: str) -> None:
    assert coding_of(accepted) == coding


@pytest.mark.parametrize(
    ("way", "is_open", "allowed"),
    [
        ("off", True, False),
        ("off", False, False),
        ("public", True, True),
        ("public", False, False),
        ("on", True, True),
        ("on", False, True),
    ],
)
def test_where_there_may_be_secrets_nothing_is_compressed_unless_asked(
    way: str, *, is_open: bool, allowed: bool
) -> None:
    assert is_allowed(way, is_open=is_open) is allowed
