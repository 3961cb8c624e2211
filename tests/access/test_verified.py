"""Verified tokens are kept within bounds, and not as they are."""

from __future__ import annotations

from streamer.access.grants import Grants
from streamer.access.verified import Verified

NOW = 1_790_000_000.0


def grants(name: str, expires: float | None = NOW + 60) -> Grants:
    return Grants(name, expires=expires)


def test_what_was_used_least_lately_makes_room() -> None:
    kept = Verified(most=3)
    for name in "abc":
        kept.put(name, grants(name))
    assert kept.get("a", NOW) == grants("a")
    kept.put("d", grants("d"))
    assert [name for name in "abcd" if kept.get(name, NOW)] == ["a", "c", "d"]


def test_long_tokens_take_more_of_the_room() -> None:
    kept = Verified(most_bytes=100)
    kept.put("a" * 60, grants("a"))
    kept.put("b" * 40, grants("b"))
    assert len(kept) == 2
    kept.put("c", grants("c"))
    assert kept.get("a" * 60, NOW) is None
    kept.put("d" * 101, grants("d"))
    assert len(kept) == 0
    kept.put("e" * 100, grants("e"))
    kept.put("e" * 100, grants("e"))
    assert len(kept) == 1


def test_what_has_ended_is_dropped_when_it_is_looked_for() -> None:
    kept = Verified()
    kept.put("a", grants("a"))
    kept.put("b", grants("b", None))
    assert kept.get("a", NOW + 59.9) is not None
    assert kept.get("a", NOW + 60) is None
    assert kept.get("b", NOW + 1e9) is not None
    assert len(kept) == 1
    kept.clear()
    assert kept.get("b", NOW) is None


def test_no_token_is_kept_as_it_is() -> None:
    kept = Verified()
    kept.put("hunter2", grants("a"))
    assert "hunter2" not in repr(vars(kept))
