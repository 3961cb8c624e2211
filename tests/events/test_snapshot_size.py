"""Answers that show snapshots are bounded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.events.snapshot_size import SNAPSHOT_BYTES, Budget


def fields(tasks: int = 0, jobs: int = 0, size: int = 10, **own: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "status": "running",
        "progress": 0.5,
        "message": None,
        "result": None,
        "error": None,
        "cursor": "1738483210123-0",
        "tasks": {f"t{n}": msgspec.Raw(b'"%b"' % (b"x" * size)) for n in range(tasks)},
        "jobs": {f"j{n}": {"message": "x" * size} for n in range(jobs)},
        **own,
    }


def size_of(value: object) -> int:
    return len(msgspec.json.encode(value))


def test_what_fits_is_sent_whole() -> None:
    """And says so."""
    given_ = fields(tasks=64, jobs=64, size=200)
    assert Budget(1).fit(given_) == {**given_, "truncated": False}


def test_what_does_not_fit_is_left_out_the_first_first() -> None:
    """Of the jobs those over and the oldest stand first; so do the oldest tasks."""
    fitted = Budget(1).fit(fields(tasks=64, jobs=64, size=60_000))
    assert fitted["truncated"] is True
    assert list(fitted["jobs"]) == [f"j{n}" for n in range(60, 64)]
    assert fitted["tasks"] == {}
    assert fitted["status"] == "running"
    assert size_of(fitted) <= SNAPSHOT_BYTES + 100


def test_a_result_that_does_not_fit_is_null() -> None:
    """The log has it: the terminal event says it."""
    fitted = Budget(1).fit(fields(tasks=2, result={"x": "x" * 300_000}, message="done"))
    assert (fitted["result"], fitted["message"], fitted["truncated"]) == (None, "done", True)
    assert list(fitted["tasks"]) == ["t0", "t1"]


@pytest.mark.parametrize("large", [0, 7, 15])
def test_small_snapshots_are_whole_beside_a_large_one(large: int) -> None:
    """Wherever it stands; all of them together are bounded."""
    budget = Budget(16)
    listed = [fields(tasks=64, size=50_000 if n == large else 20) for n in range(16)]
    fitted = [budget.fit(each) for each in listed]
    assert [each["truncated"] for each in fitted] == [n == large for n in range(16)]
    assert size_of(fitted) <= SNAPSHOT_BYTES + 16 * 100


@given(
    st.lists(
        st.builds(
            fields,
            st.integers(0, 5),
            st.integers(0, 5),
            st.integers(0, 3000),
            error=st.none() | st.text(max_size=500),
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(8000, 40_000),
)
def test_many_together_are_never_over_the_budget(listed: list[Any], most: int) -> None:
    """Nothing is made up, and nothing that is kept is changed."""
    budget = Budget(len(listed), most)
    fitted = [budget.fit(each) for each in listed]
    assert size_of(fitted) <= most + 100 * len(listed)
    for whole, cut in zip(listed, fitted, strict=True):
        for name in ("tasks", "jobs"):
            kept = list(whole[name].items())
            assert list(cut[name].items()) == kept[len(kept) - len(cut[name]) :]
        assert cut["error"] in {None, whole["error"]}
