"""Events in fewer: whoever folds what is left comes to what all of them come to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from streamer.events.answer import told_of
from streamer.events.answer_fold import AnswerFold
from streamer.events.control import Control
from streamer.events.cursor import Cursor
from streamer.events.event import Event, Run
from streamer.events.merging import (
    MAX_JOINED_BYTES,
    MAX_RUNNING,
    Running,
    merged,
    merged_run,
)
from streamer.events.snapshot import Snapshot
from support.requirements import needs
from support.throttling import Told, answers, event, throttled_stories
from support.waiting import LONG_DEADLINE

_FOLD: Final = Path(__file__).parents[1] / "web" / "fold-both.mjs"
_ANSWERS: Final = 400


def run(*said: tuple[str, dict[str, Any]], topic: str = "projects/p") -> list[Event]:
    return [event(number, topic, *one) for number, one in enumerate(said)]


def numbers(events: Sequence[Event | Control], of: Sequence[Event]) -> list[int]:
    """Which of them are left."""
    return [place for place, one in enumerate(of) if one in events]


def progress(value: float, **fields: object) -> tuple[str, dict[str, Any]]:
    return "progress", {"job_id": "j", "progress": value, **fields}


def piece(text: str, answer: str = "a", **fields: object) -> tuple[str, dict[str, Any]]:
    return "ai_chunk", {"answer": answer, "chunk": text, "attempt": 1, **fields}


def ephemeral(kind: str, **fields: object) -> Event:
    return Event(None, kind, ("chats/c",), json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param([progress(0.1), progress(0.2), progress(0.3)], [0, 2], id="first and newest"),
        pytest.param(
            [progress(0.1), progress(0.2, job_id="k"), progress(0.3), progress(0.4, job_id="k")],
            [0, 1, 2, 3],
            id="first of each job",
        ),
        pytest.param(
            [progress(n / 8, job_id="jk"[n % 2]) for n in range(8)],
            [0, 1, 6, 7],
            id="newest of each job",
        ),
        pytest.param(
            [progress(n / 8, task_name="tu"[n % 2]) for n in range(8)],
            [0, 1, 6, 7],
            id="newest of each task",
        ),
        pytest.param(
            [progress(0.1), progress(0.2, message="hello"), progress(0.3), progress(0.4)],
            [0, 1, 3],
            id="a message that nothing newer has",
        ),
        pytest.param(
            [
                progress(0.1),
                progress(0.2, message="hello"),
                progress(0.3),
                progress(0.4, message="bye"),
            ],
            [0, 3],
            id="a message that a newer one replaces",
        ),
        pytest.param(
            [
                progress(0.1),
                progress(0.2),
                ("status", {"job_id": "j", "status": "retrying"}),
                progress(0.3),
                progress(0.4),
            ],
            [0, 1, 2, 3, 4],
            id="nothing across another event of the job",
        ),
        pytest.param(
            [
                progress(0.1),
                progress(0.2),
                ("status", {"job_id": "k", "status": "queued"}),
                progress(0.3),
            ],
            [0, 1, 2, 3],
            id="nothing across the beginning of another job",
        ),
        pytest.param(
            [
                progress(0.1, job_id="k"),
                progress(0.1),
                progress(0.2),
                ("status", {"job_id": "k", "status": "stalled"}),
                progress(0.3),
            ],
            [0, 1, 3, 4],
            id="but across the event of one that runs",
        ),
        pytest.param(
            [progress(0.1), progress(0.2, attempt=1), progress(0.3, attempt=2)],
            [0, 1, 2],
            id="other attempts",
        ),
        pytest.param(
            [progress(0.1), ("progress", {"job_id": 7, "progress": 1}), progress(0.3)],
            [0, 1, 2],
            id="one that is malformed is left, and forgets what was known",
        ),
        pytest.param(
            [("note", {"n": 1}), ("note", {"n": 1}), ("completed", {"job_id": "j"})],
            [0, 1, 2],
            id="everything else",
        ),
    ],
)
def test_of_progress_the_newest_is_left(
    said: list[tuple[str, dict[str, Any]]], left: list[int]
) -> None:
    events = [
        Event(Cursor(1 + number, 0), kind, ("projects/p",), json.dumps(fields).encode())
        for number, (kind, fields) in enumerate(said)
    ]
    assert numbers(merged(events), events) == left


def test_the_first_of_a_job_that_is_known_to_run_is_left_out_too() -> None:
    running = Running()
    events = run(*[progress(n / 8) for n in range(8)])
    merged(events[:4], running)
    assert numbers(merged(events[4:], running), events) == [7]
    running.clear()
    assert numbers(merged(events[4:], running), events) == [4, 7]


def test_the_job_heard_of_least_lately_is_not_known_to_run_for_ever() -> None:
    """A snapshot forgets as many."""
    running = Running()
    merged(
        run(progress(0.1), *[progress(0.1, job_id=f"k{n}") for n in range(MAX_RUNNING)]), running
    )
    again = run(progress(0.2), progress(0.3))
    assert merged(again, running) == again


def test_on_a_jobs_own_topic_an_event_of_another_job_forgets_what_was_known() -> None:
    events = run(*[progress(0.1, job_id="j")] * 3, ("progress", {"progress": 0.1}), topic="jobs/j")
    assert numbers(merged(events), events) == [0, 2, 3]


def test_pieces_of_an_answer_are_joined_with_the_id_of_the_last() -> None:
    events = run(piece("Hel"), piece("lo,"), piece(" é\u2028"), topic="chats/c")
    (joined,) = merged(events)
    assert joined.id == events[-1].id
    assert joined.type == "ai_chunk"
    assert json.loads(joined.fields) == {"answer": "a", "chunk": "Hello, é\u2028", "attempt": 1}
    assert "\u2028".encode() not in joined.fields


def test_pieces_are_joined_across_what_is_left_out_and_what_has_no_id() -> None:
    events = run(progress(0.1), piece("a"), progress(0.2), piece("b"), progress(0.3))
    events.insert(2, ephemeral("typing", user="7", is_typing=True))
    left = merged(events)
    assert [one.type for one in left] == ["progress", "typing", "ai_chunk", "progress"]
    assert b'"ab"' in left[2].fields


def test_what_is_said_with_the_first_piece_alone_is_kept_and_begins_another() -> None:
    events = run(
        piece("a", opens=True), piece("b"), piece("c", opens=True, part="2"), piece("d", part="2")
    )
    left = merged(events)
    assert [json.loads(one.fields)["chunk"] for one in left] == ["ab", "cd"]
    assert all(json.loads(one.fields)["opens"] for one in left)


def test_parts_are_joined_and_of_one_part_that_goes_on_the_pieces() -> None:
    def parts(*some: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "ai_parts", {"answer": "a", "parts": list(some), "attempt": 1}

    opens = {"type": "reasoning", "part": "r", "text": "Let", "opens": True}
    more = {"type": "reasoning", "part": "r", "text": " me"}
    source = {"type": "source", "url": "https://example.org"}
    (joined,) = merged(run(parts(opens), parts(more, more), parts(source), parts(more)))
    said = [{**opens, "text": "Let me me"}, source, more]
    assert json.loads(joined.fields)["parts"] == said


@pytest.mark.parametrize(
    "between",
    [
        ("note", {}),
        piece("x", answer="b"),
        piece("x", attempt=2),
        piece("x", reply_to="1-0"),
        ("ai_reset", {"answer": "a", "attempt": 2}),
        ("ai_chunk", {"answer": "a", "chunk": 7, "attempt": 1}),
    ],
)
def test_pieces_are_not_joined_across_an_event_with_an_id(
    between: tuple[str, dict[str, Any]],
) -> None:
    """Who is cut behind that event resumes there: the piece before it would be lost."""
    events = run(piece("a"), between, piece("b"))
    assert merged(events) == events


def test_pieces_are_not_joined_across_a_control() -> None:
    """Nor is progress: a gap moves the cursor."""
    first, second = run(piece("a"), progress(0.1)), run(piece("b"), progress(0.2))
    items: list[Event | Control] = [*first, Control("gap"), *second]
    assert merged(items) == items


def test_what_is_joined_fits_into_a_frame() -> None:
    text = "x" * (MAX_JOINED_BYTES // 3)
    events = run(*[piece(text)] * 5)
    left = merged(events)
    assert len(left) == 3
    assert all(len(one.fields) <= MAX_JOINED_BYTES for one in left)
    assert "".join(json.loads(one.fields)["chunk"] for one in left) == text * 5


def test_of_the_ephemeral_the_newest_of_each_user_and_kind_is_left() -> None:
    events = [
        ephemeral("typing", user="7", is_typing=True),
        ephemeral("typing", user="8", is_typing=True),
        ephemeral("read", reader="7", cursor="1-0"),
        ephemeral("typing", user="7", is_typing=False),
        ephemeral("read", reader="7", cursor="2-0"),
        ephemeral("cursor", user="7", x=1),
        ephemeral("cursor", user="7", x=2),
        ephemeral("progress", job_id="j", progress=0.1),
        ephemeral("progress", job_id="j", progress=0.2),
        ephemeral("typing", user=7),
        ephemeral("typing", user=7),
    ]
    assert numbers(merged(events), events) == [1, 3, 4, 5, 6, 8, 9, 10]


def test_a_run_is_merged_once() -> None:
    whole = Run(run(progress(0.1), progress(0.2), progress(0.3)))
    assert merged_run(whole) is merged_run(whole)
    assert len(merged_run(whole)) == 2


# What all of it is for


def folded(topic: str, events: Sequence[Event], looks: Iterable[int]) -> list[dict[str, Any]]:
    """The snapshot after so many of them each, and in which order it has what it has."""
    state, seen, wanted = Snapshot(), [], set(looks)
    for number, one in enumerate(events, start=1):
        state = state.after(one, topic)
        if number in wanted:
            fields = state.at(Cursor(1, 0)).to_fields()
            tasks = {name: bytes(body) for name, body in fields["tasks"].items()}
            order = [list(fields["jobs"]), list(tasks)]
            seen.append({**fields, "tasks": tasks, "order": order, "ended": state.states.ended})
    return seen


def increasing(events: Sequence[Event]) -> bool:
    ids = [one.id for one in events if one.id is not None]
    return all(before < after for before, after in pairwise(ids))


def test_folding_what_is_left_is_folding_all_of_it() -> None:
    """After each batch, and for who is cut within one: of Python's snapshots."""
    saved = 0
    for story in throttled_stories():
        assert increasing(story.merged)
        assert increasing(story.resumed)
        full = folded(story.topic, story.full, story.ticks)
        left = folded(story.topic, story.merged, accumulate(map(len, story.given)))
        assert left == full, story.name
        assert folded(story.topic, story.resumed, [len(story.resumed)]) == full[-1:], story.name
        saved += len(story.full) - len(story.merged)
    assert saved > 1000, "nothing was merged"


def line_of(story: Told, events: Sequence[Event], looks: Sequence[int]) -> str:
    bodies = [json.loads(one.body) for one in events]
    return json.dumps({"topic": story.topic, "bodies": bodies, "looks": list(looks)})


def test_a_page_and_the_client_come_to_the_same() -> None:
    told = list(throttled_stories())
    lines = [
        line
        for story in told
        for line in (
            line_of(story, story.full, story.ticks),
            line_of(story, story.merged, list(accumulate(map(len, story.given)))),
            line_of(story, story.resumed, [len(story.resumed)]),
        )
    ]
    done = subprocess.run(
        [needs("node"), _FOLD],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stdout.strip().split("\n")]
    for story, full, left, resumed in zip(told, seen[::3], seen[1::3], seen[2::3], strict=True):
        assert left == full, story.name
        assert resumed == full[-1:], story.name


def texts_of(events: Sequence[Event]) -> dict[str, Any]:
    """What each answer has said, as docs/ANSWERS.md says; and as whoever folds it has it."""
    texts: dict[str, Any] = {}
    folds: dict[str, AnswerFold] = {}
    for one in events:
        told = told_of(one)
        if told is None:
            continue
        folds.setdefault(told.answer, AnswerFold(told.answer)).take(one, told)
        if one.type == "ai_reset":
            texts[told.answer] = ""
        elif one.type == "ai_chunk":
            texts[told.answer] = texts.get(told.answer, "") + told.chunk
    return texts | {f"{name} folded": fold.parts() for name, fold in folds.items()}


def test_the_text_of_answers_is_the_same() -> None:
    saved = 0
    for seed in range(_ANSWERS):
        story = answers(seed)
        assert increasing(story.merged)
        for batch, tick in zip(accumulate(map(len, story.given)), story.ticks, strict=True):
            assert texts_of(story.merged[:batch]) == texts_of(story.full[:tick]), story.name
        assert texts_of(story.resumed) == texts_of(story.full), story.name
        saved += len(story.full) - len(story.merged)
    assert saved > 1000, "nothing was joined"
