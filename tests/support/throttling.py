"""Events that come in ticks, full and merged: what a throttled reader is given of a story."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec

from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.job_event import check_job_event, is_terminal
from streamer.events.merging import Running, merged

from .job_stories import stories

_Said = tuple[str, dict[str, Any]]


class Told(NamedTuple):
    """A story as two readers are given it.

    Attributes:
        full: every event.
        ticks: after how many of `full` a batch went out, ascending; all of them in the end.
        given: what was in each batch.
        resumed: what a reader is given instead that was cut within one of them.
    """

    name: str
    topic: str
    full: list[Event]
    ticks: list[int]
    given: list[list[Event]]
    resumed: list[Event]

    @property
    def merged(self) -> list[Event]:
        return [event for batch in self.given for event in batch]


def event(number: int, topic: str, kind: str, fields: dict[str, Any]) -> Event:
    """The event of that number: a second after the one before it."""
    return Event(
        Cursor(1_000_000 + 1000 * number, 0),
        kind,
        (topic,),
        msgspec.json.encode(fields),
        terminal=is_terminal(check_job_event(kind, fields)),
    )


def told(name: str, topic: str, said: Sequence[_Said], chosen: Random) -> Told:
    """A story in ticks, and cut once: `chosen` draws where."""
    full = [event(number, topic, *one) for number, one in enumerate(said)]
    often = chosen.choice([0.02, 0.1, 0.5])
    ticks = [n for n in range(1, len(full)) if chosen.random() < often] + [len(full)]
    running, given = Running(), []
    for start, stop in zip([0, *ticks], ticks, strict=False):
        batch = full[start:stop]
        if chosen.random() < 0.3:  # some of it was merged before its time
            some = chosen.randrange(len(batch) + 1)
            batch = [*merged(batch[:some], running.copy()), *batch[some:]]
        given.append(merged(batch, running))
    sent = [event for batch in given for event in batch]
    before = sent[: chosen.randrange(len(sent) + 1)]
    cursor = (before[-1].id if before else None) or ORIGIN
    rest = [event for event in full if event.id is not None and event.id > cursor]
    page = chosen.randint(1, len(rest) + 1)
    pages = [merged(rest[n : n + page]) for n in range(0, len(rest), page)]
    resumed = [*before, *(event for some in pages for event in some)]
    return Told(name, topic, full, ticks, given, resumed)


def throttled_stories() -> Iterator[Told]:
    """Those of `job_stories`, with much more progress between."""
    for story in stories():
        chosen = Random(story.name)
        said: list[_Said] = []
        busy = chosen.random()
        for kind, fields in story.events:
            said.append((kind, fields))
            while kind == "progress" and chosen.random() < busy:
                again = fields | {"progress": chosen.choice([0.125, 0.25, 0.5])}
                said.append((kind, again | chosen.choice([{}, {"message": "more"}])))
            known = [one for one in said[-9:] if one[0] == "progress"]
            while known and chosen.random() < busy:
                said.append(("progress", chosen.choice(known)[1]))
        yield told(story.name, story.topic, said, chosen)


def answers(seed: int) -> Told:
    """Two answers of a conversation, of which one may begin anew, and what else is said there."""
    chosen = Random(seed)
    attempts = {"a": 1, "b": 1}
    said: list[_Said] = []
    names = chosen.choice([["a"], ["a", "a", "a", "b"], ["a", "b"]])
    chances = [*["ai_chunk"] * chosen.choice([2, 10, 40]), "note", "progress", "progress"]
    chances += ["ai_parts"] * chosen.choice([0, 10, 40])
    for number in range(chosen.randint(2, 60)):
        kind, answer = chosen.choice([*chances, "ai_reset"]), chosen.choice(names)
        match kind:
            case "ai_reset":
                attempts[answer] += 1
                said.append((kind, {"answer": answer, "attempt": attempts[answer]}))
            case "ai_chunk":
                piece = chosen.choice([f"{number} ", "é\u2028", "😀", '"\\\n', ""])
                fields = {"answer": answer, "chunk": piece, "attempt": attempts[answer]}
                opens = piece != "" and chosen.random() < 0.2
                said.append((kind, fields | ({"opens": True} if opens else {})))
            case "ai_parts":
                parts = [_part(chosen) for _ in range(chosen.randint(1, 3))]
                said.append((kind, {"answer": answer, "parts": parts, "attempt": attempts[answer]}))
            case "progress":
                said.append((kind, {"job_id": "j", "progress": 0.5}))
            case _:
                said.append((kind, {"n": number}))
    return told(f"seed {seed}", "chats/c", said, chosen)


def _part(chosen: Random) -> dict[str, Any]:
    """A piece of a text, of reasoning or of a tool's input; or a value."""
    said: dict[str, Any]
    match chosen.choice(["text", "reasoning", "reasoning", "tool_input", "data"]):
        case "tool_input":
            said = {"type": "tool_input", "tool_call": chosen.choice("12"), "text": '{"'}
        case "data":
            name: dict[str, Any] = chosen.choice([{}, {"id": "d"}, {"transient": True}])
            said = {"type": "data", "name": "n", **name, "data": chosen.random()}
        case kind:
            said = {"type": kind, "part": chosen.choice("pq"), "text": chosen.choice("abc")}
            said |= chosen.choice([{}, {}, {"opens": True}])
    return said
