"""A reader is given no part of a whole without all the parts before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from support.servers import FakeClock
from support.turning import TurningLoop
from support.writers import FakeWriter


class Room:
    """A hub over a log in which something is said in parts."""

    def __init__(self) -> None:
        self.loop = TurningLoop()
        self.log = MemoryEventLog(clock=FakeClock())
        self.hub = Hub(self.log)
        self.loop.inside(self.hub.start)

    def part(self, text: str) -> Cursor | None:
        return self._append(new_event("t", "note", {"text": text}, part_of="w"))

    def whole(self, text: str) -> Cursor | None:
        return self._append(new_event("t", "note", {"text": text}, whole_of="w"))

    def _append(self, event: NewEvent) -> Cursor | None:
        return self.loop.run(self.log.append(event))

    def come(self, resume: Cursor | None = None) -> FakeWriter:
        writer = FakeWriter()
        self.loop.run(self.hub.attach(Attach(("t",), resume=resume), writer))
        return writer

    def heard(self, writer: FakeWriter) -> list[str]:
        self.loop.turn(20)
        writer.take()
        return [frame["text"] for frame in writer.taken if frame["type"] == "note"]


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    made.loop.run(made.hub.close())
    made.loop.finish()


def test_who_reads_what_another_has_read_of_the_log_is_given_the_whole_alone(room: Room) -> None:
    """This process has the last part, and the log has none any longer."""
    first = room.part("one ")
    room.part("two ")
    there = room.come()
    room.part("three")
    room.whole("one two three")
    assert room.heard(there) == ["three", "one two three"]
    assert room.heard(room.come(first)) == ["one two three"]
    assert room.heard(room.come(first)) == ["one two three"]
