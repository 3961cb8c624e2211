"""What every implementation must make of events: fixtures/snapshots.json, read for Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from streamer.events.cursor import Cursor
from streamer.events.new_event import NewEvent, new_event
from streamer.events.snapshot import Snapshot

#: Also read by tests/web/jobs.test.mjs.
_FILE: Final = Path(__file__).parents[1] / "fixtures" / "snapshots.json"

#: Fields of a job that are times: of which event, in the table.
_TIMES: Final = ("created", "started", "updated", "ended")


class Case(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        expected: of the topic's fields, each that is named; `ended_by` is the number
            of the event that left it over; of `jobs` all, in order, and of their
            fields each that is named.
    """

    name: str
    topic: str
    events: list[tuple[str, dict[str, Any]]]
    expected: dict[str, Any]

    def new_events(self) -> list[NewEvent]:
        return [new_event(self.topic, kind, fields) for kind, fields in self.events]

    def check(self, snapshot: Snapshot, ids: Sequence[Cursor | None]) -> None:
        """Raise unless `snapshot` is what is expected after the events with these `ids`."""
        shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(snapshot.to_fields()))
        expected = dict(self.expected)
        jobs, ended_by = expected.pop("jobs"), expected.pop("ended_by", ...)
        assert {name: shown[name] for name in expected} == expected
        if ended_by is not ...:
            assert snapshot.terminal == (None if ended_by is None else ids[ended_by])
        assert list(shown["jobs"]) == list(jobs)
        for name, fields in jobs.items():
            told = shown["jobs"][name]
            for field, value in fields.items():
                if field in _TIMES:
                    id_ = None if value is None else ids[value]
                    assert told[f"{field}_at"] == (None if id_ is None else id_.timestamp())
                else:
                    assert (name, field, told[field]) == (name, field, value)
            if "ended" in fields:
                end = fields["ended"]
                assert told["end"] == (None if end is None else str(ids[end]))


CASES: Final = msgspec.json.decode(_FILE.read_bytes(), type=list[Case])
