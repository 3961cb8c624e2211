"""Names of streams."""

from __future__ import annotations

import re

from streamer.hub.stream_ids import StreamIds, process_of


def test_an_id_names_its_process_and_a_stream_that_nobody_can_guess() -> None:
    ids = StreamIds()
    names = [ids.next() for _ in range(1000)]
    assert len(set(names)) == 1000
    for name in names:
        assert re.fullmatch(r"[0-9a-f]{12}\.[0-9a-f]{32}", name)
        assert process_of(name) == ids.process


def test_no_two_processes_have_the_same_names_or_numbers() -> None:
    """Though both count from the same."""
    first, second = StreamIds(), StreamIds()
    assert first.process != second.process
    own = [ids.next().partition(".")[2] for ids in (first, second)]
    assert own[0] != own[1]


def test_any_text_may_be_asked_for() -> None:
    assert [process_of(text) for text in ("", ".", "a", "a.b.c", "\x00.x")] == [
        *("", "", "a", "a", "\x00"),
    ]
