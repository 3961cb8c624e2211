"""Runs that once broke the guarantee, as short as they could be made; they stay."""

from __future__ import annotations

import pytest

from support.steps import (
    Bounds,
    Change,
    Come,
    Go,
    LetOne,
    Log,
    Publish,
    Return,
    Step,
    Take,
    Turn,
    Wait,
    run,
)

WIDE = 1 << 20


def bounds(*, retention: int = 1000, unfolded: int = 256, resting: int = 256) -> Bounds:
    return Bounds(retention, 1000, 512, 100, 65536, unfolded, resting)


FOUND: dict[str, tuple[Bounds, list[Step]]] = {
    "a reader that ends makes the hub let go of a feed that is next in the batch": (
        bounds(resting=0),
        [
            Come(("a", "b"), "latest", 1, until_end=False),
            Come(("b",), 6, 1, until_end=False),
            Come(("b", "a", "jobs/j"), "earliest", WIDE, until_end=True),
            Log("pause"),
            Come(("a",), "earliest", WIDE, until_end=False),
            Come(("jobs/j",), 27, 300, until_end=False),
            Go(5),
            Go(1),
            Log("let all"),
            Publish(("b",), "note", 1),
            Publish(("a", "b"), "completed", 1),
        ],
    ),
    "of two answers about snapshots the older comes last": (
        bounds(unfolded=1, resting=0),
        [
            Come(("b", "a", "jobs/j"), 6, 1, until_end=False),
            Come(("b", "a", "jobs/j"), 24, 1, until_end=False),
            Turn(1),
            Come(("a",), "latest", 300, until_end=False),
            Come(("a", "b"), "earliest", WIDE, until_end=False),
            Publish(("a",), "progress", 2),
            Log("pause"),
            Come(("b", "a", "jobs/j"), 25, 1, until_end=True),
            Come(("b", "a", "jobs/j"), "latest", WIDE, until_end=False),
            Turn(2),
            LetOne(3),
            LetOne(2),
            Publish(("b",), "progress", 1),
        ],
    ),
    "a reader is cut off between another topic's event and the gap that reaches beyond it": (
        bounds(retention=2, resting=0),
        [
            Publish(("a",), "note", 2),
            Come(("a", "b"), 2, WIDE, until_end=False),
            Publish(("b",), "note", 1),
            Take(1, 1),
            Go(1),
            Publish(("a", "jobs/j"), "note", 3),
            Return(1),
            Wait(),
            Take(1, 2),
            Go(5),
        ],
    ),
    "a slow reader fills up between another topic's event and the gap": (
        bounds(retention=2),
        [
            Log("interrupt"),
            Come(("b", "a", "jobs/j"), "latest", 1, until_end=False),
            Publish(("a",), "note", 2),
            Publish(("a", "jobs/j"), "note", 1),
            Take(1, 2),
            Publish(("a", "b"), "note", 3),
            Take(1, 3),
        ],
    ),
    "the newest event of the process is the last that was trimmed": (
        bounds(retention=2),
        [
            Come(("b", "a", "jobs/j"), "earliest", WIDE, until_end=False),
            Publish(("a",), "note", 2),
            Log("interrupt"),
            Publish(("a", "jobs/j"), "note", 2),
        ],
    ),
    "an ephemeral event waits in one feed while its reader has it from another": (
        bounds(),
        [
            Come(("a",), 29, 300, until_end=True),
            Turn(2),
            Come(("a",), "latest", 1, until_end=False),
            Log("fail"),
            Log("interrupt"),
            Come(("a",), "latest", WIDE, until_end=True),
            Log("resume"),
            Log("work"),
            Come(("a", "b"), 19, 1, until_end=True),
            Come(("a", "b"), "latest", WIDE, until_end=False),
            Come(("a", "b"), 24, WIDE, until_end=False),
            Publish(("a", "b"), "typing", 3),
            Change(5, "b", 6),
        ],
    ),
    "an ephemeral event waits for its time in one feed while a reader has it from another": (
        bounds(),
        [
            Come(("a",), "latest", WIDE, until_end=False, rate=10.0),
            Come(("a",), "latest", WIDE, until_end=False, rate=10.0),
            Turn(5),
            Publish(("a",), "note", 1),
            Change(0, "b", "latest"),
            Turn(5),
            Publish(("a",), "typing", 1),
            Turn(5),
            Change(0, "b", "latest"),
            Wait(),
        ],
    ),
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_what_once_broke_holds(found: tuple[Bounds, list[Step]]) -> None:
    """Every reader is given what the log has, or told what it lost."""
    run(*found)
