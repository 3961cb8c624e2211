"""A run of the world is judged by all that was published and deleted, once the hub has it."""

from __future__ import annotations

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.hub import live
from streamer.hub.feed_registry import FeedRegistry
from support.servers import FakeClock
from support.steps import Bounds, Come, Delete, Log, Publish, Step, Turn, run, run_over
from support.turning import WaitingLoop

BOUNDS = Bounds(1000, 1000, 512, 100, 65536, 256, 256)


def reading_from(start: str) -> list[Step]:
    """Somebody has all of a topic."""
    come = Come(("a",), start, 1 << 20, until_end=False)
    return [Publish(("a",), "note", 1), come, Turn(20)]


def test_it_is_judged_once_a_read_that_failed_was_tried_again() -> None:
    """Where time is not a test's to move, the hub looks at rest before that."""
    log = MemoryEventLog(clock=FakeClock())
    steps = [*reading_from("latest"), Log("fail"), Delete("a"), Turn(2)]
    run_over(BOUNDS, steps, WaitingLoop(), lambda _kept: log)


def test_a_deletion_that_never_comes_to_the_hub_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its readers do not come to rest."""
    monkeypatch.setattr(FeedRegistry, "deleted", lambda _feeds, _topics: None)
    with pytest.raises(AssertionError, match=r"client 0 is live, and its feed of .* at"):
        run(BOUNDS, [*reading_from("latest"), Delete("a")])


@pytest.mark.parametrize("start", ["latest", "earliest"])
def test_a_deletion_that_no_gap_reports_is_found(
    start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had anything of the topic is owed it, wherever they began."""
    monkeypatch.setattr(live, "gap_controls", lambda _gaps, _stood, _stands: [])
    with pytest.raises(AssertionError, match=r"a was deleted at .*, and no gap says so"):
        run(BOUNDS, [*reading_from(start), Delete("a")])
