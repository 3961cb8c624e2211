"""Event ids: their shape, their order, their time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import InvalidCursor
from streamer.events.cursor import ORIGIN, Cursor

cursors = st.builds(Cursor, st.integers(0, 253_402_300_799_999), st.integers(0, 2**64 - 1))


@given(cursors)
def test_an_id_is_read_as_it_is_written(cursor: Cursor) -> None:
    """What the server sent, it understands."""
    assert Cursor.parse(str(cursor)) == cursor


@given(cursors, cursors)
def test_ids_have_the_order_of_their_numbers_not_of_their_text(a: Cursor, b: Cursor) -> None:
    """9-0 is before 10-0."""
    assert (a < b) == ((a.ms, a.seq) < (b.ms, b.seq))
    assert a >= ORIGIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "-",
        "1-",
        "-1",
        "1-2-3",
        " 1-2",
        "1-2\n",
        "1-2 ",
        "+1-2",
        "1.0-2",
        "1-*",
        "$",
        "(1-2",
        "१-२",
        "1-18446744073709551616",
        "253402300800000-0",
        "9" * 500 + "-0",
        "abc",
        "1-2\x00",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    """The error shows it, not all of it, and says what an id is."""
    with pytest.raises(InvalidCursor, match="<milliseconds>-<sequence>") as raised:
        Cursor.parse(text)
    assert len(raised.value.detail) < 220


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("0-0", "1970-01-01T00:00:00.000Z"),
        ("1738483210123-7", "2025-02-02T08:00:10.123Z"),
        ("1738483210009-0", "2025-02-02T08:00:10.009Z"),
        ("253402300799999-0", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_id_tells_its_time(text: str, timestamp: str) -> None:
    """RFC 3339, UTC, always three digits of milliseconds."""
    assert Cursor.parse(text).timestamp() == timestamp
