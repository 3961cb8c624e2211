"""Sequences of job events that nobody chose, and what docs/JOBS.md makes of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple

from .job_model import JobModel

#: How many sequences there are of each sort: together they take a few seconds.
_SHORT: Final = 150
_CROWDED: Final = 3

_WORDS: Final = (
    *("queued", "pending", "started", "running", "in_progress", "processing", "retrying"),
    *("stalled", "completed", "failed", "error", "cancelled", "canceled", "musing", "Queued"),
)
#: Sums of these are exact, or far from where rounding would decide: their order is no matter.
_FRACTIONS: Final = (0.0, 0.0625, 0.125, 0.25, 0.5, 0.7, 1.0)
_MESSAGES: Final = (None, "one", "two\nlines", "é\u2028")
_RESULTS: Final = (None, 1, "text", {"a": ["\n"]})

_Event = tuple[str, dict[str, Any]]


class Story(NamedTuple):
    """Events of one topic.

    Attributes:
        looks: after how many of its events the snapshot is looked at, ascending.
        expected: the snapshot then, as fixtures/snapshots.json would have it.
        together: whether the events between two looks may be appended as one batch: if
            jobs are forgotten, the log may wait for all of it.
        is_own: whether the topic is a job's own: "jobs/j".
        for_page: whether a page can follow it: what has no id is a job for each task there.
    """

    name: str
    topic: str
    events: list[_Event]
    looks: list[int]
    expected: list[dict[str, Any]]
    together: bool
    is_own: bool
    for_page: bool

    def batches(self) -> Iterator[list[_Event]]:
        """The events between two looks."""
        for start, stop in zip([0, *self.looks], self.looks, strict=False):
            yield self.events[start:stop]

    def case(self, look: int) -> str:
        """What is looked at there, as a line of fixtures/snapshots.json."""
        events = self.events[: self.looks[look]]
        case = {"name": self.name, "topic": self.topic, "events": events}
        return json.dumps(case | {"expected": self.expected[look]}, ensure_ascii=False)


@cache
def stories() -> list[Story]:
    """The same ones in every run."""
    short = [_short(f"seed {seed}", Random(seed)) for seed in range(_SHORT)]
    return short + [_crowded(f"crowd {seed}", Random(seed)) for seed in range(_CROWDED)]


def _short(name: str, chosen: Random) -> Story:
    """A few jobs; sometimes the topic is a job's own."""
    is_own = chosen.random() < 0.2
    names = ["j"] if is_own else ["a", "b", "c", "d"][: chosen.randint(1, 4)]
    jobs = [*names, *chosen.choice([[], ["", "k"] if is_own else [""]])]
    draw = _Draw(chosen, jobs)
    events = [draw.event() for _ in range(chosen.randint(4, 30))]
    looks = [
        n for n in range(1, len(events) + 1) if chosen.random() < draw.often or n == len(events)
    ]
    return _story(name, "jobs/j" if is_own else "projects/p", events, looks)


def _crowded(name: str, chosen: Random) -> Story:
    """More jobs than are kept, of which some are parts of others."""
    jobs = [f"j{n}" for n in range(90)] + [""][: chosen.randint(0, 1)]
    draw = _Draw(chosen, jobs)
    queued: list[_Event] = [
        ("status", {"job_id": job, "status": "queued", **draw.parent()}) for job in jobs[:74]
    ]
    # Those that are known end, so that the topic rests while others are left out.
    known: list[_Event] = [("completed", {"job_id": job}) for job in jobs[10:74]]
    few, many = [draw.event() for _ in range(20)], [draw.event() for _ in range(100)]
    events = [*queued, *known, *few, *queued, *many]
    looks = list(range(70, len(events) + 1, 4))
    return _story(name, "projects/p", events, looks, together=False)


def _story(
    name: str, topic: str, events: list[_Event], looks: list[int], *, together: bool = True
) -> Story:
    model, expected, is_own = JobModel(topic), [], topic.startswith("jobs/")
    wanted = set(looks)
    for number, (kind, fields) in enumerate(events):
        model.append(kind, fields, number)
        if number + 1 in wanted:
            expected.append(model.expected())
    ids = {fields.get("job_id") for _, fields in events}
    for_page = ids <= {"j", None} if is_own else together or not ids & {None, ""}
    return Story(name, topic, events, looks, expected, together, is_own, for_page)


class _Draw:
    """Draws the chances of a story first and then its events, so that stories differ."""

    def __init__(self, chosen: Random, jobs: list[str]) -> None:
        self._chosen: Final = chosen
        self._jobs: Final = jobs
        self._parents: Final = [*jobs[:3], "g", "h", "", None]
        words = chosen.sample(_WORDS, chosen.randint(2, len(_WORDS)))
        self._words: Final = [*words, *["musing"] * chosen.choice([0, 0, 8])]
        self._kinds: Final = [kind for kind in _KINDS for _ in range(chosen.choice([1, 1, 2, 5]))]
        self._chances: Final = {
            name: chosen.choice([0.0, 0.2, 0.7])
            for name in ("attempt", "message", "parent", "task", "stray")
        }
        self.often: Final = chosen.choice([0.3, 1.0])

    def event(self) -> _Event:
        chosen, kind = self._chosen, self._chosen.choice(self._kinds)
        job = chosen.choice(self._jobs)
        fields: dict[str, Any] = {"job_id": job} if job or chosen.random() < 0.1 else {}
        fields |= self.parent()
        if self._does("attempt"):
            fields["attempt"] = chosen.choice([None, 1, 2, 3])
        if self._does("message"):
            fields["message"] = chosen.choice(_MESSAGES)
        if self._does("task"):
            fields["task_name"] = chosen.choice(["t", "u\nv", "w"])
        if self._does("stray"):
            # What another type of event would mean something by.
            fields |= {"progress": 0.3, "error": "stray", "status": "failed", "result": "stray"}
        return kind, fields | self._own(kind)

    def parent(self) -> dict[str, Any]:
        return {"parent_id": self._chosen.choice(self._parents)} if self._does("parent") else {}

    def _own(self, kind: str) -> dict[str, Any]:
        chosen = self._chosen
        match kind:
            case "progress":
                return {"progress": chosen.choice(_FRACTIONS)}
            case "status":
                return {"status": chosen.choice(self._words)}
            case "error":
                return {"error": chosen.choice(["boom", ""])}
            case "completed" if chosen.random() < 0.7:
                return {"result": chosen.choice(_RESULTS)}
            case _:
                return {}

    def _does(self, what: str) -> bool:
        return self._chosen.random() < self._chances[what]


_KINDS: Final = ("progress", "status", "error", "completed", "note")
