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
            of the event that left it over, and `tasks` has such numbers by task; of
            `jobs` all, in order, and of their fields each that is named.
    """

    name: str
    topic: str
    events: list[tuple[str, dict[str, Any]]]
    expected: dict[str, Any]

    def new_events(self) -> list[NewEvent]:
        return [new_event(self.topic, kind, fields) for kind, fields in self.events]

    def check(self, snapshot: Snapshot, ids: Sequence[Cursor | None]) -> None:
        """Raise unless `snapshot` is what is expected after the events with these `ids`."""
        shown, expected = shown_by(snapshot), with_ids(self.expected, ids)
        jobs = expected.pop("jobs")
        assert {name: shown[name] for name in expected} == expected
        assert list(shown["jobs"]) == list(jobs)
        for name, fields in jobs.items():
            told = shown["jobs"][name]
            assert (name, {field: told[field] for field in fields}) == (name, fields)


def shown_by(snapshot: Snapshot) -> dict[str, Any]:
    """All that a snapshot says, but for its cursor; of each task the id of its event."""
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(snapshot.to_fields()))
    del shown["cursor"]
    shown["ended_by"] = None if snapshot.terminal is None else str(snapshot.terminal)
    shown["tasks"] = {task: body["id"] for task, body in shown["tasks"].items()}
    return shown


def with_ids(expected: dict[str, Any], ids: Sequence[Cursor | None]) -> dict[str, Any]:
    """What is `expected`, in the table's form, as `shown_by` has it if events have these `ids`."""

    def id_of(number: int | None) -> str | None:
        return None if number is None else str(ids[number])

    def time_of(number: int | None) -> str | None:
        id_ = None if number is None else ids[number]
        return None if id_ is None else id_.timestamp()

    def job_of(fields: dict[str, Any]) -> dict[str, Any]:
        job = {name: value for name, value in fields.items() if name not in _TIMES}
        job |= {f"{name}_at": time_of(fields[name]) for name in _TIMES if name in fields}
        return job | ({"end": id_of(fields["ended"])} if "ended" in fields else {})

    shown = {**expected, "jobs": {name: job_of(job) for name, job in expected["jobs"].items()}}
    if "ended_by" in shown:
        shown["ended_by"] = id_of(shown["ended_by"])
    if "tasks" in shown:
        shown["tasks"] = {task: id_of(number) for task, number in shown["tasks"].items()}
    return shown


CASES: Final = msgspec.json.decode(_FILE.read_bytes(), type=list[Case])
