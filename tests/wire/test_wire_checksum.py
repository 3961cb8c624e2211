"""The CRC-32 of bytes in pieces is that of all of them."""

from __future__ import annotations

import zlib
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from streamer.wire.checksum import Sum

_pieces = st.lists(st.binary(max_size=300), max_size=8)


def of(data: bytes) -> Sum:
    return Sum(zlib.crc32(data), len(data))


@given(_pieces)
def test_sums_of_pieces_make_the_sum_of_all(pieces: list[bytes]) -> None:
    whole = Sum()
    for piece in pieces:
        whole = whole.then(of(piece))
    assert whole == of(b"".join(pieces))


@given(_pieces)
def test_a_sum_goes_on_with_more(pieces: list[bytes]) -> None:
    *_, whole = accumulate(pieces, Sum.of_more, initial=Sum())
    assert whole == of(b"".join(pieces))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_what_came_since_an_earlier_sum_has_its_own(before: bytes, after: bytes) -> None:
    assert of(before + after).since(of(before)) == of(after)


def test_lengths_beyond_what_a_trailer_can_say_still_sum_up() -> None:
    """Five GiB of zeros, put together from halves; zlib has what one of 1 MiB is."""
    mega = bytes(1 << 20)
    halves = Sum().then(of(mega))
    for _ in range(12):
        halves = halves.then(halves)
    straight = 0
    for _ in range(1 << 12):
        straight = zlib.crc32(mega, straight)
    assert halves == Sum(straight, 1 << 32)


@given(st.integers(0, (1 << 32) - 1), st.lists(st.integers(0, 1 << 34), min_size=2, max_size=4))
def test_it_makes_no_difference_where_a_length_is_cut(crc: int, sizes: list[int]) -> None:
    at_once = Sum(crc, 1).then(Sum(0, sum(sizes)))
    in_parts = Sum(crc, 1)
    for size in sizes:
        in_parts = in_parts.then(Sum(0, size))
    assert in_parts == at_once
